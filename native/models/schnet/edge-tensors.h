#pragma once
#include <algorithm>
#include <map>
#include <memory>
#include <vector>

#include "core/parallel.h"
#include "models/schnet/interaction.h"
#include "nn/half.h"

// What a deep-learning framework works with: one value, or one row of features, per directed edge,
// as arrays in memory. Only the `baseline` pipeline uses these.
namespace mdlab {

// Stored element S, computed as T.
inline float get(float x) { return x; }
inline double get(double x) { return x; }
inline float get(Half x) { return fromHalf(x); }
inline void put(float& to, float x) { to = x; }
inline void put(double& to, double x) { to = x; }
inline void put(Half& to, float x) { to = toHalf(x); }

// Arrays that come and go by size, kept for reuse as a framework's caching allocator does; a Buffer
// in use or waiting counts as held.
template <class S>
class TensorPool {
 public:
  class Tensor {
   public:
    Tensor() = default;
    Tensor(TensorPool* pool, Buffer<S>&& memory) : pool_(pool), memory_(std::move(memory)) {}
    ~Tensor() { release(); }
    Tensor(Tensor&&) = default;
    Tensor& operator=(Tensor&& o) noexcept {
      release();
      pool_ = o.pool_;
      memory_ = std::move(o.memory_);
      return *this;
    }
    void release() {
      if (pool_ && memory_.data()) pool_->keep(std::move(memory_));
      memory_ = Buffer<S>();
    }
    S* data() { return memory_.data(); }
    const S* data() const { return memory_.data(); }
    S* row(std::int64_t e, int width) { return memory_.data() + e * width; }

   private:
    TensorPool* pool_ = nullptr;
    Buffer<S> memory_;
  };

  Tensor take(std::size_t count) {
    auto& waiting = free_[count];
    if (waiting.empty()) return Tensor(this, Buffer<S>(count));
    Buffer<S> memory = std::move(waiting.back());
    waiting.pop_back();
    return Tensor(this, std::move(memory));
  }
  // Frees what waits in other sizes than the next evaluation will ask for.
  void clear() { free_.clear(); }

 private:
  void keep(Buffer<S>&& memory) {
    const std::size_t count = memory.size();
    free_[count].push_back(std::move(memory));
  }
  std::map<std::size_t, std::vector<Buffer<S>>> free_;
};

// Directed edges i <- j in row order, with their displacements, and the order that groups them by
// j.
template <class T>
struct EdgeList {
  std::int64_t count = 0;
  Buffer<std::int64_t> rowStart;     // (atoms+1)
  Buffer<std::int64_t> i, j;         // (edges), 64-bit as frameworks index
  Buffer<std::int64_t> columnStart;  // (atoms+1); only for aggregation by segments
  Buffer<std::int64_t> byColumn;     // (edges): edges in order of j
  Buffer<double> d, r;               // (edges,3), (edges)

  void collect(const Geometry& geometry, bool columns);
};

constexpr std::int64_t edgesPerPiece = 1024;

template <class Body>
void overEdges(std::int64_t edges, const Body& body) {
  parallelFor(edges, edgesPerPiece, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t e = begin; e < end; ++e) body(e);
  });
}

// to[e] = from[index[e]]: rows of `width`.
template <class S, class T>
void gatherRows(const T* from, const Buffer<std::int64_t>& index, int width, S* to) {
  overEdges(static_cast<std::int64_t>(index.size()), [&](std::int64_t e) {
    const T* __restrict a = from + index[e] * width;
    S* __restrict b = to + e * width;
    for (int f = 0; f < width; ++f) put(b[f], a[f]);
  });
}

// to[index[e]] += from[e], as a framework's index_add: every thread takes its own columns, so that
// no two write one number.
template <class S, class T>
void scatterAdd(const S* from, const Buffer<std::int64_t>& index, int width, std::int64_t rows,
                T* to) {
  std::fill(to, to + rows * width, T(0));
  const int vectors = width / lanes<T>, pieces = std::min(vectors, threads());
  const int columns = (vectors + pieces - 1) / pieces * lanes<T>;
  parallelFor(pieces, 1, [&](std::int64_t piece, std::int64_t, int) {
    const int first = static_cast<int>(piece) * columns, last = std::min(width, first + columns);
    for (std::size_t e = 0; e < index.size(); ++e) {
      const S* __restrict a = from + static_cast<std::int64_t>(e) * width;
      T* __restrict b = to + index[e] * width;
      for (int f = first; f < last; ++f) b[f] += get(a[f]);
    }
  });
}

// to[row] = Σ from[order[k]] over the row's segment; `order` empty: k itself.
template <class S, class T>
void segmentSum(const S* from, const Buffer<std::int64_t>& start, const Buffer<std::int64_t>& order,
                int width, T* to) {
  const auto rows = static_cast<std::int64_t>(start.size()) - 1;
  parallelFor(rows, 4, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t row = begin; row < end; ++row) {
      T* __restrict b = to + row * width;
      std::fill(b, b + width, T(0));
      for (std::int64_t k = start[row]; k < start[row + 1]; ++k) {
        const S* __restrict a = from + (order.size() ? order[k] : k) * width;
        for (int f = 0; f < width; ++f) b[f] += get(a[f]);
      }
    }
  });
}

// out (rows of c) = in (rows of a) · Wᵀ + bias, edge by edge in tiles; half-precision rows are
// widened and narrowed at the tile's edge.
template <class S, class T>
void edgeLinear(const S* in, int inStride, std::int64_t edges, const PackedWeights<T>& w,
                const T* bias, S* out, bool add = false) {
  constexpr std::int64_t tile = 96;
  const int outStride = w.stride();
  parallelFor(edges, tile, [&](std::int64_t begin, std::int64_t end, int) {
    const std::int64_t n = end - begin;
    if constexpr (std::is_same_v<S, T>) {
      multiply(in + begin * inStride, inStride, n, w, bias, out + begin * outStride, outStride,
               add);
    } else {
      thread_local Buffer<T> scratch;
      scratch.reset(tile * (inStride + outStride));
      T *a = scratch.data(), *c = a + tile * inStride;
      for (std::int64_t k = 0; k < n * inStride; ++k) a[k] = get(in[begin * inStride + k]);
      if (add)
        for (std::int64_t k = 0; k < n * outStride; ++k) c[k] = get(out[begin * outStride + k]);
      multiply(a, inStride, n, w, bias, c, outStride, add);
      for (std::int64_t k = 0; k < n * outStride; ++k) put(out[begin * outStride + k], c[k]);
    }
  });
}

}  // namespace mdlab

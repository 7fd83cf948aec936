#include "models/schnet/node-network.h"

#include <algorithm>

#include "core/parallel.h"
#include "nn/elementary.h"
#include "nn/half.h"

namespace mdlab {

template <class T>
NodeNetwork<T>::NodeNetwork(const SchnetConfig& c, const SchnetParameters& p, bool half)
    : activation_(c.activation),
      half_(half),
      H_(padded<T>(c.hidden)),
      F_(padded<T>(c.filters)),
      width_(std::max(H_, F_)),
      embedding_(std::size_t(c.types) * H_),
      y_(c.blocks),
      slope_(c.blocks) {
  embedding_.fill(0);
  for (int t = 0; t < c.types; ++t)
    for (int h = 0; h < c.hidden; ++h)
      embedding_[std::size_t(t) * H_ + h] =
          static_cast<T>(p.embedding[std::size_t(t) * c.hidden + h]);
  for (const SchnetBlock& b : p.blocks)
    blocks_.push_back({PackedLinear<T>(b.lin1, half), PackedLinear<T>(b.lin2, half),
                       PackedLinear<T>(b.lin, half)});
  for (const Linear& layer : p.head) {
    head_.emplace_back(layer);
    width_ = std::max({width_, head_.back().forward.stride(), head_.back().reverse.stride()});
  }
}

template <class T>
void NodeNetwork<T>::round(T* data, std::int64_t n) const {
  if constexpr (sizeof(T) == 4)
    if (half_) roundToHalf(data, n);
}

template <class T>
template <class Body>
void NodeNetwork<T>::overRows(const Body& body) {
  parallelFor(atoms_, tile, [&](std::int64_t begin, std::int64_t end, int) {
    thread_local Buffer<T> scratch;
    scratch.reset(std::size_t(3 * tile) * width_);
    body(begin, end - begin, scratch.data());
  });
}

template <class T>
void NodeNetwork<T>::embed(const Batch& batch) {
  atoms_ = batch.atoms();
  x_.reset(atoms_ * H_);
  m_.reset(atoms_ * F_);
  for (auto& y : y_) y.reset(atoms_ * F_);
  for (auto& s : slope_) s.reset(atoms_ * H_);
  overRows([&](std::int64_t first, std::int64_t rows, T* scratch) {
    for (std::int64_t i = first; i < first + rows; ++i)
      std::copy_n(embedding_.data() + std::int64_t{batch.types[i]} * H_, H_, x_.data() + i * H_);
    std::copy_n(x_.data() + first * H_, rows * H_, scratch);
    round(scratch, rows * H_);
    multiply<T>(scratch, H_, rows, blocks_[0].lin1.forward, nullptr, y_[0].data() + first * F_, F_);
  });
}

template <class T>
void NodeNetwork<T>::update(int block) {
  const Block& b = blocks_[block];
  overRows([&](std::int64_t first, std::int64_t rows, T* a) {
    T* x = x_.data() + first * H_;
    T* m = m_.data() + first * F_;
    round(m, rows * F_);
    multiply(m, F_, rows, b.lin2.forward, b.lin2.biasOrNull(), a, H_);
    elementary::activate(activation_, a, slope_[block].data() + first * H_, rows * H_);
    round(a, rows * H_);
    multiply(a, H_, rows, b.lin.forward, b.lin.biasOrNull(), x, H_, true);
    if (block + 1 == static_cast<int>(blocks_.size())) return;
    std::copy_n(x, rows * H_, a);
    round(a, rows * H_);
    multiply<T>(a, H_, rows, blocks_[block + 1].lin1.forward, nullptr,
                y_[block + 1].data() + first * F_, F_);
  });
}

// Forward and reverse of the output network at once, a tile of atoms at a time; x becomes g.
template <class T>
void NodeNetwork<T>::head(std::span<double> energies, bool gradient) {
  const int layers = static_cast<int>(head_.size());
  overRows([&](std::int64_t first, std::int64_t rows, T* scratch) {
    thread_local Buffer<T> slopes;  // act' of every hidden layer, each (tile, width)
    slopes.reset(std::size_t(layers) * tile * width_);
    T *in = x_.data() + first * H_, *out = scratch, *spare = scratch + std::int64_t{tile} * width_;
    int stride = H_;
    for (int k = 0; k < layers; ++k) {
      const int next = head_[k].forward.stride();
      multiply(in, stride, rows, head_[k].forward, head_[k].biasOrNull(), out, next);
      if (k + 1 < layers)
        elementary::activate(activation_, out, slopes.data() + std::int64_t{k} * tile * width_,
                             rows * next);
      in = out;
      std::swap(out, spare);
      stride = next;
    }
    for (std::int64_t i = 0; i < rows; ++i)
      energies[first + i] = static_cast<double>(in[i * stride]);
    if (!gradient) return;
    std::fill(in, in + rows * stride, T(0));
    for (std::int64_t i = 0; i < rows; ++i) in[i * stride] = T(1);
    for (int k = layers; k-- > 0;) {
      if (k + 1 < layers) {
        const T* slope = slopes.data() + std::int64_t{k} * tile * width_;
        for (std::int64_t q = 0; q < rows * stride; ++q) in[q] *= slope[q];
      }
      const int next = head_[k].reverse.stride();
      T* to = k == 0 ? x_.data() + first * H_ : out;
      multiply<T>(in, stride, rows, head_[k].reverse, nullptr, to, next);
      std::swap(in, out);
      stride = next;
    }
  });
}

template <class T>
void NodeNetwork<T>::reverseUpdate(int block) {
  const Block& b = blocks_[block];
  overRows([&](std::int64_t first, std::int64_t rows, T* a) {
    T* g = a + std::int64_t{tile} * width_;
    std::copy_n(x_.data() + first * H_, rows * H_, g);
    round(g, rows * H_);
    multiply<T>(g, H_, rows, b.lin.reverse, nullptr, a, H_);
    const T* slope = slope_[block].data() + first * H_;
    for (std::int64_t k = 0; k < rows * H_; ++k) a[k] *= slope[k];
    round(a, rows * H_);
    multiply<T>(a, H_, rows, b.lin2.reverse, nullptr, m_.data() + first * F_, F_);
  });
}

template <class T>
void NodeNetwork<T>::reverseLin1(int block, const T* gradY) {
  overRows([&](std::int64_t first, std::int64_t rows, T* scratch) {
    std::copy_n(gradY + first * F_, rows * F_, scratch);
    round(scratch, rows * F_);
    multiply<T>(scratch, F_, rows, blocks_[block].lin1.reverse, nullptr, x_.data() + first * H_, H_,
                true);
  });
}

template <class T>
double NodeNetwork<T>::bytes(double atoms) const {
  const double blocks = static_cast<double>(blocks_.size());
  return atoms * sizeof(T) * (H_ + F_ + blocks * (H_ + F_));
}

template class NodeNetwork<float>;
template class NodeNetwork<double>;

}  // namespace mdlab

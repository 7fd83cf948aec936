#include "models/schnet/flash.h"

#include <memory>

#include "core/parallel.h"
#include "nn/simd.h"

namespace mdlab {
namespace {

constexpr std::int64_t rowsPerPiece = 16;

template <class T>
class Flash final : public Interaction<T> {
  static constexpr int tile = FilterNetwork<T>::tile;

 public:
  explicit Flash(const InteractionContext<T>& context)
      : c_(context), geometry_(context.config), F_(padded<T>(context.config.filters)) {}

  void prepare(const Batch& batch, const NeighborList& list, bool gradient) override {
    geometry_.set(batch, list);
    if (gradient) forces_.clear(batch.atoms());
  }

  void forward(int block, const T* y, T* m) override {
    c_.clock.time("message", [&] {
      std::fill(m, m + std::int64_t{geometry_.atoms()} * F_, T(0));
      overTiles([&](Worker& w) {
        c_.filters[block].evaluate(w.r, w.count, w.w.data(), nullptr, true, w.scratch.data());
        for (int e = 0; e < w.count; ++e)
          gather(w.w.data() + e * F_, y + w.j[e] * F_, m + w.i[e] * F_);
      });
    });
  }

  void reverse(int block, const T* y, const T* gradM, T* gradY) override {
    c_.clock.time("message reverse", [&] {
      if (gradY) std::fill(gradY, gradY + std::int64_t{geometry_.atoms()} * F_, T(0));
      overTiles([&](Worker& w) {
        c_.filters[block].evaluate(w.r, w.count, w.w.data(), w.dw.data(),
                                   c_.options.envelopeGradient, w.scratch.data());
        for (int e = 0; e < w.count; ++e) {
          const std::int64_t i = w.i[e] * F_, j = w.j[e] * F_;
          if (gradY) gather(w.w.data() + e * F_, gradM + j, gradY + i);
          const T slope = pairSlope(w.dw.data() + e * F_, y + i, y + j, gradM + i, gradM + j);
          forces_.add(static_cast<std::int32_t>(w.i[e]), w.x[e], w.y[e], w.z[e], slope / w.r[e]);
        }
      });
    });
  }

  void finish(const Evaluation& out) override { forces_.flush(c_.config, geometry_.batch(), out); }

  double estimate(double, double atoms) const override {
    const double worker = sizeof(T) * (2.0 * tile * F_ + c_.filters.at(0).scratchSize());
    return atoms * (9 * sizeof(double) + sizeof(std::int32_t)) + threads() * worker;
  }

 private:
  // One thread's tile: up to `tile` edges of consecutive rows, their filters and room to make them.
  struct Worker {
    Worker(int width, std::int64_t scratchSize)
        : w(std::int64_t{tile} * width), dw(std::int64_t{tile} * width), scratch(scratchSize) {}
    int count = 0;
    std::int64_t i[tile], j[tile];
    double x[tile], y[tile], z[tile], r[tile];
    RowEdges row;
    Buffer<T> w, dw, scratch;
  };

  template <class Body>
  void overTiles(const Body& body) {
    parallelFor(geometry_.atoms(), rowsPerPiece,
                [&](std::int64_t begin, std::int64_t end, int worker) {
                  Worker& w = workers_.at(worker, F_, c_.filters.at(0).scratchSize());
                  w.count = 0;
                  for (std::int64_t i = begin; i < end; ++i) {
                    geometry_.row(static_cast<std::int32_t>(i), w.row);
                    for (int e = 0; e < w.row.count; ++e) {
                      push(w, i, e);
                      if (w.count == tile) flushTile(w, body);
                    }
                  }
                  if (w.count) flushTile(w, body);
                });
  }

  template <class Body>
  static void flushTile(Worker& w, const Body& body) {
    body(w);
    w.count = 0;
  }

  static void push(Worker& w, std::int64_t i, int e) {
    const int at = w.count++;
    w.i[at] = i;
    w.j[at] = w.row.j[e];
    w.x[at] = w.row.x[e];
    w.y[at] = w.row.y[e];
    w.z[at] = w.row.z[e];
    w.r[at] = w.row.r[e];
  }

  void gather(const T* __restrict w, const T* __restrict from, T* __restrict to) const {
    for (int f = 0; f < F_; ++f) to[f] += w[f] * from[f];
  }

  // Σ_f W'_f (y_i g_j + y_j g_i): dE/dr of the pair, both directions.
  T pairSlope(const T* dw, const T* yi, const T* yj, const T* gi, const T* gj) const {
    VectorOf<T> sum{};
    for (int v = 0; v < F_ / lanes<T>; ++v)
      sum += vectors(dw)[v] * (vectors(yi)[v] * vectors(gj)[v] + vectors(yj)[v] * vectors(gi)[v]);
    return total<T>(sum);
  }

  InteractionContext<T> c_;
  Geometry geometry_;
  int F_;
  ForceRows forces_;
  PerWorker<Worker> workers_;
};

}  // namespace

template <class T>
std::unique_ptr<Interaction<T>> makeFlash(const InteractionContext<T>& context) {
  return std::make_unique<Flash<T>>(context);
}
template std::unique_ptr<Interaction<float>> makeFlash(const InteractionContext<float>&);
template std::unique_ptr<Interaction<double>> makeFlash(const InteractionContext<double>&);

}  // namespace mdlab

#include "models/schnet/table.h"

#include <algorithm>

#include "core/parallel.h"
#include "models/schnet/pair-schedule.h"
#include "nn/packed-table.h"
#include "nn/simd.h"

namespace mdlab {
namespace {

template <class T>
class Table final : public Interaction<T> {
  using V = VectorOf<T>;

 public:
  Table(const InteractionContext<T>& context, const SchnetParameters& parameters)
      : c_(context), geometry_(context.config), F_(padded<T>(context.config.filters)) {
    // The source of the table is the network in double, whatever T is.
    const SchnetConfig& config = context.config;
    const RadialBasisTile<double> basis(config.basis);
    std::vector<FilterNetwork<double>> filters;
    for (const SchnetBlock& b : parameters.blocks) filters.emplace_back(config, b, basis, false);
    const auto& cutoff = config.basis.cutoff;
    const double tolerance = context.options.tolerance;
    const TableSource source = [&](int block, const double* r, int n, double* value,
                                   double* slope) {
      sample(filters[block], config.filters, r, n, value, slope);
    };
    if (const auto digits = digitsOf(context.options.entries))
      table_ = HermiteTable<T>(PackedTable(*digits, config.blocks, config.filters, cutoff.lower,
                                           cutoff.upper, tolerance, splineMostIntervals, source));
    else
      table_ = HermiteTable<T>(config.blocks, config.filters, cutoff.lower, cutoff.upper, tolerance,
                               source);
    report_ = {table_.grid().intervals(), table_.bytes(), tolerance, table_.errors()};
  }

  const TableReport* table() const override { return &report_; }

  void prepare(const Batch& batch, const NeighborList& list, bool gradient) override {
    geometry_.set(batch, list);
    schedule_.build(geometry_, table_.grid());
    if (!gradient) return;
    slope_.reset(schedule_.capacity());
    slope_.fill(0);
    forces_.clear(batch.atoms());
  }

  void forward(int block, const T* y, T* m) override {
    c_.clock.time("message", [&] {
      clear(m);
      overChunks([&]<int N>(int v) {
        const T* table = table_.coefficients(block, v);
        schedule_.run([&](const Group& g) {
          overRuns(
              g, [&](const Pair* p, std::int64_t, int n) { forwardRun<N>(table, p, n, v, y, m); });
        });
      });
    });
  }

  void reverse(int block, const T* y, const T* gradM, T* gradY) override {
    c_.clock.time("message reverse", [&] {
      if (gradY) clear(gradY);
      overChunks([&]<int N>(int v) {
        const T* table = table_.coefficients(block, v);
        schedule_.run([&](const Group& g) {
          overRuns(g, [&](const Pair* p, std::int64_t first, int n) {
            if (gradY)
              reverseRun<N, true>(table, p, n, v, y, gradM, gradY, slope_.data() + first);
            else
              reverseRun<N, false>(table, p, n, v, y, gradM, gradY, slope_.data() + first);
          });
        });
      });
    });
  }

  void finish(const Evaluation& out) override {
    c_.clock.time("forces", [&] {
      schedule_.run([&](const Group& g) {
        for (std::int64_t k = g.begin; k < g.end; ++k) {
          const Pair& p = schedule_.data()[k];
          const double r = p.r, slope = double(slope_[k]) * p.perWidth / r;
          const double x = p.x * r, y = p.y * r, z = p.z * r;
          forces_.add(p.i, x, y, z, slope);
          forces_.add(p.j, -x, -y, -z, slope);
        }
      });
      forces_.flush(c_.config, geometry_.batch(), out);
    });
  }

  double estimate(double edges, double atoms) const override {
    return (edges / 2 + atoms) * (sizeof(Pair) + sizeof(T)) + edges / 2 * sizeof(T) +
           atoms * (9 * sizeof(double) + sizeof(std::int32_t)) + table_.bytes();
  }

 private:
  using Pair = TablePair<T>;
  using Group = typename PairSchedule<T>::Group;

  static void sample(const FilterNetwork<double>& net, int channels, const double* r, int n,
                     double* value, double* slope) {
    constexpr int tile = FilterNetwork<double>::tile;
    thread_local Buffer<double> memory;
    const std::int64_t rows = std::int64_t{tile} * net.stride();
    memory.reset(2 * rows + net.scratchSize());
    double *w = memory.data(), *dw = w + rows, *scratch = dw + rows;
    for (int first = 0; first < n; first += tile) {
      const int count = std::min(tile, n - first);
      net.evaluate(r + first, count, w, dw, true, scratch);
      for (int e = 0; e < count; ++e) {
        std::copy_n(w + e * net.stride(), channels, value + std::int64_t{first + e} * channels);
        std::copy_n(dw + e * net.stride(), channels, slope + std::int64_t{first + e} * channels);
      }
    }
  }

  void clear(T* rows) const {
    parallelFor(geometry_.atoms(), 256, [&](std::int64_t begin, std::int64_t end, int) {
      std::fill(rows + begin * F_, rows + end * F_, T(0));
    });
  }

  // body(first pair, its index, pairs) for every run of pairs of a group with the same i.
  template <class Body>
  void overRuns(const Group& g, const Body& body) const {
    const Pair* pairs = schedule_.data();
    for (std::int64_t k = g.begin; k < g.end;) {
      std::int64_t end = k + 1;
      while (end < g.end && pairs[end].i == pairs[k].i) ++end;
      body(pairs + k, k, static_cast<int>(end - k));
      k = end;
    }
  }

  // body.operator()<vectors>(first vector) for all chunks of channels, one after the other.
  template <class Body>
  void overChunks(const Body& body) const {
    const int vectorCount = F_ / lanes<T>;
    for (int v = 0; v < vectorCount;) {
      const int n = HermiteTable<T>::chunkVectors(v, vectorCount);
      if (n == HermiteTable<T>::chunk)
        body.template operator()<HermiteTable<T>::chunk>(v);
      else
        body.template operator()<1>(v);
      v += n;
    }
  }

  // m_i += W y_j and m_j += W y_i, channels of N vectors from v on.
  template <int N>
  void forwardRun(const T* table, const Pair* p, int n, int v, const T* y, T* m) const {
    const std::int64_t i = std::int64_t{p->i} * F_ + v * lanes<T>;
    V yi[N], mi[N];
    for (int k = 0; k < N; ++k) {
      yi[k] = vectors(y + i)[k];
      mi[k] = V{};
    }
    for (int e = 0; e < n; ++e) {
      const V* c = vectors(table) + std::int64_t{p[e].interval} * 4 * N;
      const std::int64_t j = std::int64_t{p[e].j} * F_ + v * lanes<T>;
      const V* yj = vectors(y + j);
      V* mj = vectors(m + j);
      const T u = p[e].u;
#pragma GCC unroll 8
      for (int k = 0; k < N; ++k) {
        const V w = c[4 * k] + u * (c[4 * k + 1] + u * (c[4 * k + 2] + u * c[4 * k + 3]));
        mi[k] += w * yj[k];
        mj[k] += w * yi[k];
      }
    }
    for (int k = 0; k < N; ++k) vectors(m + i)[k] += mi[k];
  }

  // gradY_i += W g_j, gradY_j += W g_i, and dE/du += Σ (dW/du)(y_i g_j + y_j g_i).
  template <int N, bool WithY>
  void reverseRun(const T* table, const Pair* p, int n, int v, const T* y, const T* g, T* gradY,
                  T* slope) const {
    const std::int64_t i = std::int64_t{p->i} * F_ + v * lanes<T>;
    V yi[N], gi[N], sum[N];
    for (int k = 0; k < N; ++k) {
      yi[k] = vectors(y + i)[k];
      gi[k] = vectors(g + i)[k];
      sum[k] = V{};
    }
    for (int e = 0; e < n; ++e) {
      const V* c = vectors(table) + std::int64_t{p[e].interval} * 4 * N;
      const std::int64_t j = std::int64_t{p[e].j} * F_ + v * lanes<T>;
      const V *yj = vectors(y + j), *gj = vectors(g + j);
      const T u = p[e].u, u2 = u + u, u3 = T(3) * u * u;
      V part{};
#pragma GCC unroll 8
      for (int k = 0; k < N; ++k) {
        const V c1 = c[4 * k + 1], c2 = c[4 * k + 2], c3 = c[4 * k + 3];
        part += (c1 + u2 * c2 + u3 * c3) * (yi[k] * gj[k] + yj[k] * gi[k]);
        if constexpr (WithY) {
          const V w = c[4 * k] + u * (c1 + u * (c2 + u * c3));
          sum[k] += w * gj[k];
          vectors(gradY + j)[k] += w * gi[k];
        }
      }
      slope[e] += total<T>(part);
    }
    if constexpr (WithY)
      for (int k = 0; k < N; ++k) vectors(gradY + i)[k] += sum[k];
  }

  InteractionContext<T> c_;
  Geometry geometry_;
  int F_;
  HermiteTable<T> table_;
  TableReport report_;
  PairSchedule<T> schedule_;
  Buffer<T> slope_;  // dE/du of each pair, in the schedule's order
  ForceRows forces_;
};

}  // namespace

template <class T>
std::unique_ptr<Interaction<T>> makeTable(const InteractionContext<T>& context,
                                          const SchnetParameters& parameters) {
  return std::make_unique<Table<T>>(context, parameters);
}
template std::unique_ptr<Interaction<float>> makeTable(const InteractionContext<float>&,
                                                       const SchnetParameters&);
template std::unique_ptr<Interaction<double>> makeTable(const InteractionContext<double>&,
                                                        const SchnetParameters&);

}  // namespace mdlab

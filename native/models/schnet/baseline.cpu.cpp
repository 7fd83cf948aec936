#include "models/schnet/baseline.h"

#include <cmath>

#include "models/schnet/edge-tensors.h"
#include "models/schnet/fused-messages.h"
#include "nn/elementary.h"

namespace mdlab {
namespace {

template <class T, class S>
class Baseline final : public Interaction<T> {
  using Tensor = typename TensorPool<S>::Tensor;
  static constexpr int tile = FilterNetwork<T>::tile;

 public:
  explicit Baseline(const InteractionContext<T>& context)
      : c_(context),
        geometry_(context.config),
        K_(context.basis.stride()),
        F_(padded<T>(context.config.filters)),
        saved_(context.config.blocks),
        fused_(context, edges_) {}

  void prepare(const Batch& batch, const NeighborList& list, bool gradient) override {
    for (Saved& s : saved_) s = {};
    gaussian_.release();
    basis_.release();
    gradBasis_.release();
    geometry_.set(batch, list);
    const std::int64_t before = edges_.count;
    edges_.collect(geometry_, c_.options.techniques.aggregation);
    if (edges_.count != before) pool_.clear();
    gradient_ = gradient;
    makeBasis();
    if (!gradient) return;
    forces_.clear(batch.atoms());
    gradEnvelope_.reset(edges_.count);
    gradEnvelope_.fill(0);
    gradBasis_ = tensor(K_);
    std::fill(gradBasis_.data(), gradBasis_.data() + edges_.count * K_, S{});
  }

  void forward(int block, const T* y, T* m) override {
    if (c_.options.techniques.messagePassing)
      return c_.clock.time("message",
                           [&] { fused_.forward(block, basis_.data(), envelope_.data(), y, m); });
    const FilterNetwork<T>& net = c_.filters[block];
    Saved& s = saved_[block];
    c_.clock.time("filter", [&] {
      Tensor pre = linear(basis_, K_, net.filter1.forward, net.filter1.biasOrNull());
      Tensor hidden = tensor(F_);
      activateRows(pre.data(), hidden.data());
      s.w = linear(hidden, F_, net.filter2.forward, net.filter2.biasOrNull());
      // tanh' follows from the output, the others' from the input.
      s.activation = isTanh() ? std::move(hidden) : std::move(pre);
    });
    c_.clock.time("envelope", [&] {
      s.filter = tensor(F_);
      overEdges(edges_.count, [&](std::int64_t e) {
        scaleRow(s.w.row(e, F_), envelope_[e], s.filter.row(e, F_), F_);
      });
    });
    c_.clock.time("gather", [&] {
      s.gathered = tensor(F_);
      gatherRows(y, edges_.j, F_, s.gathered.data());
    });
    Tensor message;
    c_.clock.time("message", [&] { message = product(s.filter, s.gathered); });
    c_.clock.time("aggregate", [&] { aggregate(message.data(), edges_.i, true, m); });
    if (!gradient_) s = {};
  }

  void reverse(int block, const T* y, const T* gradM, T* gradY) override {
    if (c_.options.techniques.messagePassing)
      return c_.clock.time("message reverse", [&] {
        fused_.reverse(block, basis_.data(), envelope_.data(), y, gradM, gradY, gradBasis_.data(),
                       gradEnvelope_.data());
      });
    const FilterNetwork<T>& net = c_.filters[block];
    Saved s = std::move(saved_[block]);
    Tensor gradMessage = tensor(F_), gradFilter;
    c_.clock.time("gather reverse", [&] { gatherRows(gradM, edges_.i, F_, gradMessage.data()); });
    c_.clock.time("message reverse", [&] { gradFilter = product(gradMessage, s.gathered); });
    s.gathered.release();
    if (gradY) {
      Tensor gradGathered;
      c_.clock.time("message reverse", [&] { gradGathered = product(gradMessage, s.filter); });
      c_.clock.time("aggregate reverse",
                    [&] { aggregate(gradGathered.data(), edges_.j, false, gradY); });
    }
    gradMessage.release();
    s.filter.release();
    c_.clock.time("envelope reverse", [&] {
      overEdges(edges_.count, [&](std::int64_t e) {
        gradEnvelope_[e] += dotRow(gradFilter.row(e, F_), s.w.row(e, F_), F_);
        scaleRow(gradFilter.row(e, F_), envelope_[e], gradFilter.row(e, F_), F_);
      });
    });
    s.w.release();
    c_.clock.time("filter reverse", [&] {
      Tensor gradHidden = linear(gradFilter, F_, net.filter2.reverse, nullptr);
      activateReverse(s.activation.data(), gradHidden.data());
      edgeLinear<S, T>(gradHidden.data(), F_, edges_.count, net.filter1.reverse, nullptr,
                       gradBasis_.data(), true);
    });
  }

  void finish(const Evaluation& out) override {
    basisReverse();
    // Positions get their gradient by scatter-add over both ends of every edge.
    c_.clock.time("forces", [&] {
      for (std::int64_t e = 0; e < edges_.count; ++e) {
        const double* d = edges_.d.data() + 3 * e;
        const double slope = gradR_[e] / edges_.r[e];
        forces_.add(static_cast<std::int32_t>(edges_.i[e]), d[0], d[1], d[2], slope);
        forces_.add(static_cast<std::int32_t>(edges_.j[e]), -d[0], -d[1], -d[2], slope);
      }
      forces_.flush(c_.config, geometry_.batch(), out);
    });
  }

  double estimate(double edges, double atoms) const override {
    const auto& t = c_.options.techniques;
    const double basis = K_ * (t.radialBasis ? 2.0 : 3.0);
    // Kept per block: activation, w, filter, gathered; plus three at the height of the reverse.
    const double rows = t.messagePassing ? 0.0 : F_ * (4.0 * c_.config.blocks + 3.0);
    const double scalars = 2 * sizeof(std::int64_t) + 5 * sizeof(double) + 3 * sizeof(T) +
                           (t.aggregation ? sizeof(std::int64_t) : 0);
    return edges * (sizeof(S) * (basis + rows) + scalars) + atoms * (9 * sizeof(double) + 20.0) +
           (t.messagePassing && !t.aggregation ? FusedMessages<T, S>::scatterBytes(atoms, F_) : 0);
  }

 private:
  struct Saved {
    Tensor activation, w, filter, gathered;  // (E,F) each
  };

  Tensor tensor(int width) { return pool_.take(std::size_t(edges_.count) * width); }
  bool isTanh() const { return c_.config.activation == Activation::tanh; }

  // ---- radial basis ----

  void makeBasis() {
    const std::int64_t E = edges_.count;
    envelope_.reset(E);
    gradR_.reset(E);
    basis_ = tensor(K_);
    if (c_.options.techniques.radialBasis) {
      parallelFor(E, edgesPerPiece,
                  [&](std::int64_t begin, std::int64_t end, int) { onePassBasis(begin, end); });
      return;
    }
    // Distance, envelope, argument, difference, exponential, product: an operation each.
    parallelFor(E, edgesPerPiece, [&](std::int64_t begin, std::int64_t end, int) {
      c_.basis.envelope(edges_.r.data() + begin, end - begin, envelope_.data() + begin, nullptr);
    });
    argument_.reset(E);
    parallelFor(E, edgesPerPiece, [&](std::int64_t begin, std::int64_t end, int) {
      c_.basis.argument(edges_.r.data() + begin, end - begin, argument_.data() + begin, nullptr);
    });
    Tensor difference = tensor(K_);
    const T *center = c_.basis.centers(), *width = c_.basis.widths();
    overEdges(E, [&](std::int64_t e) {
      S* __restrict a = difference.row(e, K_);
      for (int k = 0; k < K_; ++k) put(a[k], argument_[e] - center[k]);
    });
    gaussian_ = tensor(K_);
    overEdges(E, [&](std::int64_t e) {
      const S* __restrict a = difference.row(e, K_);
      S* __restrict g = gaussian_.row(e, K_);
      for (int k = 0; k < K_; ++k) {
        const T x = get(a[k]);
        put(g[k], RadialBasisTile<T>::gaussian(-width[k] * x * x));
      }
    });
    overEdges(E, [&](std::int64_t e) {
      scaleRow(gaussian_.row(e, K_), envelope_[e], basis_.row(e, K_), K_);
    });
  }

  void onePassBasis(std::int64_t begin, std::int64_t end) {
    thread_local Buffer<T> scratch;
    scratch.reset(edgesPerPiece + K_);
    T *argument = scratch.data(), *row = argument + edgesPerPiece;
    c_.basis.envelope(edges_.r.data() + begin, end - begin, envelope_.data() + begin, nullptr);
    c_.basis.argument(edges_.r.data() + begin, end - begin, argument, nullptr);
    for (std::int64_t e = begin; e < end; ++e) {
      c_.basis.row(envelope_[e], T(0), argument[e - begin], T(0), row, nullptr);
      S* __restrict to = basis_.row(e, K_);
      for (int k = 0; k < K_; ++k) put(to[k], row[k]);
    }
  }

  // dE/dr of every edge from dE/dφ and dE/dC.
  void basisReverse() {
    c_.clock.time("basis reverse", [&] {
      const std::int64_t E = edges_.count;
      parallelFor(E, edgesPerPiece, [&](std::int64_t begin, std::int64_t end, int) {
        thread_local Buffer<T> scratch;
        scratch.reset(4 * edgesPerPiece + 2 * K_);
        T *c = scratch.data(), *dc = c + edgesPerPiece, *t = dc + edgesPerPiece,
          *dt = t + edgesPerPiece, *phi = dt + edgesPerPiece, *dphi = phi + K_;
        const std::int64_t n = end - begin;
        c_.basis.envelope(edges_.r.data() + begin, n, c, dc);
        c_.basis.argument(edges_.r.data() + begin, n, t, dt);
        const bool stored = !c_.options.techniques.radialBasis;
        for (std::int64_t e = begin; e < end; ++e) {
          const std::int64_t k = e - begin;
          if (stored)
            storedSlopes(e, c[k], dc[k], t[k], dt[k], dphi);
          else
            c_.basis.row(c[k], dc[k], t[k], dt[k], phi, dphi);
          const T outer = c_.options.envelopeGradient ? gradEnvelope_[e] * dc[k] : T(0);
          gradR_[e] = outer + dotRow(gradBasis_.row(e, K_), dphi, c_.basis.count());
        }
      });
    });
  }

  // φ' from the Gaussians kept by the forward pass.
  void storedSlopes(std::int64_t e, T c, T dc, T t, T dt, T* __restrict dphi) {
    const S* __restrict g = gaussian_.row(e, K_);
    const T *center = c_.basis.centers(), *width = c_.basis.widths();
    for (int k = 0; k < K_; ++k)
      dphi[k] = get(g[k]) * (dc - T(2) * c * width[k] * (t - center[k]) * dt);
  }

  // ---- operations over (E,F) arrays ----

  Tensor linear(const Tensor& in, int stride, const PackedWeights<T>& w, const T* bias) {
    Tensor out = tensor(w.stride());
    edgeLinear<S, T>(in.data(), stride, edges_.count, w, bias, out.data());
    return out;
  }

  Tensor product(Tensor& a, Tensor& b) {
    Tensor out = tensor(F_);
    overEdges(edges_.count, [&](std::int64_t e) {
      const S* __restrict x = a.row(e, F_), * __restrict y = b.row(e, F_);
      S* __restrict z = out.row(e, F_);
      for (int f = 0; f < F_; ++f) put(z[f], get(x[f]) * get(y[f]));
    });
    return out;
  }

  static void scaleRow(const S* a, T factor, S* b, int width) {
    for (int f = 0; f < width; ++f) put(b[f], get(a[f]) * factor);
  }

  template <class A, class B>
  static T dotRow(const A* a, const B* b, int width) {
    T part[lanes<T>] = {};
    int f = 0;
    for (; f + lanes<T> <= width; f += lanes<T>)
      for (int k = 0; k < lanes<T>; ++k) part[k] += get(a[f + k]) * get(b[f + k]);
    T sum = 0;
    for (; f < width; ++f) sum += get(a[f]) * get(b[f]);
    for (int k = 0; k < lanes<T>; ++k) sum += part[k];
    return sum;
  }

  void activateRows(const S* in, S* out) {
    parallelFor(edges_.count, tile, [&](std::int64_t begin, std::int64_t end, int) {
      thread_local Buffer<T> row;
      row.reset(std::int64_t{tile} * F_);
      const std::int64_t n = (end - begin) * F_;
      for (std::int64_t k = 0; k < n; ++k) row[k] = get(in[begin * F_ + k]);
      elementary::activate<T>(c_.config.activation, row.data(), nullptr, n);
      for (std::int64_t k = 0; k < n; ++k) put(out[begin * F_ + k], row[k]);
    });
  }

  void activateReverse(const S* kept, S* grad) {
    parallelFor(edges_.count, tile, [&](std::int64_t begin, std::int64_t end, int) {
      const std::int64_t first = begin * F_, n = (end - begin) * F_;
      if (isTanh()) {
        for (std::int64_t k = first; k < first + n; ++k) {
          const T a = get(kept[k]);
          put(grad[k], get(grad[k]) * (T(1) - a * a));
        }
        return;
      }
      thread_local Buffer<T> row;
      row.reset(std::int64_t{2 * tile} * F_);
      T* slope = row.data() + std::int64_t{tile} * F_;
      for (std::int64_t k = 0; k < n; ++k) row[k] = get(kept[first + k]);
      elementary::activate(c_.config.activation, row.data(), slope, n);
      for (std::int64_t k = 0; k < n; ++k) put(grad[first + k], get(grad[first + k]) * slope[k]);
    });
  }

  // Sum of edge rows at their `index` (i or j).
  void aggregate(const S* rows, const Buffer<std::int64_t>& index, bool byRow, T* to) {
    if (!c_.options.techniques.aggregation)
      return scatterAdd(rows, index, F_, geometry_.atoms(), to);
    static const Buffer<std::int64_t> inOrder;
    segmentSum(rows, byRow ? edges_.rowStart : edges_.columnStart,
               byRow ? inOrder : edges_.byColumn, F_, to);
  }

  InteractionContext<T> c_;
  Geometry geometry_;
  int K_, F_;
  bool gradient_ = false;
  EdgeList<T> edges_;
  TensorPool<S> pool_;
  Tensor gaussian_, basis_, gradBasis_;                   // (E,K)
  Buffer<T> envelope_, argument_, gradEnvelope_, gradR_;  // (E)
  std::vector<Saved> saved_;
  ForceRows forces_;
  FusedMessages<T, S> fused_;
};

}  // namespace

template <class T>
std::unique_ptr<Interaction<T>> makeBaseline(const InteractionContext<T>& context) {
  if constexpr (sizeof(T) == 4)
    if (context.options.techniques.weights16) return std::make_unique<Baseline<T, Half>>(context);
  return std::make_unique<Baseline<T, T>>(context);
}
template std::unique_ptr<Interaction<float>> makeBaseline(const InteractionContext<float>&);
template std::unique_ptr<Interaction<double>> makeBaseline(const InteractionContext<double>&);

}  // namespace mdlab

#include "models/schnet/schnet.h"

#include <array>
#include <cmath>

#include "core/cancel.h"
#include "core/error.h"

// The oracle: double, plain loops in the order of schnet.h's equations; each reverse step stands
// beside its forward step and is derived from it alone (directed edges, no symmetry assumed).
namespace mdlab {
namespace {

using Vector = std::vector<double>;

// out = weight · in + bias, column by column.
void apply(const Linear& layer, const double* in, double* out) {
  for (int o = 0; o < layer.out; ++o) out[o] = layer.bias.empty() ? 0.0 : layer.bias[o];
  for (int k = 0; k < layer.in; ++k) {
    const double* column = layer.columns.data() + static_cast<std::size_t>(k) * layer.out;
    for (int o = 0; o < layer.out; ++o) out[o] += column[o] * in[k];
  }
}

// gradIn += weightᵀ · gradOut.
void applyTransposed(const Linear& layer, const double* gradOut, double* gradIn) {
  for (int o = 0; o < layer.out; ++o) {
    const double* row = layer.weight.data() + static_cast<std::size_t>(o) * layer.in;
    for (int k = 0; k < layer.in; ++k) gradIn[k] += row[k] * gradOut[o];
  }
}

struct Edge {
  std::int32_t i, j;
  std::array<double, 3> d;  // x_j + shift·cell − x_i, model units
  double r;
};

// The filter network at one distance: φ → pre → act → w, and W = C·w.
struct Filter {
  Vector phi, pre, hidden, w;
  double envelope = 0;

  void forward(const SchnetConfig& c, const SchnetBlock& b, double r) {
    phi.resize(c.basis.count());
    pre.resize(c.filters);
    hidden.resize(c.filters);
    w.resize(c.filters);
    for (int k = 0; k < c.basis.count(); ++k) phi[k] = c.basis.value(k, r);
    apply(b.filter1, phi.data(), pre.data());
    for (int f = 0; f < c.filters; ++f) hidden[f] = activate(c.activation, pre[f]);
    apply(b.filter2, hidden.data(), w.data());
    envelope = c.basis.cutoff.value(r);
  }

  // dE/dr from dE/dW.
  double reverse(const SchnetConfig& c, const SchnetBlock& b, double r, const Vector& gradFilter) {
    double gradEnvelope = 0;
    Vector gradW(c.filters), gradHidden(c.filters, 0.0), gradPhi(c.basis.count(), 0.0);
    for (int f = 0; f < c.filters; ++f) {
      gradEnvelope += gradFilter[f] * w[f];
      gradW[f] = gradFilter[f] * envelope;
    }
    applyTransposed(b.filter2, gradW.data(), gradHidden.data());
    for (int f = 0; f < c.filters; ++f) gradHidden[f] *= activateDerivative(c.activation, pre[f]);
    applyTransposed(b.filter1, gradHidden.data(), gradPhi.data());
    double gradR = gradEnvelope * c.basis.cutoff.derivative(r);
    for (int k = 0; k < c.basis.count(); ++k) gradR += gradPhi[k] * c.basis.derivative(k, r);
    return gradR;
  }
};

class SchnetReference final : public Schnet {
 public:
  SchnetReference(SchnetConfig config, SchnetParameters parameters)
      : c_(std::move(config)), p_(std::move(parameters)) {}

  double cutoff() const override { return c_.cutoff(); }
  void checkBatch(const Batch& batch) const override { checkTypes(batch, c_); }
  const std::vector<StageTime>& times() const override { return times_; }

  double estimate(double edges, double atoms) const override {
    const double perAtom =
        2.0 * c_.hidden + 2.0 * c_.filters + c_.blocks * (c_.hidden + c_.filters);
    return edges * (sizeof(Edge) + sizeof(double)) + atoms * sizeof(double) * perAtom;
  }

  void evaluate(const Batch& batch, const NeighborList* list, const Evaluation& out) override {
    if (!list) invalid("schnet: needs a neighbour list, received none");
    checkBatch(batch);
    collectEdges(batch, *list);
    const bool wantGradient = !out.forces.empty() || !out.virial.empty();
    forward(batch, out);
    if (wantGradient) reverse(batch, out);
    checkFinite(batch, out);
  }

 private:
  void collectEdges(const Batch& batch, const NeighborList& list) {
    edges_.clear();
    for (std::int32_t s = 0; s < batch.systems(); ++s) {
      const auto& cell = batch.boxes[s].vectors;
      for (std::int32_t i = batch.offsets[s]; i < batch.offsets[s + 1]; ++i)
        for (std::int64_t e = list.rowStart[i]; e < list.rowStart[i + 1]; ++e) {
          const std::int32_t j = list.column[e];
          const Shift n = list.shift.size() ? list.shift[e] : Shift{0, 0, 0};
          Edge edge{i, j, {}, 0};
          for (int k = 0; k < 3; ++k)
            edge.d[k] = (batch.positions[3 * j + k] + n.x * cell[k] + n.y * cell[3 + k] +
                         n.z * cell[6 + k] - batch.positions[3 * i + k]) /
                        c_.lengthUnit;
          edge.r = std::sqrt(edge.d[0] * edge.d[0] + edge.d[1] * edge.d[1] + edge.d[2] * edge.d[2]);
          if (edge.r < 1e-10) atomsCoincide(batch, i, j);
          if (c_.basis.cutoff.inside(edge.r)) edges_.push_back(edge);
        }
    }
  }

  void forward(const Batch& batch, const Evaluation& out) {
    const std::size_t n = batch.atoms(), H = c_.hidden, F = c_.filters;
    x_.assign(n * H, 0.0);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t h = 0; h < H; ++h) x_[i * H + h] = p_.embedding[batch.types[i] * H + h];
    y_.assign(c_.blocks, Vector(n * F));
    z_.assign(c_.blocks, Vector(n * H));
    Filter filter;
    Vector a(H), update(H);
    for (int l = 0; l < c_.blocks; ++l) {
      throwIfCancelled();
      const SchnetBlock& b = p_.blocks[l];
      Vector m(n * F, 0.0);
      for (std::size_t i = 0; i < n; ++i) apply(b.lin1, &x_[i * H], &y_[l][i * F]);
      for (const Edge& e : edges_) {
        filter.forward(c_, b, e.r);
        for (std::size_t f = 0; f < F; ++f)
          m[e.i * F + f] += y_[l][e.j * F + f] * filter.w[f] * filter.envelope;
      }
      for (std::size_t i = 0; i < n; ++i) {
        apply(b.lin2, &m[i * F], &z_[l][i * H]);
        for (std::size_t h = 0; h < H; ++h) a[h] = activate(c_.activation, z_[l][i * H + h]);
        apply(b.lin, a.data(), update.data());
        for (std::size_t h = 0; h < H; ++h) x_[i * H + h] += update[h];
      }
    }
    head(batch, out);
  }

  // Energy of every atom, and dE/dx right away (the head sees one atom at a time).
  void head(const Batch& batch, const Evaluation& out) {
    const std::size_t H = c_.hidden;
    g_.assign(x_.size(), 0.0);
    for (std::int32_t s = 0; s < batch.systems(); ++s)
      for (std::int32_t i = batch.offsets[s]; i < batch.offsets[s + 1]; ++i) {
        std::vector<Vector> in{Vector(&x_[i * H], &x_[i * H] + H)}, pre;
        for (std::size_t k = 0; k < p_.head.size(); ++k) {
          pre.emplace_back(p_.head[k].out);
          apply(p_.head[k], in[k].data(), pre[k].data());
          in.push_back(pre[k]);
          if (k + 1 < p_.head.size())
            for (double& v : in.back()) v = activate(c_.activation, v);
        }
        out.energy[s] += in.back()[0] * c_.energyUnit;
        Vector gradOut{1.0};
        for (std::size_t k = p_.head.size(); k-- > 0;) {
          if (k + 1 < p_.head.size())
            for (int o = 0; o < p_.head[k].out; ++o)
              gradOut[o] *= activateDerivative(c_.activation, pre[k][o]);
          Vector gradIn(p_.head[k].in, 0.0);
          applyTransposed(p_.head[k], gradOut.data(), gradIn.data());
          gradOut = std::move(gradIn);
        }
        for (std::size_t h = 0; h < H; ++h) g_[i * H + h] = gradOut[h];
      }
  }

  void reverse(const Batch& batch, const Evaluation& out) {
    const std::size_t n = batch.atoms(), H = c_.hidden, F = c_.filters;
    gradR_.assign(edges_.size(), 0.0);
    Filter filter;
    Vector gradA(H), gradFilter(F);
    for (int l = c_.blocks; l-- > 0;) {
      throwIfCancelled();
      const SchnetBlock& b = p_.blocks[l];
      Vector gradM(n * F, 0.0), gradY(n * F, 0.0);
      for (std::size_t i = 0; i < n; ++i) {
        gradA.assign(H, 0.0);
        applyTransposed(b.lin, &g_[i * H], gradA.data());
        for (std::size_t h = 0; h < H; ++h)
          gradA[h] *= activateDerivative(c_.activation, z_[l][i * H + h]);
        applyTransposed(b.lin2, gradA.data(), &gradM[i * F]);
      }
      for (std::size_t k = 0; k < edges_.size(); ++k) {
        const Edge& e = edges_[k];
        filter.forward(c_, b, e.r);
        for (std::size_t f = 0; f < F; ++f) {
          gradFilter[f] = gradM[e.i * F + f] * y_[l][e.j * F + f];
          gradY[e.j * F + f] += gradM[e.i * F + f] * filter.w[f] * filter.envelope;
        }
        gradR_[k] += filter.reverse(c_, b, e.r, gradFilter);
      }
      for (std::size_t i = 0; i < n; ++i) applyTransposed(b.lin1, &gradY[i * F], &g_[i * H]);
    }
    addForces(batch, out);
  }

  // f_i += (dE/dr) d/r, f_j −= the same; W −= (dE/dr) d ⊗ d / r.
  void addForces(const Batch& batch, const Evaluation& out) const {
    std::int32_t s = 0;
    for (std::size_t k = 0; k < edges_.size(); ++k) {
      const Edge& e = edges_[k];
      while (e.i >= batch.offsets[s + 1]) ++s;
      for (int a = 0; a < 3; ++a) {
        const double f = gradR_[k] * e.d[a] / e.r * c_.energyUnit;
        if (!out.forces.empty()) {
          out.forces[3 * e.i + a] += f / c_.lengthUnit;
          out.forces[3 * e.j + a] -= f / c_.lengthUnit;
        }
        if (!out.virial.empty())
          for (int q = 0; q < 3; ++q) out.virial[9 * s + 3 * a + q] -= f * e.d[q];
      }
    }
  }

  SchnetConfig c_;
  SchnetParameters p_;
  std::vector<StageTime> times_;
  std::vector<Edge> edges_;
  Vector x_, g_, gradR_;
  std::vector<Vector> y_, z_;  // per block: (n,F) and (n,H)
};

}  // namespace

std::shared_ptr<Schnet> makeSchnetReference(SchnetConfig config, SchnetParameters parameters) {
  return std::make_shared<SchnetReference>(std::move(config), std::move(parameters));
}

}  // namespace mdlab

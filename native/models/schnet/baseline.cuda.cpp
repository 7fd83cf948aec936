#include <algorithm>
#include <bit>
#include <cmath>

#include "models/schnet/edge-operations.h"
#include "models/schnet/flash-edges.h"
#include "models/schnet/flash-filters.h"
#include "models/schnet/fused-on-device.h"
#include "models/schnet/interaction-on-device.h"
#include "nn/gemm.cuda.h"
#include "nn/half.h"

namespace mdlab {
namespace {

// A filter network as plain arrays: weights float, or half with a power of two for each output.
struct Weights {
  cuda::DeviceBuffer<char> filter1, filter2;       // (F,K), (F,F)
  cuda::DeviceBuffer<float> bias, scale1, scale2;  // (F); scales are 1 in float
};

std::vector<char> elements(const Linear& l, int out, int in, bool half, std::vector<float>& scale) {
  std::vector<char> bytes(std::size_t(out) * in * (half ? 2 : 4), 0);
  scale.assign(out, 1.f);
  for (int o = 0; o < l.out; ++o) {
    const double* row = l.weight.data() + std::size_t(o) * l.in;
    double most = 0;
    for (int k = 0; k < l.in; ++k) most = std::max(most, std::abs(row[k]));
    if (half && most > 0) scale[o] = static_cast<float>(std::exp2(std::ceil(std::log2(most))));
    for (int k = 0; k < l.in; ++k) {
      const auto w = static_cast<float>(row[k] / scale[o]);
      const std::size_t at = std::size_t(o) * in + k;
      if (half)
        reinterpret_cast<std::uint16_t*>(bytes.data())[at] = toHalf(w).bits;
      else
        reinterpret_cast<float*>(bytes.data())[at] = w;
    }
  }
  return bytes;
}

// Message passing as a framework runs it on a device: one kernel or library call per operation,
// every array over edges in memory, what the reverse pass needs kept. Float: IEEE single precision
// (no tf32), as frameworks default to. Without `aggregation` sums are scattered by float atomics,
// so bits may differ from run to run.
class BaselineOnDevice final : public InteractionOnDevice {
 public:
  BaselineOnDevice(const SchnetConfig& config, const SchnetParameters& parameters,
                   const SchnetOptions& options)
      : config_(config),
        options_(options),
        parameters_(parameters.blocks),
        half_(options.techniques.weights16),
        filters_(config, SchnetParameters{}, options),
        K_(filters_.basisStride()),
        F_(featureStride(config.filters)),
        ops_(half_, config.activation) {}

  bool needsList(const DeviceBatch&) const override { return true; }

  void prepare(cuda::Stream& stream, const DeviceBatch& batch, std::int64_t edges,
               bool gradient) override {
    ops_.load(stream.device());
    virial_.load(stream.device());
    filters_.upload(stream);
    if (weights_.empty()) uploadWeights(stream);
    gradient_ = gradient;
    const std::size_t rows = static_cast<std::size_t>(std::max<std::int64_t>(edges, 1));
    reserveArrays(stream, rows, batch.atoms);
    if (rows == gemmRows_) return;
    gemmRows_ = rows;
    const auto type = half_ ? GemmType::float16 : GemmType::float32;
    const auto count = static_cast<std::int64_t>(rows);
    first_ = std::make_unique<DeviceGemm>(
        stream, type, DeviceGemm::Shape{.rows = count, .K = K_, .N = F_, .bias = !half_});
    second_ = std::make_unique<DeviceGemm>(stream, type,
                                           DeviceGemm::Shape{.rows = count, .K = F_, .N = F_});
    secondReverse_ = std::make_unique<DeviceGemm>(
        stream, type, DeviceGemm::Shape{.rows = count, .K = F_, .N = F_, .reverse = true});
    firstReverse_ = std::make_unique<DeviceGemm>(
        stream, type,
        DeviceGemm::Shape{.rows = count, .K = K_, .N = F_, .reverse = true, .add = true});
  }

  void begin(cuda::Stream& stream, const DeviceBatch& batch, const DeviceListView* list) override {
    batch_ = batch;
    list_ = *list;
    ops_.setEdges(list->rowStart + batch.atoms, static_cast<std::int64_t>(gemmRows_));
    const bool segments = options_.techniques.aggregation;
    const CosineCutoff& cutoff = config_.basis.cutoff;
    ops_.geometry(stream,
                  {batch, *list, 1.0 / config_.lengthUnit, cutoff.lower, cutoff.upper, i_.data(),
                   j_.data(), d_.data(), r_.data(), segments ? transposed_.data() : nullptr});
    EdgeBasis b = basisArguments();
    b.envelope = envelope_.data();
    if (options_.techniques.radialBasis) {
      b.basis = basis_.data();
      ops_.basis(stream, b, false);
    } else {
      b.argument = argument_.data();
      ops_.envelope(stream, b);
      const FlashBasis& basis = filters_.basis();
      ops_.run(stream, edgeop::difference,
               {.width = K_,
                .out = temporary_[0].data(),
                .perEdge = argument_.data(),
                .channel = basis.centers});
      ops_.run(stream, edgeop::gaussian,
               {.width = K_,
                .a = temporary_[0].data(),
                .out = gaussian_.data(),
                .channel2 = basis.widths});
      ops_.run(
          stream, edgeop::scale,
          {.width = K_, .a = gaussian_.data(), .out = basis_.data(), .perEdge = envelope_.data()});
    }
    if (!gradient_) return;
    gradEnvelope_.zero(stream);
    gradBasis_.zero(stream);
  }

  void forward(cuda::Stream& stream, int block, const float* y, float* m) override {
    const Weights& net = weights_[block];
    Saved& s = saved_[gradient_ ? block : 0];
    char *message = temporary_[1].data(), *pre = isTanh() ? temporary_[0].data() : s.kept.data(),
         *hidden = isTanh() ? s.kept.data() : temporary_[0].data();
    first_->run(stream, basis_.data(), net.filter1.data(), net.bias.data(), pre);
    ops_.run(stream, edgeop::activate,
             {.width = F_, .a = pre, .out = hidden, .channel = scale1(net), .channel2 = bias(net)});
    second_->run(stream, hidden, net.filter2.data(), nullptr, s.w.data());
    ops_.run(stream, edgeop::scale,
             {.width = F_,
              .a = s.w.data(),
              .out = s.filter.data(),
              .perEdge = envelope_.data(),
              .channel = scale2(net)});
    ops_.run(stream, edgeop::gather,
             {.width = F_, .out = s.gathered.data(), .rows = y, .index = j_.data()});
    ops_.run(stream, edgeop::product,
             {.width = F_, .a = s.filter.data(), .b = s.gathered.data(), .out = message});
    aggregate(stream, message, true, m);
  }

  void reverse(cuda::Stream& stream, int block, const float*, const float* gradM,
               float* gradY) override {
    const Weights& net = weights_[block];
    Saved& s = saved_[block];
    char *gradMessage = temporary_[0].data(), *gradFilter = temporary_[1].data(),
         *other = temporary_[2].data();
    ops_.run(stream, edgeop::gather,
             {.width = F_, .out = gradMessage, .rows = gradM, .index = i_.data()});
    ops_.run(stream, edgeop::product,
             {.width = F_, .a = gradMessage, .b = s.gathered.data(), .out = gradFilter});
    if (gradY) {
      ops_.run(stream, edgeop::product,
               {.width = F_, .a = gradMessage, .b = s.filter.data(), .out = other});
      aggregate(stream, other, false, gradY);
    }
    ops_.run(stream, edgeop::product,
             {.width = F_, .a = gradFilter, .b = s.w.data(), .out = other});
    ops_.sum(
        stream,
        {.width = F_, .add = 1, .a = other, .channel = scale2(net), .out = gradEnvelope_.data()});
    ops_.run(stream, edgeop::scale,
             {.width = F_,
              .a = gradFilter,
              .out = gradFilter,
              .perEdge = envelope_.data(),
              .channel = scale2(net)});
    secondReverse_->run(stream, gradFilter, net.filter2.data(), nullptr, other);
    ops_.run(stream, edgeop::activateReverse,
             {.width = F_,
              .a = other,
              .b = s.kept.data(),
              .out = other,
              .channel = scale1(net),
              .channel2 = bias(net)});
    firstReverse_->run(stream, other, net.filter1.data(), nullptr, gradBasis_.data());
  }

  void finish(cuda::Stream& stream, const DeviceEvaluation& out) override {
    if (!out.forces && !out.virial) return;
    EdgeBasis b = basisArguments();
    b.gradBasis = gradBasis_.data();
    b.gradEnvelope = gradEnvelope_.data();
    b.gradR = gradR_.data();
    b.envelopeGradient = options_.envelopeGradient;
    if (options_.techniques.radialBasis)
      ops_.basis(stream, b, true);
    else
      basisReverse(stream, b);
    const bool segments = options_.techniques.aggregation;
    ops_.forces(stream,
                {.batch = batch_,
                 .rowStart = list_.rowStart,
                 .transposed = transposed_.data(),
                 .i = i_.data(),
                 .j = j_.data(),
                 .d = d_.data(),
                 .r = r_.data(),
                 .gradR = gradR_.data(),
                 .forceUnit = config_.energyUnit / config_.lengthUnit,
                 .energyUnit = config_.energyUnit,
                 .forces = out.forces,
                 .virial = out.virial,
                 .rows = segments && out.virial ? rows_.data() : nullptr},
                segments);
    if (segments && out.virial) virial_.sum(stream, batch_, rows_.data(), out.virial);
  }

  double estimate(double edges, double atoms) const override {
    const auto& t = options_.techniques;
    const double size = half_ ? 2 : 4, width = std::max(K_, F_);
    const double kept = 4.0 * config_.blocks * F_ + 3.0 * width + (t.radialBasis ? 2.0 : 3.0) * K_;
    const double scalars = 2 * sizeof(long long) + 4 * sizeof(float) + 5 * sizeof(float) +
                           (t.radialBasis ? 0 : 2 * sizeof(float)) +
                           (t.aggregation ? sizeof(int) : 0);
    return edges * (size * kept + scalars) + atoms * (t.aggregation ? 6 * sizeof(double) : 0.0);
  }

 private:
  struct Saved {
    cuda::DeviceBuffer<char> kept, w, filter, gathered;  // (E,F) each
  };

  bool isTanh() const { return config_.activation == Activation::tanh; }
  // In float the library adds the bias and weights have no scale.
  const float* scale1(const Weights& w) const { return half_ ? w.scale1.data() : nullptr; }
  const float* scale2(const Weights& w) const { return half_ ? w.scale2.data() : nullptr; }
  const float* bias(const Weights& w) const { return half_ ? w.bias.data() : nullptr; }

  void uploadWeights(cuda::Stream& stream) {
    for (const SchnetBlock& block : parameters_) {
      Weights w;
      std::vector<float> scale, bias(F_, 0.f);
      w.filter1.upload(stream, elements(block.filter1, F_, K_, half_, scale));
      w.scale1.upload(stream, scale);
      w.filter2.upload(stream, elements(block.filter2, F_, F_, half_, scale));
      w.scale2.upload(stream, scale);
      std::copy(block.filter1.bias.begin(), block.filter1.bias.end(), bias.begin());
      w.bias.upload(stream, bias);
      weights_.push_back(std::move(w));
    }
  }

  void reserveArrays(cuda::Stream& stream, std::size_t rows, int atoms) {
    const auto& t = options_.techniques;
    const std::size_t size = half_ ? 2 : 4;
    for (auto* index : {&i_, &j_}) index->reset(stream, rows);
    for (auto* scalar : {&r_, &envelope_, &gradEnvelope_, &gradR_}) scalar->reset(stream, rows);
    d_.reset(stream, 3 * rows);
    if (t.aggregation) {
      transposed_.reset(stream, rows);
      rows_.reset(stream, 6 * std::size_t(atoms));
    }
    basis_.reset(stream, rows * K_ * size);
    if (!t.radialBasis) {
      for (auto* scalar : {&argument_, &gradArgument_, &slopes_})
        scalar->reset(stream, scalar == &slopes_ ? 2 * rows : rows);
      gaussian_.reset(stream, rows * K_ * size);
    }
    for (auto& temporary : temporary_) temporary.reset(stream, rows * std::max(K_, F_) * size);
    if (gradient_) gradBasis_.reset(stream, rows * K_ * size);
    saved_.resize(gradient_ ? config_.blocks : std::max<std::size_t>(saved_.size(), 1));
    for (Saved& s : saved_)
      for (auto* array : {&s.kept, &s.w, &s.filter, &s.gathered})
        array->reset(stream, rows * F_ * size);
  }

  EdgeBasis basisArguments() const {
    EdgeBasis b = edgeBasisOf(filters_.basis(), K_);
    b.r = r_.data();
    return b;
  }

  // φ = C·g by operations: gradient to C by a product and a sum, to the argument likewise.
  void basisReverse(cuda::Stream& stream, EdgeBasis b) {
    float *envelopeSlope = slopes_.data(), *argumentSlope = slopes_.data() + gemmRows_;
    b.envelopeSlope = envelopeSlope;
    b.argumentSlope = argumentSlope;
    ops_.envelope(stream, b);
    const FlashBasis& basis = filters_.basis();
    char* product = temporary_[0].data();
    ops_.run(stream, edgeop::product,
             {.width = K_, .a = gradBasis_.data(), .b = gaussian_.data(), .out = product});
    // With the inner envelope's gradient whatever becomes of the outer one's.
    if (!options_.envelopeGradient) gradEnvelope_.zero(stream);
    ops_.sum(stream, {.width = K_, .add = 1, .a = product, .out = gradEnvelope_.data()});
    ops_.run(stream, edgeop::gaussianReverse,
             {.width = K_,
              .a = gradBasis_.data(),
              .b = gaussian_.data(),
              .out = product,
              .perEdge = envelope_.data(),
              .perEdge2 = argument_.data(),
              .channel = basis.centers,
              .channel2 = basis.widths});
    ops_.sum(stream, {.width = K_, .add = 0, .a = product, .out = gradArgument_.data()});
    ops_.slope(stream, {.gradArgument = gradArgument_.data(),
                        .argumentSlope = argumentSlope,
                        .gradEnvelope = gradEnvelope_.data(),
                        .envelopeSlope = envelopeSlope,
                        .gradR = gradR_.data(),
                        .envelopeGradient = 1});
  }

  void aggregate(cuda::Stream& stream, const char* a, bool byRow, float* to) {
    EdgeAggregate g{};
    g.atoms = batch_.atoms;
    g.width = F_;
    g.a = a;
    g.index = byRow ? i_.data() : j_.data();
    g.rowStart = list_.rowStart;
    g.order = byRow ? nullptr : transposed_.data();
    g.out = to;
    if (options_.techniques.aggregation)
      ops_.segments(stream, g);
    else
      ops_.scatter(stream, g);
  }

  SchnetConfig config_;
  SchnetOptions options_;
  std::vector<SchnetBlock> parameters_;
  bool half_, gradient_ = false;
  FlashFilters filters_;  // the basis alone
  int K_, F_;
  EdgeOperations ops_;
  VirialRows virial_;
  std::vector<Weights> weights_;
  std::size_t gemmRows_ = 0;
  std::unique_ptr<DeviceGemm> first_, second_, firstReverse_, secondReverse_;
  DeviceBatch batch_{};
  DeviceListView list_{};
  cuda::DeviceBuffer<long long> i_, j_;
  cuda::DeviceBuffer<int> transposed_;
  cuda::DeviceBuffer<float> d_, r_, envelope_, argument_, gradEnvelope_, gradArgument_, gradR_,
      slopes_;
  cuda::DeviceBuffer<double> rows_;
  cuda::DeviceBuffer<char> gaussian_, basis_, gradBasis_;  // (E,K)
  cuda::DeviceBuffer<char> temporary_[3];                  // (E,F) or (E,K)
  std::vector<Saved> saved_;
};

}  // namespace

std::unique_ptr<InteractionOnDevice> makeBaselineOnDevice(cuda::Device&, const SchnetConfig& config,
                                                          const SchnetParameters& parameters,
                                                          const SchnetOptions& options) {
  if (options.techniques.messagePassing) return makeFusedOnDevice(config, parameters, options);
  return std::make_unique<BaselineOnDevice>(config, parameters, options);
}

}  // namespace mdlab

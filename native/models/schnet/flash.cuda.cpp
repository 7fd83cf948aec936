#include <algorithm>

#include "core/error.h"
#include "cuda/kernel.h"
#include "cuda/listed-kernels.h"
#include "models/schnet/flash-edges.h"
#include "models/schnet/flash-filters.h"
#include "models/schnet/fused-on-device.h"
#include "models/schnet/stored-basis.h"

namespace mdlab {
namespace {

constexpr int mostWarps = 12;           // of a block in flash.cu
constexpr int largestWidth = 256;       // filters or basis functions a warp's registers can carry
constexpr std::size_t reserved = 1024;  // shared memory the system takes of each block

constexpr const char* file = "models/schnet/flash.cu";

// What the kernels' last three template arguments say.
struct FusedKind {
  bool stored, scatter, resident;
};

std::vector<std::string> kernelNames(TileFormat format, int K, int F, Activation activation,
                                     FusedKind kind) {
  std::string types = "<";
  for (const int n : {static_cast<int>(format), K, F, static_cast<int>(activation)}) {
    types += std::to_string(n);
    types += ", ";
  }
  types += kind.stored ? "true, " : "false, ";
  types += kind.scatter ? "true, " : "false, ";
  types += kind.resident ? "true>" : "false>";
  return {"mdlab::flashForward" + types, "mdlab::flashReverse" + types};
}

// The most a block of it may have: its launch bounds.
unsigned threadsOf(cuda::FunctionHandle* function) {
  constexpr int maxThreadsPerBlock = 0;  // CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK
  int threads = 0;
  cuda::check(cuda::driver().funcGetAttribute(&threads, maxThreadsPerBlock, function),
              "threads of a block of flash.cu");
  return static_cast<unsigned>(threads);
}

const cuda::ListedKernels listed[] = {
    {file, kernelNames(TileFormat::split, 64, 128, Activation::tanh, {false, false, true})},
    {file, kernelNames(TileFormat::tf32, 64, 128, Activation::tanh, {false, false, true})},
    {file, kernelNames(TileFormat::bfloat16, 64, 64, Activation::silu, {true, true, true})},
    {file, kernelNames(TileFormat::half16, 128, 128, Activation::tanh, {false, false, true})},
    {file,
     kernelNames(TileFormat::int8, 32, 256, Activation::shiftedSoftplus, {true, false, false})}};

// Fused message passing. As the `flash` pipeline nothing is in memory per edge but j, r and dE/dr.
class FusedOnDevice final : public InteractionOnDevice {
 public:
  FusedOnDevice(const SchnetConfig& config, const SchnetParameters& parameters,
                const SchnetOptions& options, bool stored, bool scatter)
      : config_(config),
        options_(options),
        stored_(stored),
        scatter_(scatter),
        filters_(config, parameters, options),
        edges_(config_) {
    if (filters_.filterStride() > largestWidth || filters_.basisStride() > largestWidth)
      throw Error("EUNSUPPORTED",
                  "schnet.pipeline: 'flash' on a GPU takes up to " + std::to_string(largestWidth) +
                      " filters and basis functions, received " + std::to_string(config.filters) +
                      " and " + std::to_string(config.basis.count()) + "; use 'table'");
  }

  bool needsList(const DeviceBatch&) const override { return true; }

  void prepare(cuda::Stream& stream, const DeviceBatch& batch, std::int64_t edges,
               bool gradient) override {
    if (!forward_.function) compile(stream.device());
    filters_.upload(stream);
    edges_.prepare(stream, batch, edges, gradient);
    if (stored_)
      basis_.prepare(stream, static_cast<std::size_t>(edges), filters_.basisStride(), gradient);
    // A small batch is spread over all multiprocessors, a warp or two each.
    grid_ =
        static_cast<unsigned>(std::clamp(batch.atoms, 1, stream.device().info().multiprocessors));
  }

  void begin(cuda::Stream& stream, const DeviceBatch& batch, const DeviceListView* list) override {
    edges_.begin(stream, batch, *list);
    if (stored_)
      basis_.compute(stream, filters_.basis(), list->rowStart + batch.atoms, edges_.distance());
    first_ = true;
  }

  void forward(cuda::Stream& stream, int block, const float* y, float* m) override {
    messages(stream, block, edges_.count(), y, m);
  }

  // The slope of a pair is computed once, in one of its rows; the other needs the filter alone.
  void reverse(cuda::Stream& stream, int block, const float* y, const float* gradM,
               float* gradY) override {
    if (gradY) messages(stream, block, edges_.others(), gradM, gradY);
    FlashReverse a{};
    a.atoms = edges_.batch().atoms;
    a.rowStart = edges_.rowStart();
    a.begin = edges_.others();
    a.end = edges_.count();
    a.neighbor = edges_.neighbor();
    a.distance = edges_.distance();
    a.stored = stored_ ? basis_.values() : nullptr;
    a.storedSlope = stored_ ? basis_.slopes() : nullptr;
    a.basis = filters_.basis();
    a.network = filters_.network(block);
    a.y = y;
    a.gradM = gradM;
    a.gradY = gradY;
    a.slope = edges_.slope();
    a.add = !first_;
    a.envelopeGradient = options_.envelopeGradient;
    first_ = false;
    cuda::launch(stream, reverse_, geometry(reverseThreads_), a);
  }

  void finish(cuda::Stream& stream, const DeviceEvaluation& out) override {
    edges_.finish(stream, out);
  }

  double estimate(double edges, double atoms) const override {
    return FlashEdges::bytes(edges, atoms) + filters_.bytes() +
           (stored_ ? StoredBasis::bytes(edges, filters_.basisStride()) : 0);
  }

 private:
  void compile(cuda::Device& device) {
    const std::size_t vectors =
        sizeof(float) * (2 * filters_.basisStride() + (2 + mostWarps) * filters_.filterStride());
    const std::size_t limit = device.info().sharedPerBlock;
    const bool resident = filters_.weightBytes() + vectors + reserved <= limit;
    shared_ = vectors + (resident ? filters_.weightBytes() : 0);
    const auto names =
        kernelNames(filters_.format(), filters_.basisStride(), filters_.filterStride(),
                    config_.activation, {stored_, scatter_, resident});
    module_ = cuda::KernelModule(device, file, names);
    forward_ = module_.kernel<FlashForward>(names[0]);
    reverse_ = module_.kernel<FlashReverse>(names[1]);
    forwardThreads_ = threadsOf(forward_.function);
    reverseThreads_ = threadsOf(reverse_.function);
  }

  // to_i = Σ_j from_j ⊙ W(r_ij) over the first `end` edges of each row.
  void messages(cuda::Stream& stream, int block, const int* end, const float* from, float* to) {
    FlashForward a{};
    a.atoms = edges_.batch().atoms;
    a.rowStart = edges_.rowStart();
    a.end = end;
    a.neighbor = edges_.neighbor();
    a.distance = edges_.distance();
    a.stored = stored_ ? basis_.values() : nullptr;
    a.basis = filters_.basis();
    a.network = filters_.network(block);
    a.y = from;
    a.m = to;
    if (scatter_) zeroFeatures(stream, to);
    cuda::launch(stream, forward_, geometry(forwardThreads_), a);
  }

  void zeroFeatures(cuda::Stream& stream, float* features) const {
    cuda::zeroOnDevice(stream, features,
                       sizeof(float) * std::size_t(edges_.batch().atoms) * filters_.filterStride());
  }

  // As many threads as the kernel was compiled for.
  cuda::Geometry geometry(unsigned threads) const {
    return {.grid = {grid_}, .block = {threads}, .sharedBytes = shared_};
  }

  SchnetConfig config_;
  SchnetOptions options_;
  bool stored_, scatter_;
  StoredBasis basis_;
  FlashFilters filters_;
  FlashEdges edges_;
  cuda::KernelModule module_;
  cuda::Kernel<FlashForward> forward_;
  cuda::Kernel<FlashReverse> reverse_;
  std::size_t shared_ = 0;
  unsigned grid_ = 1, forwardThreads_ = 0, reverseThreads_ = 0;
  bool first_ = true;  // reverse() of this evaluation overwrites the slopes
};

}  // namespace

std::unique_ptr<InteractionOnDevice> makeFlashOnDevice(cuda::Device&, const SchnetConfig& config,
                                                       const SchnetParameters& parameters,
                                                       const SchnetOptions& options) {
  return std::make_unique<FusedOnDevice>(config, parameters, options, false, false);
}

std::unique_ptr<InteractionOnDevice> makeFusedOnDevice(const SchnetConfig& config,
                                                       const SchnetParameters& parameters,
                                                       const SchnetOptions& options) {
  const auto& t = options.techniques;
  return std::make_unique<FusedOnDevice>(config, parameters, options, !t.radialBasis,
                                         !t.aggregation);
}

}  // namespace mdlab

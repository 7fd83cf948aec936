#include "models/schnet/edge-operations.h"

#include <algorithm>

#include "cuda/listed-kernels.h"

namespace mdlab {
namespace {

constexpr const char* file = "models/schnet/baseline.cu";
constexpr int threads = 256, warps = threads / 32;
constexpr int operations = 9;  // of edgeop::

// Places in kernelNames().
enum Place {
  sumAt = operations,
  scatterAt,
  segmentsAt,
  basisAt,
  basisReverseAt,
  geometryAt,
  envelopeAt,
  slopeAt,
  forcesScatterAt,
  forcesSegmentsAt
};

std::vector<std::string> kernelNames(bool half, Activation activation) {
  const std::string type = half ? "mdlab::HalfBits" : "float";
  std::vector<std::string> names;
  for (int op = 0; op < operations; ++op) {
    std::string name = "mdlab::edgeOperation<";
    name += std::to_string(op);
    name += ", ";
    name += std::to_string(static_cast<int>(activation));
    name += ", ";
    names.push_back(name + type + ">");
  }
  for (const char* name : {"edgeSum", "edgeScatter", "edgeSegments"})
    names.push_back(std::string("mdlab::") + name + "<" + type + ">");
  for (const char* reverse : {"false", "true"})
    names.push_back("mdlab::edgeBasis<" + type + ", " + reverse + ">");
  for (const char* name :
       {"edgeGeometry", "edgeEnvelope", "edgeSlope", "edgeForcesScatter", "edgeForcesSegments"})
    names.push_back(std::string("mdlab::") + name);
  return names;
}

const cuda::ListedKernels listed[] = {{file, kernelNames(false, Activation::tanh)},
                                      {file, kernelNames(true, Activation::shiftedSoftplus)},
                                      {file, kernelNames(false, Activation::silu)}};

// What a clock calls an operation of edgeop::, which are one kernel for the compiler.
const char* operationName(int op) {
  switch (op) {
    case edgeop::gather:
      return "edgeGather";
    case edgeop::product:
      return "edgeProduct";
    case edgeop::scale:
      return "edgeScale";
    case edgeop::activate:
      return "edgeActivate";
    case edgeop::activateReverse:
      return "edgeActivateReverse";
    case edgeop::difference:
      return "edgeDifference";
    case edgeop::gaussian:
      return "edgeGaussian";
    case edgeop::gaussianReverse:
      return "edgeGaussianReverse";
    default:
      return "edgeBasisSlope";
  }
}

// Four channels a thread, as many edges as fill a block.
cuda::Dim3 blockOf(int width) {
  const unsigned x = static_cast<unsigned>(std::clamp(width / 4, 1, 64));
  return {x, threads / x, 1};
}

}  // namespace

EdgeBasis edgeBasisOf(const FlashBasis& f, int width) {
  EdgeBasis b{};
  b.expNormal = f.expNormal;
  b.width = width;
  b.alpha = f.alpha;
  b.lower = f.lower;
  b.upper = f.upper;
  b.slope = f.slope;
  b.start = f.start;
  b.slopeOfR = f.slopeOfR;
  b.centers = f.centers;
  b.widths = f.widths;
  return b;
}

void EdgeOperations::load(cuda::Device& device) {
  if (!names_.empty()) return;
  auto names = kernelNames(half_, activation_);
  module_ = cuda::KernelModule(device, file, names);
  names_ = std::move(names);
}

template <class A>
void EdgeOperations::launch(cuda::Stream& stream, int kernel, A a, cuda::Dim3 grid,
                            cuda::Dim3 block) const {
  auto found = module_.kernel<A>(names_[kernel]);
  if (kernel < operations) found.name = operationName(kernel);
  cuda::launch(stream, found, {.grid = grid, .block = block}, a);
}

template <class A>
void EdgeOperations::overEdges(cuda::Stream& stream, int kernel, A a, int perBlock,
                               cuda::Dim3 block) const {
  a.edges = count_;
  launch(stream, kernel, a, cuda::blocksFor(capacity_, perBlock), block);
}

void EdgeOperations::run(cuda::Stream& stream, int op, EdgeOperation o) const {
  const cuda::Dim3 block = blockOf(o.width);
  overEdges(stream, op, o, static_cast<int>(block.y), block);
}

void EdgeOperations::sum(cuda::Stream& stream, EdgeSum s) const {
  overEdges(stream, sumAt, s, warps, {threads});
}

void EdgeOperations::scatter(cuda::Stream& stream, EdgeAggregate a) const {
  cuda::zeroOnDevice(stream, a.out, sizeof(float) * std::size_t(a.atoms) * a.width);
  const cuda::Dim3 block = blockOf(a.width);
  overEdges(stream, scatterAt, a, static_cast<int>(block.y), block);
}

void EdgeOperations::segments(cuda::Stream& stream, EdgeAggregate a) const {
  launch(stream, segmentsAt, a, cuda::blocksFor(a.atoms, warps), {threads});
}

void EdgeOperations::geometry(cuda::Stream& stream, const EdgeGeometry& g) const {
  launch(stream, geometryAt, g, cuda::blocksFor(g.batch.atoms, warps), {threads});
}

void EdgeOperations::envelope(cuda::Stream& stream, EdgeBasis b) const {
  overEdges(stream, envelopeAt, b, threads, {threads});
}

void EdgeOperations::basis(cuda::Stream& stream, EdgeBasis b, bool reverse) const {
  overEdges(stream, reverse ? basisReverseAt : basisAt, b, warps, {threads});
}

void EdgeOperations::slope(cuda::Stream& stream, EdgeSlope s) const {
  overEdges(stream, slopeAt, s, threads, {threads});
}

void EdgeOperations::forces(cuda::Stream& stream, EdgeForces f, bool segments) const {
  if (segments)
    launch(stream, forcesSegmentsAt, f, cuda::blocksFor(f.batch.atoms, warps), {threads});
  else
    overEdges(stream, forcesScatterAt, f, threads, {threads});
}

}  // namespace mdlab

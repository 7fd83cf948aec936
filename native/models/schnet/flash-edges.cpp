#include "models/schnet/flash-edges.h"

#include "cuda/listed-kernels.h"

namespace mdlab {
namespace {
constexpr int threads = 256, rowsPerBlock = threads / 32;
constexpr const char* file = "models/schnet/flash-geometry.cu";
const std::vector<std::string> names{"mdlab::flashGeometry", "mdlab::flashForces"};
const std::vector<std::string> virialName{"mdlab::flashVirial"};
const cuda::ListedKernels listed[] = {{file, names}, {file, virialName}};
}  // namespace

void VirialRows::load(cuda::Device& device) {
  if (kernel_.function) return;
  module_ = cuda::KernelModule(device, file, virialName);
  kernel_ = module_.kernel<FlashVirial>(virialName[0]);
}

void VirialRows::sum(cuda::Stream& stream, const DeviceBatch& batch, const double* rows,
                     double* virial) const {
  cuda::launch(stream, kernel_, {.grid = {unsigned(batch.systems)}, .block = {32}},
               FlashVirial{batch.systems, batch.offsets, rows, virial});
}

void FlashEdges::prepare(cuda::Stream& stream, const DeviceBatch& batch, std::int64_t edges,
                         bool gradient) {
  if (!geometry_.function) {
    module_ = cuda::KernelModule(stream.device(), file, names);
    geometry_ = module_.kernel<FlashGeometry>(names[0]);
    forces_ = module_.kernel<FlashForces>(names[1]);
    virial_.load(stream.device());
  }
  count_.reset(stream, batch.atoms);
  others_.reset(stream, batch.atoms);
  neighbor_.reset(stream, edges);
  distance_.reset(stream, edges);
  if (!gradient) return;
  slope_.reset(stream, edges);
  rows_.reset(stream, 6 * std::size_t(batch.atoms));
}

void FlashEdges::begin(cuda::Stream& stream, const DeviceBatch& batch, const DeviceListView& list) {
  batch_ = batch;
  list_ = list;
  const CosineCutoff& cutoff = config_.basis.cutoff;
  cuda::launch(stream, geometry_,
               {.grid = cuda::blocksFor(batch.atoms, rowsPerBlock), .block = {threads}},
               FlashGeometry{batch, list, 1.0 / config_.lengthUnit, cutoff.lower, cutoff.upper,
                             count_.data(), others_.data(), neighbor_.data(), distance_.data()});
}

void FlashEdges::finish(cuda::Stream& stream, const DeviceEvaluation& out) {
  if (!out.forces && !out.virial) return;
  const CosineCutoff& cutoff = config_.basis.cutoff;
  cuda::launch(stream, forces_,
               {.grid = cuda::blocksFor(batch_.atoms, rowsPerBlock), .block = {threads}},
               FlashForces{batch_, list_, 1.0 / config_.lengthUnit, cutoff.lower, cutoff.upper,
                           slope_.data(), count_.data(), others_.data(), neighbor_.data(),
                           config_.energyUnit, out.forces, out.virial ? rows_.data() : nullptr});
  if (out.virial) virial_.sum(stream, batch_, rows_.data(), out.virial);
}

double FlashEdges::bytes(double edges, double atoms) {
  return edges * (sizeof(int) + 2 * sizeof(float)) + atoms * (2 * sizeof(int) + 6 * sizeof(double));
}

}  // namespace mdlab

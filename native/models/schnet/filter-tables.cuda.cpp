#include "models/schnet/filter-tables.h"

#include <algorithm>

#include "models/schnet/filter-network.h"

namespace mdlab {
namespace {

// Value and slope per Å of one network at n distances in Å.
void sample(const FilterNetwork<double>& net, double lengthUnit, int channels, const double* r,
            int n, double* value, double* slope) {
  constexpr int tile = FilterNetwork<double>::tile;
  thread_local Buffer<double> memory;
  const std::int64_t rows = std::int64_t{tile} * net.stride();
  memory.reset(tile + 2 * rows + net.scratchSize());
  double *inModel = memory.data(), *w = inModel + tile, *dw = w + rows, *scratch = dw + rows;
  for (int first = 0; first < n; first += tile) {
    const int count = std::min(tile, n - first);
    for (int e = 0; e < count; ++e) inModel[e] = r[first + e] / lengthUnit;
    net.evaluate(inModel, count, w, dw, true, scratch);
    for (int e = 0; e < count; ++e)
      for (int c = 0; c < channels; ++c) {
        value[std::int64_t{first + e} * channels + c] = w[e * net.stride() + c];
        slope[std::int64_t{first + e} * channels + c] = dw[e * net.stride() + c] / lengthUnit;
      }
  }
}

}  // namespace

FilterTables::FilterTables(cuda::Device& device, const SchnetConfig& config,
                           const SchnetParameters& parameters, double tolerance)
    : device_(device),
      blocks_(config.blocks),
      channels_(config.filters),
      features_(featureStride(config.filters)),
      energyUnit_(config.energyUnit) {
  // The source of the table is the network in double.
  const RadialBasisTile<double> basis(config.basis);
  std::vector<FilterNetwork<double>> filters;
  for (const SchnetBlock& b : parameters.blocks) filters.emplace_back(config, b, basis, false);
  // A slice of 32 channels must fit beside what its kernels keep there.
  const std::size_t room = device.info().sharedPerBlock - 8192;
  const int most = static_cast<int>(room / (32 * sizeof(float))) - splineRows(0);
  const auto& cutoff = config.basis.cutoff;
  table_ = SplineTable(config.blocks, channels_, cutoff.lower * config.lengthUnit,
                       cutoff.upper * config.lengthUnit, tolerance, most,
                       [&](int block, const double* r, int n, double* value, double* slope) {
                         sample(filters[block], config.lengthUnit, channels_, r, n, value, slope);
                       });
  report_ = {grid().intervals, sizeof(float) * 1.0 * rows() * features_ * blocks_, tolerance,
             table_.errors()};
}

int FilterTables::channelsPerLane(std::size_t other) const {
  const std::size_t shared = device_.info().sharedPerBlock;
  for (const int perLane : {2, 1})
    if (features_ % (32 * perLane) == 0 && sliceBytes(perLane) + perLane * other <= shared)
      return perLane;
  return 0;
}

void FilterTables::upload(cuda::Stream& stream, int perLane) {
  cuda::DeviceBuffer<float>& to = onDevice_[perLane - 1];
  if (to.size()) return;
  const std::size_t perBlock = std::size_t(rows()) * features_;
  const int width = 32 * perLane;
  std::vector<float> all(perBlock * blocks_);
  for (int b = 0; b < blocks_; ++b) {
    const std::vector<float>& from = table_.coefficients(b);
    for (int row = 0; row < grid().intervals + 3; ++row)
      for (int c = 0; c < channels_; ++c)
        all[b * perBlock + (std::size_t(c / width) * rows() + row) * width + c % width] =
            from[std::size_t(row) * channels_ + c];
  }
  to.upload(stream, all);
}

}  // namespace mdlab

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
                           const SchnetParameters& parameters, const SchnetOptions& options)
    : device_(device),
      blocks_(config.blocks),
      channels_(config.filters),
      features_(featureStride(config.filters)),
      energyUnit_(config.energyUnit),
      entries_(options.entries) {
  // The source of the table is the network in double.
  const RadialBasisTile<double> basis(config.basis);
  std::vector<FilterNetwork<double>> filters;
  for (const SchnetBlock& b : parameters.blocks) filters.emplace_back(config, b, basis, false);
  const auto source = [&](int block, const double* r, int n, double* value, double* slope) {
    sample(filters[block], config.lengthUnit, channels_, r, n, value, slope);
  };
  const std::size_t room = device.info().sharedPerBlock - besideSlice;
  const int mostRows = static_cast<int>(room / (32 * sizeof(float)));
  const auto& cutoff = config.basis.cutoff;
  const double lower = cutoff.lower * config.lengthUnit, upper = cutoff.upper * config.lengthUnit;
  if (const auto digits = digitsOf(entries_))
    table_ = PackedTable(*digits, blocks_, channels_, lower, upper, options.tolerance,
                         mostRows / 2 - 1, source);
  else
    table_ = SplineTable(blocks_, channels_, lower, upper, options.tolerance,
                         mostRows - splineRows(0), source);
  report_ = {grid().intervals, sizeof(float) * 1.0 * blockWords() * blocks_, options.tolerance,
             std::visit([](const auto& t) { return t.errors(); }, table_)};
}

int FilterTables::channelsPerLane(std::size_t other) const {
  const std::size_t shared = device_.info().sharedPerBlock;
  for (const int perLane : {2, 1})
    if (features_ % (32 * perLane) == 0 && sliceBytes(perLane) + other <= shared) return perLane;
  return 0;
}

void FilterTables::upload(cuda::Stream& stream, int perLane) {
  cuda::DeviceBuffer<float>& to = onDevice_[perLane - 1];
  if (to.size()) return;
  const int width = 32 * perLane;
  std::vector<float> all(blockWords() * blocks_);
  // Writes rows of channels, `from` (rows, channels) of entries, into their slices.
  const auto cut = [&]<class Entry>(const std::vector<Entry>& from, int block) {
    auto* out = reinterpret_cast<Entry*>(all.data() + block * blockWords());
    for (std::size_t k = 0; k < from.size(); ++k) {
      const std::size_t row = k / channels_, c = k % channels_;
      out[(c / width * rows() + row) * width + c % width] = from[k];
    }
  };
  for (int b = 0; b < blocks_; ++b)
    if (const auto* spline = std::get_if<SplineTable>(&table_)) {
      cut(spline->coefficients(b), b);
    } else {
      const auto& packed = std::get<PackedTable>(table_);
      cut(std::vector<PackedCubic>(std::size_t(rows()) * channels_, packed.zero()), b);
      cut(packed.cubics(b), b);
    }
  to.upload(stream, all);
  if (packed()) uploadScales(stream);
}

// Channels that are padding have scales of zero, which makes any cubic zero.
void FilterTables::uploadScales(cuda::Stream& stream) {
  std::vector<float> all(std::size_t(4) * features_ * blocks_, 0.f);
  for (int b = 0; b < blocks_; ++b)
    std::ranges::copy(std::get<PackedTable>(table_).scales(b),
                      all.begin() + std::size_t(4) * features_ * b);
  scales_.upload(stream, all);
}

}  // namespace mdlab

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "cuda/listed-kernels.h"
#include "models/schnet/node-matrix.h"
#include "models/schnet/node-network-on-device.h"

namespace mdlab {
namespace {

constexpr int threads = 256;
constexpr int narrowSizes[] = {8, 16, 24, 32, 48, 64, 72};
// Up to so many atoms a multiprocessor, in one round of narrow tiles, these take less time than
// wide ones (node-network.cu).
constexpr int narrowUpTo = 32;

// Names of the kernels for one model and tile, in the order in which they are fetched.
std::vector<std::string> kernelNames(int H, int F, Activation activation, bool half,
                                     const std::string& tile, const std::vector<int>& widths) {
  std::string shape = "<", head;
  for (const int n : {H, F, static_cast<int>(activation), half ? 1 : 3})
    shape.append(std::to_string(n)).append(", ");
  shape += "mdlab::node::" + tile;
  for (const int w : widths) head.append(", ").append(std::to_string(featureStride(w)));
  const auto name = [](const char* kernel, const std::string& arguments) {
    return std::string("mdlab::").append(kernel).append(arguments).append(">");
  };
  std::vector<std::string> names{name("nodeUpdate", shape), name("nodeTop", shape + head),
                                 name("nodeReverse", shape), "mdlab::nodeEnergy",
                                 name("nodeEmbed<", std::to_string(F))};
  if (tile == "Wide") names.push_back(name("nodeTopReverse", shape + head));
  return names;
}
const char* const source = "models/schnet/node-network.cu";
const cuda::ListedKernels listed[] = {
    {source, kernelNames(128, 128, Activation::tanh, false, "Narrow<8>", {128, 64})},
    {source, kernelNames(128, 128, Activation::tanh, false, "Narrow<24>", {128, 64})},
    {source, kernelNames(128, 128, Activation::tanh, false, "Narrow<72>", {128, 64})},
    {source, kernelNames(160, 96, Activation::shiftedSoftplus, false, "Narrow<32>", {})},
    {source, kernelNames(64, 32, Activation::silu, true, "Narrow<48>", {32})},
    {source, kernelNames(128, 128, Activation::tanh, false, "Wide", {128, 64})},
    {source, kernelNames(64, 128, Activation::shiftedSoftplus, false, "Wide", {})}};

// Rows of (rows,from) padded to (rows,to).
std::vector<float> paddedRows(const std::vector<double>& values, int from, int to) {
  const std::size_t rows = values.size() / from;
  std::vector<float> out(rows * to, 0.f);
  for (std::size_t r = 0; r < rows; ++r)
    for (int c = 0; c < from; ++c) out[r * to + c] = static_cast<float>(values[r * from + c]);
  return out;
}

double norm(std::span<const double> v) {
  double sum = 0;
  for (const double x : v) sum += x * x;
  return std::sqrt(sum);
}

}  // namespace

NodeNetworkOnDevice::NodeNetworkOnDevice(cuda::Device& device, const SchnetConfig& config,
                                         const SchnetParameters& parameters, bool half)
    : device_(device),
      config_(config),
      parameters_(parameters),
      half_(half),
      canBeWide_(device.hasGroupMma() && !half && wideTakes(config.hidden) &&
                 wideTakes(config.filters) && std::ranges::all_of(config.head, wideTakes)),
      H_(featureStride(config.hidden)),
      F_(featureStride(config.filters)),
      widest_(std::max(H_, F_)),
      blocks_(config.blocks),
      head_(config.head.size()),
      headReverse_(config.head.size()),
      y_(config.blocks),
      slope_(config.blocks),
      headSlope_(config.head.size()) {
  if (config.head.size() > maxHeadLayers)
    throw Error("EUNSUPPORTED", "schnet: on a GPU the output network has at most " +
                                    std::to_string(maxHeadLayers) + " hidden layers, received " +
                                    std::to_string(config.head.size()) + "; use backend 'cpu'");
  for (const int width : config.head) widest_ = std::max(widest_, featureStride(width));
  // Two tiles of the smallest size must fit a block's shared memory.
  if (std::size_t(2) * narrowSizes[0] * widest_ * 4 + 8192 > device.info().sharedPerBlock)
    throw Error("EUNSUPPORTED", "schnet: layers of " + std::to_string(widest_) +
                                    " channels do not fit this GPU's shared memory; use backend "
                                    "'cpu'");
}

void NodeNetworkOnDevice::upload(cuda::Stream& stream) {
  const auto put = [&](Matrix& to, const Linear& layer, bool transposed) {
    const PackedNodeMatrix packed = packNodeMatrix(layer, transposed);
    to.narrow.upload(stream, packed.narrow);
    if (canBeWide_) to.wide.upload(stream, packed.wide);
    if (!packed.bias.empty()) to.bias.upload(stream, packed.bias);
    to.view = {nullptr, to.bias.data(), packed.unscale, packed.norm, packed.biasNorm};
  };
  for (int l = 0; l < config_.blocks; ++l) {
    const SchnetBlock& b = parameters_.blocks[l];
    put(blocks_[l].lin1, b.lin1, false);
    put(blocks_[l].lin2, b.lin2, false);
    put(blocks_[l].lin, b.lin, false);
    put(blocks_[l].lin1Reverse, b.lin1, true);
    put(blocks_[l].lin2Reverse, b.lin2, true);
    put(blocks_[l].linReverse, b.lin, true);
  }
  for (std::size_t k = 0; k < head_.size(); ++k) {
    put(head_[k], parameters_.head[k], false);
    put(headReverse_[k], parameters_.head[k], true);
  }
  const Linear& last = parameters_.head.back();
  last_.upload(stream, paddedRows(last.weight, last.in, featureStride(last.in)));
  lastNorm_ = static_cast<float>(1.0001 * norm(last.weight));
  embedding_.upload(stream, paddedRows(parameters_.embedding, config_.hidden, H_));
  // y of the first block depends on the type alone.
  const Linear& lin1 = parameters_.blocks[0].lin1;
  std::vector<double> rows(std::size_t(config_.types) * lin1.out, 0.0);
  for (int t = 0; t < config_.types; ++t) {
    const double* x = parameters_.embedding.data() + std::size_t(t) * config_.hidden;
    embeddingNorm_ = std::max(embeddingNorm_,
                              static_cast<float>(1.0001 * norm({x, std::size_t(config_.hidden)})));
    for (int o = 0; o < lin1.out; ++o)
      for (int k = 0; k < lin1.in; ++k)
        rows[std::size_t(t) * lin1.out + o] += lin1.weight[std::size_t(o) * lin1.in + k] * x[k];
  }
  rows_.upload(stream, paddedRows(rows, lin1.out, F_));
}

// As many blocks as multiprocessors, or that many times as they must go round; the tiles are spread
// over them.
NodeNetworkOnDevice::Tiling NodeNetworkOnDevice::wideTiling(std::int64_t atoms) const {
  const std::int64_t tiles = (atoms + wideAtoms - 1) / wideAtoms,
                     slots = device_.info().multiprocessors,
                     rounds = (tiles + wideTiles * slots - 1) / (wideTiles * slots);
  return {true, wideAtoms, wideAtoms, static_cast<int>(std::min(tiles, rounds * slots))};
}

// Few atoms: small tiles, so that many multiprocessors share them. Many: the size that leaves the
// fewest idle in the last round, at two blocks each.
NodeNetworkOnDevice::Tiling NodeNetworkOnDevice::narrowTiling(std::int64_t atoms) const {
  const std::int64_t slots = device_.info().multiprocessors;
  int best = narrowSizes[0];
  double least = 1e300;
  for (const int size : narrowSizes) {
    if (std::size_t(2) * size * widest_ * 4 + 8192 > device_.info().sharedPerBlock) continue;
    const std::int64_t blocks = (atoms + size - 1) / size;
    const int together = size <= narrowAlone ? 1 : 2;
    const std::int64_t rounds = (blocks + together * slots - 1) / (together * slots);
    // A block's time: its atoms, and about 40 atoms' worth of reading weights.
    const double time = static_cast<double>(rounds) * (size * together + 40);
    if (time < least) {
      least = time;
      best = size;
    }
  }
  return {false, best, best, static_cast<int>((atoms + best - 1) / best)};
}

void NodeNetworkOnDevice::compile(const Tiling& tiling) {
  const std::string tile = tiling.wide ? "Wide" : "Narrow<" + std::to_string(tiling.size) + ">";
  const auto names = kernelNames(H_, F_, config_.activation, half_, tile, config_.head);
  module_ = cuda::KernelModule(device_, source, names);
  updateKernel_ = module_.kernel<NodeUpdateArguments>(names[0]);
  topKernel_ = module_.kernel<NodeTopArguments>(names[1]);
  reverseKernel_ = module_.kernel<NodeReverseArguments>(names[2]);
  energyKernel_ = module_.kernel<NodeEnergyArguments>(names[3]);
  embedKernel_ = module_.kernel<NodeEmbedArguments>(names[4]);
  topReverseKernel_ = {};
  if (tiling.wide) topReverseKernel_ = module_.kernel<NodeTopArguments>(names[5]);
}

void NodeNetworkOnDevice::prepare(cuda::Stream& stream, const DeviceBatch& batch, bool gradient) {
  if (!uploaded_) upload(stream);
  uploaded_ = true;
  gradient_ = gradient;
  const std::int64_t few = std::int64_t{narrowUpTo} * device_.info().multiprocessors;
  const Tiling tiling =
      canBeWide_ && batch.atoms > few ? wideTiling(batch.atoms) : narrowTiling(batch.atoms);
  if (tiling.wide != tiling_.wide || tiling.size != tiling_.size) compile(tiling);
  tiling_ = tiling;
  const std::size_t atoms = batch.atoms;
  x_.reset(stream, atoms * H_);
  m_.reset(stream, atoms * F_);
  bound_.reset(stream, atoms);
  atomEnergy_.reset(stream, atoms);
  for (auto& y : y_) y.reset(stream, atoms * F_);
  if (gradient) {
    gradY_.reset(stream, atoms * F_);
    for (auto& s : slope_) s.reset(stream, atoms * H_);
    // In one kernel the last hidden layer's are used where they are made.
    for (std::size_t k = 0; k + (tiling.wide ? 0 : 1) < headSlope_.size(); ++k)
      headSlope_[k].reset(stream, atoms * featureStride(config_.head[k]));
  }
  cuda::launch(stream, embedKernel_,
               {cuda::blocksFor(std::int64_t{batch.atoms} * (F_ / 4), threads), {threads}},
               {batch.atoms, batch.types, rows_.data(), y_[0].data()});
}

NodeMatrix NodeNetworkOnDevice::view(const Matrix& matrix) const {
  NodeMatrix out = matrix.view;
  out.words = tiling_.wide ? matrix.wide.data() : matrix.narrow.data();
  return out;
}

cuda::Geometry NodeNetworkOnDevice::geometry(int extraBlocks, int widest) const {
  const bool overlap = device_.info().major >= 9;
  if (tiling_.wide)
    return {{static_cast<unsigned>(tiling_.blocks)}, {wideThreads}, wideBytes, 1, overlap};
  return {{static_cast<unsigned>(tiling_.blocks + extraBlocks)},
          {threads},
          std::size_t(2) * tiling_.size * widest * sizeof(float),
          1,
          overlap};
}

void NodeNetworkOnDevice::update(cuda::Stream& stream, const DeviceBatch& batch, int block) {
  const bool first = block == 0;
  cuda::launch(
      stream, updateKernel_, geometry(0, std::max(H_, F_)),
      {batch.atoms, tiling_.rows, m_.data(), x_.data(), first ? embedding_.data() : nullptr,
       batch.types, embeddingNorm_, bound_.data(), gradient_ ? slope_[block].data() : nullptr,
       y_[block + 1].data(), view(blocks_[block].lin2), view(blocks_[block].lin),
       view(blocks_[block + 1].lin1)});
}

void NodeNetworkOnDevice::top(cuda::Stream& stream, const DeviceBatch& batch) {
  const int last = config_.blocks - 1;
  NodeTopArguments a{};
  a.atoms = batch.atoms;
  a.rows = tiling_.rows;
  a.gradient = gradient_;
  a.m = m_.data();
  a.x = x_.data();
  a.embedding = last == 0 ? embedding_.data() : nullptr;
  a.types = batch.types;
  a.embeddingNorm = embeddingNorm_;
  a.bound = bound_.data();
  a.slope = slope_[last].data();
  a.lin2 = view(blocks_[last].lin2);
  a.lin = view(blocks_[last].lin);
  a.linReverse = view(blocks_[last].linReverse);
  a.lin2Reverse = view(blocks_[last].lin2Reverse);
  for (std::size_t k = 0; k < head_.size(); ++k) {
    a.head[k] = view(head_[k]);
    a.headReverse[k] = view(headReverse_[k]);
    a.headSlope[k] = headSlope_[k].data();
  }
  a.last = last_.data();
  a.lastNorm = lastNorm_;
  a.energy = atomEnergy_.data();
  cuda::launch(stream, topKernel_, geometry(0, widest_), a);
  if (tiling_.wide && gradient_) cuda::launch(stream, topReverseKernel_, geometry(0, widest_), a);
}

NodeEnergyArguments NodeNetworkOnDevice::energyArguments(const DeviceBatch& batch,
                                                         double* energy) const {
  return {batch.systems, batch.offsets, atomEnergy_.data(), config_.energyUnit, energy};
}

void NodeNetworkOnDevice::reverse(cuda::Stream& stream, const DeviceBatch& batch, int block,
                                  double* energy) {
  const int extra = energy ? std::min(batch.systems, 128) : 0;
  cuda::launch(
      stream, reverseKernel_, geometry(extra, std::max(H_, F_)),
      {batch.atoms, tiling_.rows, gradY_.data(), x_.data(), bound_.data(), slope_[block - 1].data(),
       m_.data(), view(blocks_[block].lin1Reverse), view(blocks_[block - 1].linReverse),
       view(blocks_[block - 1].lin2Reverse), energyArguments(batch, energy)});
}

void NodeNetworkOnDevice::energies(cuda::Stream& stream, const DeviceBatch& batch, double* energy) {
  cuda::launch(stream, energyKernel_,
               {{static_cast<unsigned>(std::min(batch.systems, 1024))}, {threads}},
               energyArguments(batch, energy));
}

double NodeNetworkOnDevice::bytes(double atoms) const {
  double perAtom = H_ + 2.0 * F_ + 2 + config_.blocks * (H_ + F_);
  for (const int width : config_.head) perAtom += featureStride(width);
  return atoms * perAtom * sizeof(float);
}

}  // namespace mdlab

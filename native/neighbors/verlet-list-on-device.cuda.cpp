#include "neighbors/verlet-list-on-device.cuda.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/error.h"
#include "cuda/kernel.h"
#include "cuda/listed-kernels.h"
#include "neighbors/lattice.h"
#include "neighbors/verlet-list-on-device.h"

namespace mdlab {
namespace {

using ListKernel = cuda::Kernel<ListArguments>;

// The kernels of one file by name.
struct ListKernels {
  cuda::KernelModule module;

  ListKernels(cuda::Device& device, const char* file, const std::vector<std::string>& names)
      : module(device, file, names) {}
  ListKernel operator[](const char* name) const { return module.kernel<ListArguments>(name); }
};

const char* const pairFile = "neighbors/verlet-list-on-device.cu";
const std::vector<std::string> pairNames{"mdlab::testMoved",
                                         "mdlab::checkPositions",
                                         "mdlab::countPairRows",
                                         "mdlab::fillPairRows",
                                         "mdlab::buildPairs<false, false>",
                                         "mdlab::buildPairs<false, true>",
                                         "mdlab::buildPairs<true, false>",
                                         "mdlab::buildPairs<true, true>"};
const char* const cellFile = "neighbors/verlet-list-cells.cu";
const std::vector<std::string> cellNames{
    "mdlab::measureSystems", "mdlab::planGrids",    "mdlab::binAtoms",
    "mdlab::scanCells",      "mdlab::scatterAtoms", "mdlab::orderAtoms",
    "mdlab::scanRows",       "mdlab::countCells",   "mdlab::fillCells"};
const cuda::ListedKernels listed[] = {{pairFile, pairNames}, {cellFile, cellNames}};

constexpr int smallestCapacity = 1024;

[[noreturn]] void throwTooFar() {
  invalid("neighbor list: atoms of an open system of more than " + std::to_string(oddAtoms) +
          " atoms must be within about 1e12 Å of each other on a GPU; look for atoms that flew "
          "away, or use backend 'cpu'");
}

// Where cells cost less than all pairs, measured on an H200: all pairs of an open system take 6 ns
// a thousand, of a box with images five times that; cells take 70 µs at least.
int preferred(std::span<const int> offsets, bool open) {
  double pairs = 0;
  for (std::size_t s = 1; s < offsets.size(); ++s) {
    const double atoms = offsets[s] - offsets[s - 1];
    pairs += atoms * atoms;
  }
  return pairs <= (open ? 3e7 : 3e6) ? std::numeric_limits<int>::max() : 512;
}

std::int64_t withRoom(std::int64_t needed) {
  return std::min(maxEdges, needed + needed / 4 + smallestCapacity);
}

}  // namespace

struct VerletListOnDevice::State {
  State(cuda::Device& on, double reachOfModel, double extra, const DeviceListOptions& how)
      : device(on), cutoff(reachOfModel), skin(extra), options(how) {}

  cuda::Device& device;
  double cutoff, skin;
  DeviceListOptions options;
  std::optional<ListKernels> pairKernels, cellKernels;
  cuda::DeviceBuffer<ListState> state;
  cuda::DeviceBuffer<int> rowStart, column, cell, slot, unordered, cellStart, atomAt;
  cuda::DeviceBuffer<DeviceShift> shift;
  cuda::DeviceBuffer<double> builtAt, placed;
  cuda::DeviceBuffer<DeviceBox> builtBoxes;
  cuda::DeviceBuffer<DeviceLattice> lattices;
  cuda::DeviceBuffer<DeviceGrid> grids;
  cuda::DeviceBuffer<SystemExtent> extents;
  cuda::DeviceBuffer<DeviceTurns> turns;
  cuda::DeviceBuffer<unsigned long long> chain;
  ListArguments arguments{};
  DeviceListView view{};
  bool cells = false;  // some system uses them

  bool ready = false;

  ListState read(cuda::Stream& stream) const {
    ListState out{};
    if (state.size() > 0) state.download(stream, {&out, 1});
    return out;
  }
  void checkShape(const DeviceBatch& batch) const;
  std::vector<int> check(cuda::Stream& stream, const DeviceBatch& batch) const;
  void reserve(cuda::Stream& stream, const DeviceBatch& batch, const std::vector<int>& offsets);
  void reserveCells(cuda::Stream& stream, const DeviceBatch& batch,
                    const std::vector<int>& offsets);
  void reserveEdges(cuda::Stream& stream, std::int64_t edges);
  void prepareKernels();
  void enqueue(cuda::Stream& stream, const DeviceBatch& batch, bool force) const;
  void enqueueCells(cuda::Stream& stream, const ListArguments& a) const;
  ListState attempt(cuda::Stream& stream, int rebuilds, const std::vector<int>& offsets);
  void throwFaults(cuda::Stream& stream, const ListState& seen,
                   const std::vector<int>& offsets) const;
};

// Everything that can be told from the host without looking at positions. Returns the offsets.
std::vector<int> VerletListOnDevice::State::check(cuda::Stream& stream,
                                                  const DeviceBatch& batch) const {
  std::vector<int> offsets(std::size_t(batch.systems) + 1, 0);
  std::vector<DeviceBox> boxes(batch.systems);
  if (batch.systems > 0) {
    cuda::copyFromDevice(stream, offsets.data(), batch.offsets, offsets.size() * sizeof(int));
    cuda::copyFromDevice(stream, boxes.data(), batch.boxes, boxes.size() * sizeof(DeviceBox));
  }
  std::vector<Box> host(batch.systems);
  for (std::size_t s = 0; s < host.size(); ++s) {
    std::copy_n(boxes[s].vectors, 9, host[s].vectors.begin());
    for (int k = 0; k < 3; ++k) host[s].periodic[k] = boxes[s].periodic[k] != 0;
  }
  checkedLattices(offsets, host, cutoff, skin);
  return offsets;
}

void VerletListOnDevice::State::reserve(cuda::Stream& stream, const DeviceBatch& batch,
                                        const std::vector<int>& offsets) {
  const auto atoms = static_cast<std::size_t>(batch.atoms);
  const auto systems = static_cast<std::size_t>(batch.systems);
  arguments.pairsUpTo = options.pairsUpTo < 0 ? preferred(offsets, batch.open) : options.pairsUpTo;
  cells = batch.largest > arguments.pairsUpTo;
  state.reset(stream, 1);
  rowStart.reset(stream, atoms + 1);
  builtAt.reset(stream, 3 * atoms);
  builtBoxes.reset(stream, systems);
  lattices.reset(stream, systems);
  arguments.batch = batch;
  arguments.state = state.data();
  const double reach = cutoff + skin;
  arguments.reach = reach;
  arguments.reach2 = reach * reach;
  arguments.moved2 = (skin / 2) * (skin / 2);
  arguments.rowStart = rowStart.data();
  arguments.builtAt = builtAt.data();
  arguments.builtBoxes = builtBoxes.data();
  arguments.lattices = lattices.data();
  arguments.extents = nullptr;
  arguments.parts = 4;
  std::size_t longest = atoms / listWarps + 1;
  if (cells) {
    reserveCells(stream, batch, offsets);
    longest = std::max<std::size_t>(atoms, arguments.cellCapacity + 1) / scanItems + 1;
  }
  chain.reset(stream, longest);
  arguments.chain = chain.data();
  reserveEdges(stream, std::max<std::int64_t>(arguments.capacity, smallestCapacity));
}

void VerletListOnDevice::State::reserveCells(cuda::Stream& stream, const DeviceBatch& batch,
                                             const std::vector<int>& offsets) {
  const auto atoms = static_cast<std::size_t>(batch.atoms);
  std::int64_t capacity = 0;
  for (int s = 0; s < batch.systems; ++s) {
    const int count = offsets[s + 1] - offsets[s];
    if (count > arguments.pairsUpTo) capacity += count / cellAtoms + cellsAtLeast;
  }
  grids.reset(stream, batch.systems);
  extents.reset(stream, batch.systems);
  cellStart.reset(stream, capacity + 1);
  for (auto* buffer : {&cell, &slot, &unordered, &atomAt}) buffer->reset(stream, atoms);
  placed.reset(stream, 3 * atoms);
  turns.reset(stream, atoms);
  arguments.cellCapacity = static_cast<int>(capacity);
  arguments.grids = grids.data();
  arguments.extents = extents.data();
  arguments.cell = cell.data();
  arguments.slot = slot.data();
  arguments.unordered = unordered.data();
  arguments.cellStart = cellStart.data();
  arguments.atomAt = atomAt.data();
  arguments.placed = placed.data();
  arguments.turns = turns.data();
}

void VerletListOnDevice::State::reserveEdges(cuda::Stream& stream, std::int64_t edges) {
  column.reset(stream, edges);
  if (!arguments.batch.open) shift.reset(stream, edges);
  arguments.capacity = static_cast<int>(edges);
  arguments.column = column.data();
  arguments.shift = arguments.batch.open ? nullptr : shift.data();
  view = {arguments.rowStart, arguments.column, arguments.shift};
}

void VerletListOnDevice::State::prepareKernels() {
  if (!pairKernels) pairKernels.emplace(device, pairFile, pairNames);
  if (cells && !cellKernels) cellKernels.emplace(device, cellFile, cellNames);
}

void VerletListOnDevice::State::checkShape(const DeviceBatch& batch) const {
  const DeviceBatch& mine = arguments.batch;
  if (!ready || batch.atoms != mine.atoms || batch.systems != mine.systems ||
      batch.largest != mine.largest || batch.open != mine.open)
    invalid("neighbor list: must be built for this batch before it is updated, received " +
            std::to_string(batch.atoms) + " atoms in " + std::to_string(batch.systems) +
            " systems; build the list anew");
}

void VerletListOnDevice::State::enqueue(cuda::Stream& stream, const DeviceBatch& batch,
                                        bool force) const {
  if (batch.atoms == 0) return;
  ListArguments a = arguments;
  a.batch = batch;
  a.force = force;
  const bool small = batch.atoms <= smallBatch && batch.systems <= smallBatch;
  const auto test = cuda::blocksFor(std::max(batch.atoms, batch.systems), listThreads);
  const cuda::Dim3 threads{listThreads};
  const auto overlapping = [&](const char* name, cuda::Dim3 grid) {
    cuda::launch(stream, (*pairKernels)[name], {grid, threads, 0, 1, true}, a);
  };
  if (cells || !small) overlapping("mdlab::testMoved", test);
  if (cells) return enqueueCells(stream, a);
  const char* name =
      batch.open ? (small ? "mdlab::buildPairs<true, true>" : "mdlab::buildPairs<true, false>")
                 : (small ? "mdlab::buildPairs<false, true>" : "mdlab::buildPairs<false, false>");
  overlapping(name, cuda::blocksFor(batch.atoms, listWarps));
}

void VerletListOnDevice::State::enqueueCells(cuda::Stream& stream, const ListArguments& a) const {
  const auto run = [&](const ListKernels& kernels, const char* name, cuda::Dim3 grid) {
    cuda::launch(stream, kernels[name], {grid, {listThreads}}, a);
  };
  // Blocks that share out work by themselves: as many as run at once.
  const auto share = [&](const ListKernels& kernels, const char* name, int threads) {
    const auto kernel = kernels[name];
    const unsigned blocks = cuda::activeBlocks(kernel.function, threads, 0);
    const auto processors = static_cast<unsigned>(device.info().multiprocessors);
    cuda::launch(stream, kernel,
                 {{std::max(1u, blocks) * processors}, {static_cast<unsigned>(threads)}}, a);
  };
  const auto perAtom = cuda::blocksFor(a.batch.atoms, listThreads);
  run(*cellKernels, "mdlab::measureSystems",
      cuda::blocksFor(std::max(a.batch.atoms, a.cellCapacity + 1), listThreads));
  run(*cellKernels, "mdlab::planGrids", {1});
  run(*cellKernels, "mdlab::binAtoms", perAtom);
  run(*cellKernels, "mdlab::scanCells", cuda::blocksFor(a.cellCapacity + 1, scanItems));
  run(*cellKernels, "mdlab::scatterAtoms", perAtom);
  run(*cellKernels, "mdlab::orderAtoms", perAtom);
  share(*pairKernels, "mdlab::countPairRows", listThreads);
  share(*cellKernels, "mdlab::countCells", countThreads);
  run(*cellKernels, "mdlab::scanRows", cuda::blocksFor(a.batch.atoms, scanItems));
  share(*pairKernels, "mdlab::fillPairRows", listThreads);
  share(*cellKernels, "mdlab::fillCells", fillThreads);
}

// One build with the arrays as they are; throws what it finds wrong with the positions.
ListState VerletListOnDevice::State::attempt(cuda::Stream& stream, int rebuilds,
                                             const std::vector<int>& offsets) {
  ListState start{};
  start.epoch = 1;
  start.rebuilds = rebuilds;
  start.badAtom = std::numeric_limits<int>::max();
  state.upload(stream, {&start, 1});
  chain.zero(stream);
  if (arguments.batch.atoms == 0) {
    rowStart.zero(stream);
    return start;
  }
  cuda::launch(stream, (*pairKernels)["mdlab::checkPositions"],
               {cuda::blocksFor(arguments.batch.atoms, listThreads), {listThreads}}, arguments);
  enqueue(stream, arguments.batch, true);
  const ListState seen = read(stream);
  throwFaults(stream, seen, offsets);
  return seen;
}

void VerletListOnDevice::State::throwFaults(cuda::Stream& stream, const ListState& seen,
                                            const std::vector<int>& offsets) const {
  if (seen.badAtom < arguments.batch.atoms) {
    double position[3];
    cuda::copyFromDevice(stream, position,
                         arguments.batch.positions + 3 * std::size_t(seen.badAtom),
                         sizeof position);
    const auto system = std::upper_bound(offsets.begin(), offsets.end(), seen.badAtom) - 1;
    throwNotFinite(seen.badAtom - *system, static_cast<int>(system - offsets.begin()), position);
  }
  if (seen.overflow == farApart || seen.fault == farApart) throwShiftOverflow();
  if (seen.overflow == tooFar) throwTooFar();
}

VerletListOnDevice::VerletListOnDevice(cuda::Device& device, double cutoff, double skin,
                                       const DeviceListOptions& options)
    : state_(std::make_unique<State>(device, cutoff, skin, options)) {}
VerletListOnDevice::~VerletListOnDevice() = default;
VerletListOnDevice::VerletListOnDevice(VerletListOnDevice&&) noexcept = default;
VerletListOnDevice& VerletListOnDevice::operator=(VerletListOnDevice&&) noexcept = default;

void VerletListOnDevice::build(cuda::Stream& stream, const DeviceBatch& batch,
                               const DeviceExclusions& exclusions) {
  State& s = *state_;
  stream.use();
  const int rebuilds = s.read(stream).rebuilds;
  s.ready = false;
  const auto offsets = s.check(stream, batch);
  s.reserve(stream, batch, offsets);
  s.arguments.exclusions = exclusions;
  s.prepareKernels();
  ListState seen = s.attempt(stream, rebuilds, offsets);
  while (seen.overflow > 0) {
    if (seen.overflow == std::numeric_limits<int>::max())
      throwTooManyEdges(s.cutoff + s.skin, batch.atoms);
    s.reserveEdges(stream, withRoom(seen.overflow));
    seen = s.attempt(stream, rebuilds, offsets);
  }
  s.arguments.parts = std::max(1, (seen.fullest + seen.fullest / 4 + partAtoms - 1) / partAtoms);
  s.ready = true;
}

void VerletListOnDevice::enqueueUpdate(cuda::Stream& stream, const DeviceBatch& batch) {
  state_->checkShape(batch);
  state_->enqueue(stream, batch, false);
}

void VerletListOnDevice::enqueueRebuild(cuda::Stream& stream, const DeviceBatch& batch) {
  state_->checkShape(batch);
  state_->enqueue(stream, batch, true);
}

const DeviceListView& VerletListOnDevice::view() const { return state_->view; }
const int* VerletListOnDevice::overflowFlag() const { return &state_->state.data()->overflow; }
std::int64_t VerletListOnDevice::capacity() const { return state_->arguments.capacity; }
const double* VerletListOnDevice::builtAt() const { return state_->builtAt.data(); }
std::int64_t VerletListOnDevice::edges(cuda::Stream& stream) const {
  return state_->read(stream).edges;
}
std::int64_t VerletListOnDevice::rebuilds(cuda::Stream& stream) const {
  return state_->read(stream).rebuilds;
}

std::int64_t VerletListOnDevice::overflowed(cuda::Stream& stream) const {
  const ListState seen = state_->read(stream);
  if (seen.overflow == notFinite)
    numeric("neighbor list: position of atom " + std::to_string(seen.badAtom) +
            " of the batch must be finite; use a shorter timestep or relax the structure first");
  if (seen.overflow == farApart) throwShiftOverflow();
  if (seen.overflow == tooFar) throwTooFar();
  return seen.overflow;
}

}  // namespace mdlab

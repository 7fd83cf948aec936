#include "models/bonded/bonded.cuda.h"

#include <algorithm>

#include "cuda/kernel.h"
#include "cuda/listed-kernels.h"
#include "models/bonded/bonded-on-device.h"
#include "models/bonded/parts.h"

namespace mdlab {
namespace {

// The arrays of one topology; `view` points into them.
struct TopologyOnDevice {
  cuda::DeviceBuffer<int> pairRow, moreRounds, slotRow;
  cuda::DeviceBuffer<BondedPair> pairs;
  cuda::DeviceBuffer<BondedTask> tasks;
  cuda::DeviceBuffer<unsigned short> slots;
  cuda::DeviceBuffer<double> parameters;
  DeviceBonded view{};

  TopologyOnDevice(cuda::Stream& stream, const bonded::Parts& parts) {
    pairRow.upload(stream, parts.pairRow);
    pairs.upload(stream, parts.pairs);
    moreRounds.upload(stream, parts.moreRounds);
    tasks.upload(stream, parts.tasks);
    slotRow.upload(stream, parts.slotRow);
    slots.upload(stream, parts.slots);
    parameters.upload(stream, parts.parameters);
    view = {parts.atoms,  parts.parts,    pairRow.data(), pairs.data(),     moreRounds.data(),
            tasks.data(), slotRow.data(), slots.data(),   parameters.data()};
  }
};

constexpr const char* file = "models/bonded/bonded.cu";
// By staged, virial.
const std::string names[2][2] = {
    {"mdlab::bondedForces<false, false>", "mdlab::bondedForces<false, true>"},
    {"mdlab::bondedForces<true, false>", "mdlab::bondedForces<true, true>"}};
const cuda::ListedKernels listed(file, {names[0][0], names[0][1], names[1][0], names[1][1]});

}  // namespace

struct BondedOnDevice::OnDevice {
  std::vector<TopologyOnDevice> topologies;
  cuda::DeviceBuffer<DeviceBonded> views;
  cuda::DeviceBuffer<int> assignment, tickets;
  cuda::DeviceBuffer<double> partial;
  int mostParts = 0, mostAtoms = 0;
  cuda::KernelModule modules[2][2];  // by staged, virial
  bool compiled[2][2] = {};

  OnDevice(cuda::Stream& stream, const Bonded& terms) {
    std::vector<DeviceBonded> all;
    for (const BondedTopology& topology : terms.topologies()) {
      topologies.emplace_back(stream, bonded::cutIntoParts(topology));
      all.push_back(topologies.back().view);
      mostParts = std::max(mostParts, all.back().parts);
      mostAtoms = std::max(mostAtoms, all.back().atoms);
    }
    views.upload(stream, all);
    if (!terms.assignment().empty()) assignment.upload(stream, terms.assignment());
  }

  // Positions of small open systems go through shared memory.
  bool staged(const DeviceBatch& batch) const { return batch.open && mostAtoms <= bondedStaged; }
};

BondedOnDevice::BondedOnDevice(cuda::Device& device, std::shared_ptr<Bonded> terms)
    : DevicePotential(device), terms_(std::move(terms)) {}

BondedOnDevice::~BondedOnDevice() = default;

void BondedOnDevice::explain(const Batch& batch, std::int32_t) const {
  std::vector<double> energy(batch.systems()), forces(3 * static_cast<std::size_t>(batch.atoms()));
  terms_->evaluate(batch, nullptr, {energy, forces, {}});
}

void BondedOnDevice::prepare(cuda::Stream& stream, const DeviceBatch& batch, std::int64_t, bool,
                             bool virial) {
  if (!onDevice_) onDevice_ = std::make_unique<OnDevice>(stream, *terms_);
  OnDevice& d = *onDevice_;
  const bool staged = d.staged(batch);
  if (!d.compiled[staged][virial]) {
    d.modules[staged][virial] = cuda::KernelModule(device(), file, {names[staged][virial]});
    d.compiled[staged][virial] = true;
  }
  const auto systems = static_cast<std::size_t>(batch.systems);
  d.partial.reset(stream, systems * static_cast<std::size_t>(d.mostParts) * 10);
  d.tickets.reset(stream, systems);
  d.tickets.zero(stream);
}

void BondedOnDevice::enqueue(cuda::Stream& stream, const DeviceBatch& batch, const DeviceListView*,
                             const DeviceEvaluation& out) {
  const OnDevice& d = *onDevice_;
  const bool staged = d.staged(batch), virial = out.virial != nullptr;
  const BondedArguments arguments{
      batch,       d.topologies[0].view, d.views.data(),   d.assignment.data(),
      d.mostParts, d.partial.data(),     d.tickets.data(), out};
  const auto kernel = d.modules[staged][virial].kernel<BondedArguments>(names[staged][virial]);
  cuda::Geometry geometry{
      {static_cast<unsigned>(batch.systems) * static_cast<unsigned>(d.mostParts)}, {bondedThreads}};
  if (staged) geometry.sharedBytes = 6 * sizeof(float) * static_cast<std::size_t>(d.mostAtoms);
  geometry.overlap = true;
  cuda::launch(stream, kernel, geometry, arguments);
}

}  // namespace mdlab

#include "models/device-timing.h"

#include <optional>

#include "core/error.h"

namespace mdlab {
namespace {

constexpr int warmUp = 3;

// Seconds of what `work` enqueues, after a few untimed rounds; `before` each, outside the clock.
template <class Before, class Work>
std::vector<double> timed(cuda::Stream& stream, int repeats, const Before& before,
                          const Work& work) {
  cuda::Timer timer(stream);
  std::vector<double> seconds;
  for (int k = 0; k < warmUp + repeats; ++k) {
    throwIfCancelled();
    before(k);
    timer.start();
    work();
    timer.stop();
    const double spent = timer.seconds();
    if (k >= warmUp) seconds.push_back(spent);
  }
  return seconds;
}

}  // namespace

DeviceTiming timeOnDevice(DevicePotential& potential, const Batch& batch, int repeats) {
  potential.checkBatch(batch);
  potential.device().use();
  cuda::Stream stream(potential.device());
  BatchOnDevice on;
  on.upload(stream, batch);
  std::optional<VerletListOnDevice> list;
  if (potential.cutoff() > 0 && potential.needsList(on.view()))
    list.emplace(potential.device(), potential.cutoff(), 0.0).build(stream, on.view());
  const TermTurns turns(potential);
  potential.prepareFor(&on, stream, on.view(), list ? list->capacity() : 0, true, false);
  const auto systems = static_cast<std::size_t>(on.view().systems);
  const auto atoms = static_cast<std::size_t>(on.view().atoms);
  const cuda::DeviceBuffer<double> energy(stream, systems), forces(stream, 3 * atoms);
  const cuda::Graph graph(stream, [&] {
    energy.zero(stream);
    forces.zero(stream);
    potential.enqueue(stream, on.view(), list ? &list->view() : nullptr,
                      {energy.data(), forces.data(), nullptr});
  });
  DeviceTiming out;
  if (list) out.edges = list->edges(stream);
  out.seconds = timed(
      stream, repeats, [](int) {}, [&] { graph.launch(stream); });
  stream.synchronize();
  return out;
}

DeviceTiming timeListOnDevice(cuda::Device& device, const Batch& batch, double cutoff, double skin,
                              int repeats) {
  device.use();
  cuda::Stream stream(device);
  BatchOnDevice on;
  on.upload(stream, batch);
  VerletListOnDevice list(device, cutoff, skin);
  list.build(stream, on.view());
  std::vector<double> moved(batch.positions.begin(), batch.positions.end());
  if (moved.empty()) invalid("timeList: needs at least one atom");
  // Back and forth, so that the list's size stays what it is.
  const auto move = [&](int k) {
    moved[0] = batch.positions[0] + (k % 2 ? 0 : skin);
    on.uploadPositions(stream, moved);
    stream.synchronize();
  };
  DeviceTiming out;
  const auto before = list.rebuilds(stream);
  out.seconds = timed(stream, repeats, move, [&] { list.enqueueUpdate(stream, on.view()); });
  if (const auto needed = list.overflowed(stream))
    invalid("timeList: the list overflowed, " + std::to_string(needed) + " pairs needed");
  if (list.rebuilds(stream) - before != warmUp + repeats)
    invalid("timeList: the list was rebuilt " + std::to_string(list.rebuilds(stream) - before) +
            " times, not " + std::to_string(warmUp + repeats) + "; give a skin above 0");
  out.edges = list.edges(stream);
  return out;
}

}  // namespace mdlab

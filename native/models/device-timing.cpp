#include "models/device-timing.h"

#include <optional>

#include "core/cancel.h"

namespace mdlab {

DeviceTiming timeOnDevice(DevicePotential& potential, const Batch& batch, int repeats) {
  potential.checkBatch(batch);
  const TermTurns turns(potential);
  potential.device().use();
  cuda::Stream stream(potential.device());
  BatchOnDevice on;
  on.upload(stream, batch);
  std::optional<VerletListOnDevice> list;
  if (potential.cutoff() > 0 && potential.needsList(on.view()))
    list.emplace(potential.device(), potential.cutoff(), 0.0).build(stream, on.view());
  potential.prepareFor(&on, stream, on.view(), list ? list->capacity() : 0, true, false);
  const auto systems = static_cast<std::size_t>(on.view().systems);
  const auto atoms = static_cast<std::size_t>(on.view().atoms);
  const cuda::DeviceBuffer<double> energy(stream, systems), forces(stream, 3 * atoms);
  const cuda::Graph graph(stream, [&] {
    energy.zero(stream);
    forces.zero(stream);
    const DeviceEvaluation out{energy.data(), forces.data(), nullptr};
    potential.enqueueAside(stream, on.view(), out);
    potential.enqueue(stream, on.view(), list ? &list->view() : nullptr, out);
  });
  DeviceTiming out;
  if (list) out.edges = list->edges(stream);
  constexpr int warmUp = 3;
  cuda::Timer timer(stream);
  for (int k = 0; k < warmUp + repeats; ++k) {
    throwIfCancelled();
    timer.start();
    graph.launch(stream);
    timer.stop();
    const double seconds = timer.seconds();
    if (k >= warmUp) out.seconds.push_back(seconds);
  }
  stream.synchronize();
  return out;
}

}  // namespace mdlab

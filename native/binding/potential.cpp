#include <algorithm>
#include <chrono>

#include "binding/binding.h"
#include "models/device-potential.h"
#include "models/sum.h"

namespace mdlab::binding {
namespace {

// sumPotentials(potentials[]) -> potential, on a GPU where all of them are
Napi::Value jsSum(const Napi::CallbackInfo& info) {
  const auto array = info[0].As<Napi::Array>();
  std::vector<std::shared_ptr<Potential>> terms;
  std::vector<std::shared_ptr<DevicePotential>> onDevice;
  for (std::uint32_t k = 0; k < array.Length(); ++k) {
    terms.push_back(unwrapPotential(array.Get(k)));
    auto term = std::dynamic_pointer_cast<DevicePotential>(terms.back());
    if (term && (onDevice.empty() || &term->device() == &onDevice[0]->device()))
      onDevice.push_back(std::move(term));
  }
  if (onDevice.size() == terms.size() && !terms.empty())
    return wrapPotential(info.Env(), sumOnDevice(std::move(onDevice)));
  return wrapPotential(info.Env(), std::make_shared<SumPotential>(std::move(terms)));
}

// evaluate(potential, batch, energy (systems), forces (atoms,3) | undefined, virial (systems,9) |
// undefined)
// -> {edges, listSeconds, seconds}. Zeroes the outputs, builds a neighbour list where one is
// needed.
Napi::Value jsEvaluate(const Napi::CallbackInfo& info) {
  const auto potential = unwrapPotential(info[0]);
  const auto arguments = batchOf(info[1].As<Napi::Object>());
  const auto& batch = arguments.batch;
  const Evaluation out{doubles(info[2], "energy"), doubles(info[3], "forces"),
                       doubles(info[4], "virial")};
  const std::size_t systems = batch.systems(), atoms = batch.atoms();
  if (out.energy.size() != systems || (!out.forces.empty() && out.forces.size() != 3 * atoms) ||
      (!out.virial.empty() && out.virial.size() != 9 * systems))
    invalid("evaluate: energy, forces and virial must fit the batch");
  std::ranges::fill(out.energy, 0.0);
  std::ranges::fill(out.forces, 0.0);
  std::ranges::fill(out.virial, 0.0);

  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  NeighborList list;
  const auto* onDevice = dynamic_cast<const DevicePotential*>(potential.get());
  const bool listed = potential->listCutoff() > 0;
  if (listed) buildNeighborList(batch, potential->listCutoff(), 0, {}, list);
  const auto built = Clock::now();
  const PotentialTurn turn(*potential);
  potential->evaluate(batch, listed ? &list : nullptr, out);
  const auto end = Clock::now();
  tellMemory(info.Env());

  auto result = Napi::Object::New(info.Env());
  const double listSeconds =
      onDevice ? onDevice->listSeconds() : std::chrono::duration<double>(built - start).count();
  result.Set("edges", static_cast<double>(onDevice ? onDevice->edges() : list.edges()));
  result.Set("listSeconds", listSeconds);
  result.Set("seconds", std::chrono::duration<double>(end - start).count() - listSeconds);
  return result;
}

}  // namespace

void exportPotential(Napi::Env env, Napi::Object exports) {
  exports.Set("sumPotentials", Napi::Function::New<Guarded<jsSum>>(env, "sumPotentials"));
  exports.Set("evaluate", Napi::Function::New<Guarded<jsEvaluate>>(env, "evaluate"));
}

}  // namespace mdlab::binding

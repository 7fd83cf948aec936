#include "md/motion-on-device.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/error.h"
#include "cuda/listed-kernels.h"

namespace mdlab {
namespace {

// Steps of the longer graph: enough that the host's part of a launch is spread thin.
constexpr int manySteps = 16;

std::string nameOf(bool langevin, bool removeDrift, bool finish, bool start) {
  const auto word = [](bool b) { return std::string(b ? "true" : "false"); };
  return std::string(removeDrift ? "mdlab::moveSystems<" : "mdlab::moveAtoms<") + word(langevin) +
         ", " + word(finish) + ", " + word(start) + ">";
}

constexpr const char* file = "md/dynamics.cu";
constexpr const char* exchangeName = "mdlab::exchangeRungs";

std::vector<std::string> namesOf(bool langevin, bool removeDrift) {
  return {nameOf(langevin, removeDrift, false, true), nameOf(langevin, removeDrift, true, true),
          nameOf(langevin, removeDrift, true, false), exchangeName};
}

const cuda::ListedKernels ofVerlet(file, namesOf(false, false));
const cuda::ListedKernels ofLangevin(file, namesOf(true, false));
const cuda::ListedKernels atRest(file, namesOf(true, true));

}  // namespace

MotionOnDevice::Layout::Layout(const Topology& topology, const DynamicsOptions& options) {
  const auto atoms = 3 * static_cast<std::size_t>(topology.atoms());
  const auto systems = static_cast<std::size_t>(topology.systems());
  const std::size_t rungs = options.tempering.attempted.size();
  std::size_t at = 0;
  const auto take = [&](std::size_t count) {
    const std::size_t begin = at;
    at += count;
    return begin;
  };
  positions = take(atoms);
  velocities = take(atoms);
  forces = take(atoms);
  energy = take(systems);
  virial = take(topology.anyFullyPeriodic() ? 9 * systems : 0);
  kT = take(systems);
  attempted = take(rungs);
  accepted = take(rungs);
  rung = take((options.tempering.rung.size() + 1) / 2);
  end = at;
}

template <class State, class Options, class Visit>
void MotionOnDevice::Layout::each(State& state, Options& options, const Visit& visit) const {
  visit(positions, state.positions.span());
  visit(velocities, state.velocities.span());
  visit(forces, state.forces.span());
  visit(energy, state.energy.span());
  visit(virial, state.virial.span());
  visit(kT, std::span(options.kT));
  visit(attempted, std::span(options.tempering.attempted));
  visit(accepted, std::span(options.tempering.accepted));
  visit(rung, std::span(options.tempering.rung));
}

MotionOnDevice::Kernels::Kernels(cuda::Device& device, bool langevin, bool removeDrift)
    : module(device, file, namesOf(langevin, removeDrift)) {
  const auto move = [&](bool ends, bool begins) {
    return module.kernel<MotionArguments>(nameOf(langevin, removeDrift, ends, begins));
  };
  start = move(false, true);
  middle = move(true, true);
  finish = move(true, false);
  exchange = module.kernel<ExchangeArguments>(exchangeName);
}

MotionOnDevice::MotionOnDevice(DevicePotential& potential, const Topology& topology,
                               const DynamicsOptions& options)
    : potential_(potential),
      topology_(topology),
      tempering_(options.tempering),
      removeDrift_(options.removeDrift),
      stream_(potential.device()),
      layout_(topology, options),
      kernels_(potential.device(), options.integrator == Integrator::langevin, options.removeDrift),
      values_(stream_, layout_.end),
      kept_(stream_, layout_.end),
      status_(stream_, 1),
      host_(layout_.end) {
  const std::vector<double> nowhere(3 * static_cast<std::size_t>(topology.atoms()), 0.0);
  batchOnDevice_.upload(stream_, topology.batch(nowhere));
  batch_ = batchOnDevice_.view();
  double* v = values_.data();
  batch_.positions = v + layout_.positions;
  inverseMasses_.upload(stream_, topology.inverseMasses);
  ladder_.upload(stream_, tempering_.kT);
  replica_.upload(stream_, options.replica);
  if (potential.cutoff() > 0 && potential.needsList(batch_)) {
    list_.emplace(potential.device(), potential.cutoff(), options.skin);
    builtAt_ = cuda::DeviceBuffer<double>(stream_, nowhere.size());
  }
  arguments_ = {batch_,
                v + layout_.positions,
                v + layout_.velocities,
                v + layout_.forces,
                v + layout_.energy,
                topology.anyFullyPeriodic() ? v + layout_.virial : nullptr,
                inverseMasses_.data(),
                v + layout_.kT,
                replica_.data(),
                nullptr,
                status_.data(),
                options.seed,
                options.timestep,
                std::exp(-options.friction * options.timestep),
                std::sqrt(-std::expm1(-2 * options.friction * options.timestep)),
                options.displacementLimit * options.displacementLimit};
  exchangeArguments_ = {status_.data(),
                        nullptr,
                        batch_.offsets,
                        v + layout_.energy,
                        ladder_.data(),
                        replica_.data(),
                        v + layout_.kT,
                        v + layout_.velocities,
                        reinterpret_cast<int*>(v + layout_.rung),
                        reinterpret_cast<long long*>(v + layout_.attempted),
                        reinterpret_cast<long long*>(v + layout_.accepted),
                        options.seed,
                        tempering_.every,
                        static_cast<int>(tempering_.kT.size())};
}

void MotionOnDevice::upload(std::int64_t step, const State& state, const DynamicsOptions& options,
                            std::span<const double> listBuiltAt) {
  layout_.each(state, options, [&](std::size_t at, const auto& from) {
    if (!from.empty()) std::memcpy(&host_[at], from.data(), from.size_bytes());
  });
  values_.upload(stream_, host_);
  writeStatus(step);
  if (!list_) return;
  if (!listBuiltAt.empty()) builtAt_.upload(stream_, listBuiltAt);
  buildList(listBuiltAt.empty() ? batch_.positions : builtAt_.data());
}

void MotionOnDevice::writeStatus(std::int64_t step) {
  const MotionStatus fresh{step,
                           std::numeric_limits<long long>::max(),
                           0,
                           std::numeric_limits<int>::max(),
                           std::numeric_limits<int>::max(),
                           0,
                           0};
  status_.upload(stream_, {&fresh, 1});
}

void MotionOnDevice::buildList(const double* positions) {
  DeviceBatch batch = batch_;
  batch.positions = positions;
  list_->build(stream_, batch);
  arguments_.overflow = exchangeArguments_.overflow = list_->overflowFlag();
  clearGraphs();
}

// The graphs hold addresses: what may have moved them clears the graphs.
void MotionOnDevice::clearGraphs() {
  first_ = {};
  one_ = {};
  many_ = {};
  ready_ = false;
}

void MotionOnDevice::prepare() {
  if (ready_ && potential_.preparedFor(this)) return;
  clearGraphs();
  potential_.prepareFor(this, stream_, batch_, list_ ? list_->capacity() : 0, true,
                        arguments_.virial != nullptr);
  ready_ = true;
}

void MotionOnDevice::enqueueEvaluation() {
  const DeviceEvaluation out{arguments_.energy, arguments_.forces, arguments_.virial};
  potential_.enqueueAside(stream_, batch_, out);
  if (list_) list_->enqueueUpdate(stream_, batch_);
  potential_.enqueue(stream_, batch_, list_ ? &list_->view() : nullptr, out);
}

void MotionOnDevice::evaluate() {
  for (;;) {
    const std::size_t results = layout_.kT - layout_.forces;  // forces, energy, virial
    zeroOnDevice(stream_, arguments_.forces, results * sizeof(double));
    enqueueEvaluation();
    if (!list_ || !list_->overflowed(stream_)) break;
    buildList(batch_.positions);
    prepare();
  }
  stream_.synchronize();
}

void MotionOnDevice::keep() {
  copyOnDevice(stream_, kept_.data(), values_.data(), values_.bytes());
  if (list_) copyOnDevice(stream_, builtAt_.data(), list_->builtAt(), builtAt_.bytes());
}

// A list built where it overflowed has room from then on, wherever it is built next.
void MotionOnDevice::putBack(std::int64_t step, bool grow) {
  if (grow) buildList(batch_.positions);
  copyOnDevice(stream_, values_.data(), kept_.data(), kept_.bytes());
  writeStatus(step);
  if (list_) buildList(builtAt_.data());
  prepare();
}

void MotionOnDevice::move(cuda::Kernel<MotionArguments> kernel) {
  cuda::Geometry geometry{cuda::blocksFor(batch_.atoms, motionThreads), {motionThreads}};
  if (removeDrift_) geometry = {{static_cast<unsigned>(batch_.systems)}, {motionThreadsOfSystem}};
  geometry.overlap = true;
  cuda::launch(stream_, kernel, geometry, arguments_);
}

void MotionOnDevice::exchange() {
  const auto rungs = static_cast<unsigned>(exchangeArguments_.rungs);
  cuda::launch(stream_, kernels_.exchange,
               {{static_cast<unsigned>(batch_.systems) / rungs},
                {exchangeThreads},
                rungs * (sizeof(double) + sizeof(int))},
               exchangeArguments_);
}

void MotionOnDevice::enqueue(std::int64_t from, std::int64_t steps) {
  while (steps > 0) {
    const std::int64_t every = tempering_.every;
    const std::int64_t run = every > 0 ? std::min(steps, every - from % every) : steps;
    enqueueSteps(run);
    from += run;
    steps -= run;
    if (tempering_.dueAfter(from)) exchange();
  }
}

void MotionOnDevice::enqueueSteps(std::int64_t steps) {
  const auto graph = [&](cuda::Graph& kept, cuda::Kernel<MotionArguments> kernel, int count) {
    if (!kept)
      kept = cuda::Graph(stream_, [&] {
        for (int k = 0; k < count; ++k) {
          move(kernel);
          enqueueEvaluation();
        }
      });
    kept.launch(stream_);
  };
  graph(first_, kernels_.start, 1);
  std::int64_t left = steps - 1;
  for (; left >= manySteps; left -= manySteps) graph(many_, kernels_.middle, manySteps);
  for (; left > 0; --left) graph(one_, kernels_.middle, 1);
  move(kernels_.finish);
}

MotionStatus MotionOnDevice::status() {
  MotionStatus told{};
  status_.download(stream_, {&told, 1});
  return told;
}

void MotionOnDevice::download(bool kept, State& state, DynamicsOptions& options,
                              std::vector<double>& listBuiltAt) {
  (kept ? kept_ : values_).download(stream_, host_);
  layout_.each(state, options, [&](std::size_t at, const auto& to) {
    if (!to.empty()) std::memcpy(to.data(), &host_[at], to.size_bytes());
  });
  if (!list_) return;
  listBuiltAt.resize(3 * static_cast<std::size_t>(topology_.atoms()));
  cuda::copyFromDevice(stream_, listBuiltAt.data(), kept ? builtAt_.data() : list_->builtAt(),
                       builtAt_.bytes());
}

}  // namespace mdlab

#include <algorithm>
#include <atomic>
#include <string>

#include "binding/background.h"
#include "binding/binding.h"
#include "md/dynamics.h"
#include "md/fire.h"
#include "models/external/harmonic-well.h"
#include "models/pair/lennard-jones.h"

namespace mdlab::binding {
namespace {

// A run and the flag that stops it; used by one background chunk at a time.
template <class Engine>
struct Run {
  explicit Run(std::unique_ptr<Engine> made) : engine(std::move(made)) {}
  std::unique_ptr<Engine> engine;
  std::shared_ptr<CancelFlag> flag = std::make_shared<CancelFlag>(false);
  std::atomic<bool> busy{false};  // cleared by the chunk's own thread
};
using DynamicsRun = Run<Dynamics>;
using FireRun = Run<Fire>;

template <class Engine>
constexpr napi_type_tag runTag{};
template <>
constexpr napi_type_tag runTag<Dynamics>{0x6d646c6162000002ull, 0x64796e616d696373ull};
template <>
constexpr napi_type_tag runTag<Fire>{0x6d646c6162000003ull, 0x666972656d696e00ull};

template <class Engine>
Napi::Value wrap(Napi::Env env, std::shared_ptr<Run<Engine>> run) {
  using Held = std::shared_ptr<Run<Engine>>;
  auto external = Napi::External<Held>::New(env, new Held(std::move(run)),
                                            [](Napi::Env, Held* held) { delete held; });
  external.TypeTag(&runTag<Engine>);
  return external;
}

template <class Engine>
std::shared_ptr<Run<Engine>> unwrap(const Napi::Value& value) {
  if (!value.IsExternal()) invalid("run: must be a native run");
  auto external = value.As<Napi::External<std::shared_ptr<Run<Engine>>>>();
  if (!external.CheckTypeTag(&runTag<Engine>)) invalid("run: must be a native run");
  return *external.Data();
}

template <class Engine>
std::shared_ptr<Run<Engine>> unwrapIdle(const Napi::Value& value) {
  auto run = unwrap<Engine>(value);
  if (run->busy) invalid("run: must not be running while it is read or written");
  return run;
}

template <class T>
std::vector<T> vectorOf(std::span<const T> values) {
  return {values.begin(), values.end()};
}

Napi::Float64Array copyOf(Napi::Env env, std::span<const double> values) {
  auto out = Napi::Float64Array::New(env, values.size());
  std::ranges::copy(values, out.Data());
  return out;
}

template <class Integer>
Napi::Float64Array numbersOf(Napi::Env env, const std::vector<Integer>& values) {
  auto out = Napi::Float64Array::New(env, values.size());
  std::ranges::copy(values, out.Data());
  return out;
}

std::uint64_t seedOf(const Napi::Object& object) {
  return object.Get("seedLow").ToNumber().Uint32Value() |
         std::uint64_t{object.Get("seedHigh").ToNumber().Uint32Value()} << 32;
}

Topology topologyOf(const BatchArguments& arguments, const Napi::Value& inverseMasses) {
  return {arguments.batch.offsets, arguments.batch.types, arguments.batch.boxes,
          doubles(inverseMasses, "inverseMasses")};
}

// createDynamics(potential, batch, options) -> run. Options as lib/native.ts names them.
Napi::Value jsCreateDynamics(const Napi::CallbackInfo& info) {
  const auto arguments = batchOf(info[1].As<Napi::Object>());
  const auto o = info[2].As<Napi::Object>();
  const auto number = [&](const char* name) { return o.Get(name).ToNumber().DoubleValue(); };
  DynamicsOptions options;
  options.integrator =
      o.Get("langevin").ToBoolean() ? Integrator::langevin : Integrator::velocityVerlet;
  options.timestep = number("timestep");
  options.friction = number("friction");
  options.kT = vectorOf<double>(doubles(o.Get("kT"), "kT"));
  options.seed = seedOf(o);
  for (const std::int32_t r : ints(o.Get("replica"), "replica"))
    options.replica.push_back(static_cast<std::uint32_t>(r));
  options.removeDrift = o.Get("removeDrift").ToBoolean();
  options.displacementLimit = number("displacementLimit");
  options.skin = number("skin");
  options.tempering.every = o.Get("exchangeEvery").ToNumber().Int64Value();
  options.tempering.kT = vectorOf<double>(doubles(o.Get("ladder"), "ladder"));
  auto run = std::make_shared<DynamicsRun>(makeDynamics(
      unwrapPotential(info[0]), topologyOf(arguments, o.Get("inverseMasses")), options));
  run->engine->setPositions(arguments.batch.positions);
  return wrap(info.Env(), std::move(run));
}

Napi::Value jsSetPositions(const Napi::CallbackInfo& info) {
  unwrapIdle<Dynamics>(info[0])->engine->setPositions(doubles(info[1], "positions"));
  return info.Env().Undefined();
}

Napi::Value jsSetVelocities(const Napi::CallbackInfo& info) {
  unwrapIdle<Dynamics>(info[0])->engine->setVelocities(doubles(info[1], "velocities"));
  return info.Env().Undefined();
}

Napi::Value jsDrawVelocities(const Napi::CallbackInfo& info) {
  unwrapIdle<Dynamics>(info[0])->engine->drawVelocities(doubles(info[1], "kT"));
  return info.Env().Undefined();
}

// advance(run, steps) -> Promise<number of steps taken since the run began>
template <class Engine>
Napi::Value jsAdvance(const Napi::CallbackInfo& info) {
  auto run = unwrapIdle<Engine>(info[0]);
  const std::int64_t steps = info[1].ToNumber().Int64Value();
  *run->flag = false;
  const auto work = [run, steps] {
    struct Idle {
      std::atomic<bool>& busy;
      ~Idle() { busy = false; }
    } idle{run->busy};
    run->engine->advance(steps);
  };
  const auto result = [run](Napi::Env env) {
    tellMemory(env);
    return Napi::Number::New(env, static_cast<double>(run->engine->step()));
  };
  run->busy = true;
  try {
    return inBackground(info.Env(), run->flag, work, result);
  } catch (...) {
    run->busy = false;
    throw;
  }
}

// Stops the chunk that is running; nothing where none is.
template <class Engine>
Napi::Value jsStop(const Napi::CallbackInfo& info) {
  *unwrap<Engine>(info[0])->flag = true;
  return info.Env().Undefined();
}

template <class Engine>
Napi::Value jsStep(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(),
                           static_cast<double>(unwrap<Engine>(info[0])->engine->step()));
}

// readDynamics(run) -> copies of the state after the last whole step
Napi::Value jsReadDynamics(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  const auto run = unwrapIdle<Dynamics>(info[0]);
  const auto& engine = *run->engine;
  const auto& state = engine.state();
  auto kinetic =
      Napi::Float64Array::New(env, static_cast<std::size_t>(engine.topology().systems()));
  kineticEnergy(engine.topology(), state.velocities.span(),
                {kinetic.Data(), kinetic.ElementLength()});
  const auto& tempering = engine.options().tempering;
  auto out = Napi::Object::New(env);
  out.Set("step", static_cast<double>(engine.step()));
  out.Set("positions", copyOf(env, state.positions.span()));
  out.Set("velocities", copyOf(env, state.velocities.span()));
  out.Set("forces", copyOf(env, state.forces.span()));
  out.Set("potential", copyOf(env, state.energy.span()));
  out.Set("kinetic", kinetic);
  out.Set("virial", copyOf(env, state.virial.span()));
  out.Set("listBuiltAt", copyOf(env, engine.listBuiltAt()));
  out.Set("onDevice", engine.onDevice());
  out.Set("listRebuilds", static_cast<double>(engine.listRebuilds()));
  out.Set("kT", numbersOf(env, engine.options().kT));
  out.Set("rung", numbersOf(env, tempering.rung));
  out.Set("attempted", numbersOf(env, tempering.attempted));
  out.Set("accepted", numbersOf(env, tempering.accepted));
  return out;
}

// restoreDynamics(run, state): what readDynamics gave.
Napi::Value jsRestoreDynamics(const Napi::CallbackInfo& info) {
  auto run = unwrapIdle<Dynamics>(info[0]);
  const auto o = info[1].As<Napi::Object>();
  State state(run->engine->topology());
  const auto read = [&](const char* name, Buffer<double>& to) {
    const auto values = doubles(o.Get(name), name);
    if (values.size() != to.size())
      invalid(std::string("checkpoint.") + name + ": must hold " + std::to_string(to.size()) +
              " numbers, received " + std::to_string(values.size()));
    std::ranges::copy(values, to.data());
  };
  read("positions", state.positions);
  read("velocities", state.velocities);
  read("forces", state.forces);
  read("potential", state.energy);
  read("virial", state.virial);
  const auto integers = [&]<class Integer>(const char* name, Integer) {
    const auto values = doubles(o.Get(name), name);
    return std::vector<Integer>(values.begin(), values.end());
  };
  run->engine->restore(o.Get("step").ToNumber().Int64Value(), state,
                       doubles(o.Get("listBuiltAt"), "listBuiltAt"),
                       integers("rung", std::int32_t{}), integers("attempted", std::int64_t{}),
                       integers("accepted", std::int64_t{}));
  return info.Env().Undefined();
}

// createFire(potential, batch, options) -> run
Napi::Value jsCreateFire(const Napi::CallbackInfo& info) {
  const auto arguments = batchOf(info[1].As<Napi::Object>());
  const auto o = info[2].As<Napi::Object>();
  const auto number = [&](const char* name) { return o.Get(name).ToNumber().DoubleValue(); };
  std::vector<double> ones(static_cast<std::size_t>(arguments.batch.atoms()), 1.0);
  Topology topology(arguments.batch.offsets, arguments.batch.types, arguments.batch.boxes, ones);
  return wrap(info.Env(),
              std::make_shared<FireRun>(std::make_unique<Fire>(
                  unwrapPotential(info[0]), std::move(topology),
                  FireOptions{number("forceTolerance"), number("maxMove"), number("skin")},
                  arguments.batch.positions)));
}

Napi::Value jsReadFire(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  const auto run = unwrapIdle<Fire>(info[0]);
  const auto& engine = *run->engine;
  auto out = Napi::Object::New(env);
  out.Set("step", static_cast<double>(engine.step()));
  out.Set("positions", copyOf(env, engine.state().positions.span()));
  out.Set("potential", copyOf(env, engine.state().energy.span()));
  out.Set("maxForce", copyOf(env, engine.maxForce()));
  out.Set("steps", numbersOf(env, engine.stepsTaken()));
  return out;
}

// harmonicWell(k, centers) -> potential
Napi::Value jsHarmonicWell(const Napi::CallbackInfo& info) {
  return wrapPotential(
      info.Env(), std::make_shared<HarmonicWell>(vectorOf<double>(doubles(info[0], "k")),
                                                 vectorOf<double>(doubles(info[1], "centers"))));
}

// lennardJones(epsilon, sigma, cutoff, switchFrom) -> potential
Napi::Value jsLennardJones(const Napi::CallbackInfo& info) {
  const auto number = [&](std::size_t k) { return info[k].ToNumber().DoubleValue(); };
  return wrapPotential(info.Env(),
                       std::make_shared<LennardJones>(number(0), number(1), number(2), number(3)));
}

}  // namespace

void exportMd(Napi::Env env, Napi::Object exports) {
  const auto add = [&]<Napi::Value (*body)(const Napi::CallbackInfo&)>(const char* name) {
    exports.Set(name, Napi::Function::New<Guarded<body>>(env, name));
  };
  add.operator()<jsCreateDynamics>("createDynamics");
  add.operator()<jsSetPositions>("setPositions");
  add.operator()<jsSetVelocities>("setVelocities");
  add.operator()<jsDrawVelocities>("drawVelocities");
  add.operator()<jsAdvance<Dynamics>>("advanceDynamics");
  add.operator()<jsStop<Dynamics>>("stopDynamics");
  add.operator()<jsStep<Dynamics>>("dynamicsStep");
  add.operator()<jsReadDynamics>("readDynamics");
  add.operator()<jsRestoreDynamics>("restoreDynamics");
  add.operator()<jsCreateFire>("createFire");
  add.operator()<jsAdvance<Fire>>("advanceFire");
  add.operator()<jsStop<Fire>>("stopFire");
  add.operator()<jsStep<Fire>>("fireStep");
  add.operator()<jsReadFire>("readFire");
  add.operator()<jsHarmonicWell>("harmonicWell");
  add.operator()<jsLennardJones>("lennardJones");
}

}  // namespace mdlab::binding

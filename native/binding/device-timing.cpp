#include "models/device-timing.h"

#include <algorithm>

#include "binding/binding.h"

namespace mdlab::binding {
namespace {

Napi::Value toObject(Napi::Env env, const DeviceTiming& timing) {
  auto seconds = Napi::Float64Array::New(env, timing.seconds.size());
  std::copy(timing.seconds.begin(), timing.seconds.end(), seconds.Data());
  auto out = Napi::Object::New(env);
  out.Set("seconds", seconds);
  out.Set("edges", static_cast<double>(timing.edges));
  return out;
}

int positive(const Napi::Value& value, const char* what) {
  const int n = value.ToNumber().Int32Value();
  if (n < 1) invalid(std::string(what) + ": must be positive, received " + std::to_string(n));
  return n;
}

// timeOnDevice(potential, batch, repeats) -> {seconds, edges}
Napi::Value jsTimeOnDevice(const Napi::CallbackInfo& info) {
  const auto potential = unwrapPotential(info[0]);
  auto* device = dynamic_cast<DevicePotential*>(potential.get());
  if (!device) invalid("timeOnDevice: the potential must compute on a GPU; choose backend 'cuda'");
  const PotentialTurn turn(*potential);
  const BatchArguments batch = batchOf(info[1].As<Napi::Object>());
  return toObject(info.Env(),
                  timeOnDevice(*device, batch.batch, positive(info[2], "timeOnDevice.repeats")));
}

}  // namespace

void exportDeviceTiming(Napi::Env env, Napi::Object exports) {
  exports.Set("timeOnDevice", Napi::Function::New<Guarded<jsTimeOnDevice>>(env, "timeOnDevice"));
}

}  // namespace mdlab::binding

#include <cstdio>

#include "binding/binding.h"
#include "core/buffer.h"
#include "core/cancel.h"
#include "core/parallel.h"
#include "core/philox.h"

namespace mdlab::binding {
namespace {

Napi::Value jsThreads(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), threads());
}

Napi::Value jsSetThreads(const Napi::CallbackInfo& info) {
  setThreads(info[0].ToNumber().Int32Value());
  return info.Env().Undefined();
}

Napi::Value jsRequestCancel(const Napi::CallbackInfo& info) {
  requestCancel();
  return info.Env().Undefined();
}

Napi::Value jsClearCancel(const Napi::CallbackInfo& info) {
  clearCancel();
  return info.Env().Undefined();
}

// What native code prints into a pipe is held back until much has gathered: from here on only until
// a line is whole.
Napi::Value jsLineOutput(const Napi::CallbackInfo& info) {
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  return info.Env().Undefined();
}

Napi::Value jsFlushOutput(const Napi::CallbackInfo& info) {
  std::fflush(stdout);
  return info.Env().Undefined();
}

Napi::Value jsMemory(const Napi::CallbackInfo& info) {
  auto out = Napi::Object::New(info.Env());
  out.Set("bytes", static_cast<double>(bufferBytes()));
  out.Set("peak", static_cast<double>(bufferPeakBytes()));
  return out;
}

Napi::Value jsResetPeak(const Napi::CallbackInfo& info) {
  resetBufferPeak();
  return info.Env().Undefined();
}

// philox(counter: Uint32Array(4), keyLow, keyHigh) -> Uint32Array(4)
Napi::Value jsPhilox(const Napi::CallbackInfo& info) {
  const auto counter = info[0].As<Napi::Uint32Array>();
  if (counter.ElementLength() != 4) invalid("philox.counter: must hold 4 words");
  const std::uint64_t key =
      info[1].ToNumber().Uint32Value() | std::uint64_t{info[2].ToNumber().Uint32Value()} << 32;
  const auto block = philox({{counter[0], counter[1], counter[2], counter[3]}}, key);
  auto out = Napi::Uint32Array::New(info.Env(), 4);
  for (int k = 0; k < 4; ++k) out[k] = block[k];
  return out;
}

// What the compiler was allowed to use, for `mdlab doctor`.
Napi::Value jsBuildInfo(const Napi::CallbackInfo& info) {
  auto out = Napi::Object::New(info.Env());
  out.Set("compiler", __VERSION__);
#if defined(__AVX512F__)
  out.Set("simd", "AVX-512");
#elif defined(__AVX2__)
  out.Set("simd", "AVX2");
#elif defined(__ARM_NEON)
  out.Set("simd", "NEON");
#else
  out.Set("simd", "baseline");
#endif
  return out;
}

}  // namespace

void exportCore(Napi::Env env, Napi::Object exports) {
  exports.Set("threads", Napi::Function::New<Guarded<jsThreads>>(env, "threads"));
  exports.Set("setThreads", Napi::Function::New<Guarded<jsSetThreads>>(env, "setThreads"));
  exports.Set("requestCancel", Napi::Function::New<Guarded<jsRequestCancel>>(env, "requestCancel"));
  exports.Set("clearCancel", Napi::Function::New<Guarded<jsClearCancel>>(env, "clearCancel"));
  exports.Set("lineOutput", Napi::Function::New<Guarded<jsLineOutput>>(env, "lineOutput"));
  exports.Set("flushOutput", Napi::Function::New<Guarded<jsFlushOutput>>(env, "flushOutput"));
  exports.Set("memory", Napi::Function::New<Guarded<jsMemory>>(env, "memory"));
  exports.Set("resetPeak", Napi::Function::New<Guarded<jsResetPeak>>(env, "resetPeak"));
  exports.Set("philox", Napi::Function::New<Guarded<jsPhilox>>(env, "philox"));
  exports.Set("buildInfo", Napi::Function::New<Guarded<jsBuildInfo>>(env, "buildInfo"));
}

}  // namespace mdlab::binding

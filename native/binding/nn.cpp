#include <algorithm>
#include <chrono>

#include "binding/binding.h"
#include "core/buffer.h"
#include "nn/elementary.h"
#include "nn/gemm.h"
#include "nn/half.h"
#include "nn/peaks-on-device.h"
#include "nn/peaks.h"

// The network primitives on their own, for tests and benchmarks.
namespace mdlab::binding {
namespace {

// activation(name, x: Float32Array | Float64Array, slope: same) -> undefined: x <- a(x), slope <-
// a'(x), as the networks compute them in that precision.
Napi::Value jsActivation(const Napi::CallbackInfo& info) {
  const Activation a = activationNamed(info[0].ToString().Utf8Value());
  const auto run = [a](auto x, auto slope) {
    if (x.size() != slope.size()) invalid("activation.slope: must be as long as x");
    elementary::activate(a, x.data(), slope.data(), static_cast<std::int64_t>(x.size()));
  };
  if (info[1].IsTypedArray() &&
      info[1].As<Napi::TypedArray>().TypedArrayType() == napi_float32_array)
    run(floats(info[1], "activation.x"), floats(info[2], "activation.slope"));
  else
    run(doubles(info[1], "activation.x"), doubles(info[2], "activation.slope"));
  return info.Env().Undefined();
}

// roundToHalf(x: Float32Array): each number to the nearest binary16 and back.
Napi::Value jsRoundToHalf(const Napi::CallbackInfo& info) {
  const auto x = floats(info[0], "roundToHalf.x");
  roundToHalf(x.data(), static_cast<std::int64_t>(x.size()));
  return info.Env().Undefined();
}

// multiply(a (rows,in), weight (out,in)) -> (rows,out), in the precision of `a`: the dense layer of
// nn/gemm.h on its own. Returns the seconds that `repeats` products took.
template <class T>
double product(std::span<T> a, std::span<double> weight, int in, int out, std::span<T> c,
               int repeats) {
  const auto rows = static_cast<std::int64_t>(a.size()) / in;
  if (weight.size() != static_cast<std::size_t>(in) * out ||
      a.size() != static_cast<std::size_t>(rows) * in ||
      c.size() != static_cast<std::size_t>(rows) * out)
    invalid("multiply: shapes must be (rows,in), (out,in), (rows,out)");
  const PackedWeights<T> w(weight.data(), out, in, in, 1);
  Buffer<T> padded(rows * w.stride());
  const auto start = std::chrono::steady_clock::now();
  for (int k = 0; k < repeats; ++k)
    multiply<T>(a.data(), in, rows, w, nullptr, padded.data(), w.stride());
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
  for (std::int64_t r = 0; r < rows; ++r)
    std::copy_n(padded.data() + r * w.stride(), out, c.data() + r * out);
  return spent.count();
}

// multiply(a, weight: Float64Array, in, out, c, repeats) -> seconds
Napi::Value jsMultiply(const Napi::CallbackInfo& info) {
  const auto weight = doubles(info[1], "multiply.weight");
  const int in = info[2].ToNumber().Int32Value(), out = info[3].ToNumber().Int32Value();
  const int repeats = info[5].ToNumber().Int32Value();
  if (in < 1 || out < 1) invalid("multiply: in and out must be positive");
  const bool single = info[0].IsTypedArray() &&
                      info[0].As<Napi::TypedArray>().TypedArrayType() == napi_float32_array;
  const double seconds = single ? product(floats(info[0], "multiply.a"), weight, in, out,
                                          floats(info[4], "multiply.c"), repeats)
                                : product(doubles(info[0], "multiply.a"), weight, in, out,
                                          doubles(info[4], "multiply.c"), repeats);
  return Napi::Number::New(info.Env(), seconds);
}

// machinePeaks(cacheBytes, memoryBytes) -> {float32, float64: flop/s, cache, memory: byte/s}
Napi::Value jsMachinePeaks(const Napi::CallbackInfo& info) {
  const std::int64_t cache = info[0].ToNumber().Int64Value();
  const std::int64_t memory = info[1].ToNumber().Int64Value();
  if (cache < 4096 || memory < 4096) invalid("machinePeaks: sizes must be 4096 bytes or more");
  auto out = Napi::Object::New(info.Env());
  out.Set("float32", peakFlops<float>());
  out.Set("float64", peakFlops<double>());
  out.Set("cache", readBandwidth(cache));
  out.Set("memory", triadBandwidth(memory));
  return out;
}

// devicePeaks(index) -> what nn/peaks-on-device.h lists, by its names there.
Napi::Value jsDevicePeaks(const Napi::CallbackInfo& info) {
  const DevicePeaks p = devicePeaks(cuda::Device::open(info[0].ToNumber().Int32Value()));
  auto out = Napi::Object::New(info.Env());
  out.Set("memory", p.memory);
  out.Set("l2", p.l2);
  out.Set("shared", p.shared);
  out.Set("float32", p.float32);
  out.Set("float64", p.float64);
  out.Set("tf32", p.tf32);
  out.Set("bfloat16", p.bfloat16);
  out.Set("float16", p.float16);
  out.Set("int8", p.int8);
  return out;
}

}  // namespace

void exportNn(Napi::Env env, Napi::Object exports) {
  exports.Set("activation", Napi::Function::New<Guarded<jsActivation>>(env, "activation"));
  exports.Set("roundToHalf", Napi::Function::New<Guarded<jsRoundToHalf>>(env, "roundToHalf"));
  exports.Set("machinePeaks", Napi::Function::New<Guarded<jsMachinePeaks>>(env, "machinePeaks"));
  exports.Set("devicePeaks", Napi::Function::New<Guarded<jsDevicePeaks>>(env, "devicePeaks"));
  exports.Set("multiply", Napi::Function::New<Guarded<jsMultiply>>(env, "multiply"));
}

}  // namespace mdlab::binding

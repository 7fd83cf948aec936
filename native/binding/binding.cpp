#include "binding/binding.h"

#include <new>

#include "core/buffer.h"
#include "cuda/device.h"

namespace mdlab::binding {

Napi::Error toJavaScript(Napi::Env env, const std::exception& error) {
  Napi::Error js = Napi::Error::New(env, error.what());
  if (const auto* own = dynamic_cast<const Error*>(&error)) {
    js.Set("code", Napi::String::New(env, own->code()));
  } else if (dynamic_cast<const std::bad_alloc*>(&error)) {
    js.Set("code", Napi::String::New(env, "ENOMEM"));
  }
  return js;
}

Napi::Value guarded(const Napi::CallbackInfo& info,
                    Napi::Value (*body)(const Napi::CallbackInfo&)) {
  try {
    return body(info);
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw toJavaScript(info.Env(), error);
  }
}

namespace {
template <class Array, class T>
std::span<T> view(const Napi::Value& value, napi_typedarray_type kind, const char* what,
                  const char* kindName) {
  if (value.IsUndefined() || value.IsNull()) return {};
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != kind)
    invalid(std::string(what) + ": must be a " + kindName);
  auto array = value.As<Array>();
  return {array.Data(), array.ElementLength()};
}

constexpr napi_type_tag potentialTag{0x6d646c6162000001ull, 0x706f74656e746961ull};
}  // namespace

std::span<double> doubles(const Napi::Value& value, const char* what) {
  return view<Napi::Float64Array, double>(value, napi_float64_array, what, "Float64Array");
}
std::span<float> floats(const Napi::Value& value, const char* what) {
  return view<Napi::Float32Array, float>(value, napi_float32_array, what, "Float32Array");
}
std::span<std::int32_t> ints(const Napi::Value& value, const char* what) {
  return view<Napi::Int32Array, std::int32_t>(value, napi_int32_array, what, "Int32Array");
}

Napi::Value wrapPotential(Napi::Env env, std::shared_ptr<Potential> potential) {
  auto external = Napi::External<std::shared_ptr<Potential>>::New(
      env, new std::shared_ptr<Potential>(std::move(potential)),
      [](Napi::Env, std::shared_ptr<Potential>* p) { delete p; });
  external.TypeTag(&potentialTag);
  return external;
}

std::shared_ptr<Potential> unwrapPotential(const Napi::Value& value) {
  if (!value.IsExternal()) invalid("potential: must be a native potential");
  auto external = value.As<Napi::External<std::shared_ptr<Potential>>>();
  if (!external.CheckTypeTag(&potentialTag)) invalid("potential: must be a native potential");
  return *external.Data();
}

void tellMemory(Napi::Env env) {
  // One environment per thread; each is told the bytes of the whole process.
  thread_local std::int64_t told = 0;
  const auto now = static_cast<std::int64_t>(bufferBytes() + cuda::Device::heldBytes());
  Napi::MemoryManagement::AdjustExternalMemory(env, now - told);
  told = now;
}

BatchArguments batchOf(const Napi::Object& object) {
  BatchArguments out;
  out.batch.offsets = ints(object.Get("offsets"), "batch.offsets");
  out.batch.positions = doubles(object.Get("positions"), "batch.positions");
  out.batch.types = ints(object.Get("types"), "batch.types");
  const auto vectors = doubles(object.Get("boxes"), "batch.boxes");
  const auto flags = object.Get("periodic");
  if (!flags.IsTypedArray() || flags.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
    invalid("batch.periodic: must be a Uint8Array");
  const auto periodic = flags.As<Napi::Uint8Array>();
  const auto offsets = out.batch.offsets;
  if (offsets.empty() || offsets[0] != 0) invalid("batch.offsets: must start with 0");
  for (std::size_t s = 1; s < offsets.size(); ++s)
    if (offsets[s] < offsets[s - 1]) invalid("batch.offsets: must not decrease");
  const std::size_t systems = offsets.size() - 1, atoms = offsets.back();
  if (out.batch.positions.size() != 3 * atoms || out.batch.types.size() != atoms ||
      vectors.size() != 9 * systems || periodic.ElementLength() != 3 * systems)
    invalid("batch: shapes of offsets, positions, types, boxes and periodic must agree");
  out.boxes.resize(systems);
  for (std::size_t s = 0; s < systems; ++s) {
    for (int k = 0; k < 9; ++k) out.boxes[s].vectors[k] = vectors[9 * s + k];
    for (int k = 0; k < 3; ++k) out.boxes[s].periodic[k] = periodic[3 * s + k] != 0;
  }
  out.batch.boxes = out.boxes;
  return out;
}

}  // namespace mdlab::binding

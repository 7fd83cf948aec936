#pragma once
#include <napi.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/error.h"
#include "models/potential.h"

// What every binding file uses. TypeScript has validated and filled defaults; here only shapes are
// checked.
namespace mdlab::binding {

// Runs body; an mdlab::Error becomes a JavaScript Error with the same message and `code`,
// std::bad_alloc ENOMEM.
Napi::Value guarded(const Napi::CallbackInfo& info, Napi::Value (*body)(const Napi::CallbackInfo&));
template <Napi::Value (*body)(const Napi::CallbackInfo&)>
Napi::Value Guarded(const Napi::CallbackInfo& info) {
  return guarded(info, body);
}

// A JavaScript error carrying the code of a native one.
Napi::Error toJavaScript(Napi::Env env, const std::exception& error);

// Views of typed arrays, checked for kind; `what` names the argument in the error. undefined/null:
// empty.
std::span<double> doubles(const Napi::Value& value, const char* what);
std::span<float> floats(const Napi::Value& value, const char* what);
std::span<std::int32_t> ints(const Napi::Value& value, const char* what);

// A Potential as an opaque JavaScript value (type-tagged external); freed with its environment.
Napi::Value wrapPotential(Napi::Env env, std::shared_ptr<Potential> potential);
std::shared_ptr<Potential> unwrapPotential(const Napi::Value& value);

// Tells V8 how many bytes native buffers hold, here and on GPUs, so that it collects dead models
// before they pile up: without it a handle looks as small as its wrapper.
void tellMemory(Napi::Env env);

// A batch as TypeScript hands it over: {offsets: Int32Array, positions: Float64Array, types:
// Int32Array, boxes: Float64Array (systems,9), periodic: Uint8Array (systems,3)}. The views live as
// long as the object does.
struct BatchArguments {
  std::vector<Box> boxes;
  Batch batch;
};
BatchArguments batchOf(const Napi::Object& object);

// Pairs to leave out of a neighbour list, {start (atoms+1) or null, column}; checked.
struct ExclusionRows {
  std::span<std::int32_t> start, column;
};
ExclusionRows exclusionRows(const Napi::Value& starts, const Napi::Value& columns, int atoms);

// One function per binding file adds its exports; module.cpp lists them.
void exportCuda(Napi::Env env, Napi::Object exports);
void exportCore(Napi::Env env, Napi::Object exports);
void exportMd(Napi::Env env, Napi::Object exports);
void exportPoolCheck(Napi::Env env, Napi::Object exports);
void exportNeighbors(Napi::Env env, Napi::Object exports);
void exportNeighborsCuda(Napi::Env env, Napi::Object exports);
void exportPotential(Napi::Env env, Napi::Object exports);
void exportPriors(Napi::Env env, Napi::Object exports);
void exportSchnet(Napi::Env env, Napi::Object exports);
void exportNn(Napi::Env env, Napi::Object exports);
void exportDeviceTiming(Napi::Env env, Napi::Object exports);

}  // namespace mdlab::binding

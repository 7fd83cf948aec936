#include <algorithm>

#include "binding/binding.h"
#include "neighbors/neighbor-list.h"

namespace mdlab::binding {
namespace {

// A typed array that owns the buffer; nothing is copied.
template <class Array, class T>
Array adopt(Napi::Env env, Buffer<T>&& buffer, std::size_t numbersPerValue) {
  const std::size_t count = buffer.size();
  if (count == 0) return Array::New(env, 0);
  auto* owned = new Buffer<T>(std::move(buffer));
  auto memory = Napi::ArrayBuffer::New(
      env, owned->data(), count * sizeof(T), [](Napi::Env, void*, Buffer<T>* b) { delete b; },
      owned);
  return Array::New(env, count * numbersPerValue, memory, 0);
}

// 64-bit integers below 2^53 as JavaScript's numbers.
Napi::Float64Array numbers(Napi::Env env, std::span<const std::int64_t> values) {
  auto out = Napi::Float64Array::New(env, values.size());
  for (std::size_t i = 0; i < values.size(); ++i) out[i] = static_cast<double>(values[i]);
  return out;
}

// neighborList(batch, cutoff, skin, exclusionStart | null, exclusionColumn | null, pairs: boolean)
//   -> {rowStart: Float64Array, column: Int32Array, shift: Int16Array}
Napi::Value jsNeighborList(const Napi::CallbackInfo& info) {
  const auto args = batchOf(info[0].As<Napi::Object>());
  const double cutoff = info[1].ToNumber().DoubleValue(), skin = info[2].ToNumber().DoubleValue();
  const auto [start, column] = exclusionRows(info[3], info[4], args.batch.atoms());
  Buffer<std::int64_t> rowStart(start.size());
  std::copy(start.begin(), start.end(), rowStart.data());
  NeighborList list;
  (info[5].ToBoolean() ? buildNeighborListReference : buildNeighborList)(
      args.batch, cutoff, skin, {rowStart.span(), column}, list);
  auto out = Napi::Object::New(info.Env());
  out.Set("rowStart", numbers(info.Env(), list.rowStart.span()));
  out.Set("column", adopt<Napi::Int32Array>(info.Env(), std::move(list.column), 1));
  out.Set("shift", adopt<Napi::Int16Array>(info.Env(), std::move(list.shift), 3));
  return out;
}

constexpr napi_type_tag verletTag{0x6d646c6162000001ull, 0x7665726c65746c69ull};

// verletList(cutoff, skin) -> handle
Napi::Value jsVerletList(const Napi::CallbackInfo& info) {
  auto handle = Napi::External<VerletList>::New(
      info.Env(),
      new VerletList(info[0].ToNumber().DoubleValue(), info[1].ToNumber().DoubleValue()),
      [](Napi::Env, VerletList* list) { delete list; });
  handle.TypeTag(&verletTag);
  return handle;
}

// verletUpdate(handle, batch) -> {rowStart, column, shift, rebuilds}: copies of the list at hand
Napi::Value jsVerletUpdate(const Napi::CallbackInfo& info) {
  if (!info[0].IsExternal() || !info[0].As<Napi::External<VerletList>>().CheckTypeTag(&verletTag))
    invalid("verletUpdate: must be given a list made by verletList");
  auto* verlet = info[0].As<Napi::External<VerletList>>().Data();
  const auto args = batchOf(info[1].As<Napi::Object>());
  const NeighborList& list = verlet->update(args.batch);
  auto column = Napi::Int32Array::New(info.Env(), list.column.size());
  std::ranges::copy(list.column.span(), column.Data());
  auto shift = Napi::Int16Array::New(info.Env(), 3 * list.shift.size());
  for (std::size_t e = 0; e < list.shift.size(); ++e) {
    shift[3 * e] = list.shift[e].x;
    shift[3 * e + 1] = list.shift[e].y;
    shift[3 * e + 2] = list.shift[e].z;
  }
  auto out = Napi::Object::New(info.Env());
  out.Set("rowStart", numbers(info.Env(), list.rowStart.span()));
  out.Set("column", column);
  out.Set("shift", shift);
  out.Set("rebuilds", static_cast<double>(verlet->rebuilds()));
  return out;
}

}  // namespace

ExclusionRows exclusionRows(const Napi::Value& starts, const Napi::Value& columns, int atoms) {
  const auto start = ints(starts, "neighborList.exclusionStart");
  const auto column = ints(columns, "neighborList.exclusionColumn");
  if (!start.empty() && start.size() != std::size_t(atoms) + 1)
    invalid("neighborList.exclusionStart: must have one entry per atom and one more");
  for (std::size_t i = 0; i < start.size(); ++i)
    if (start[i] < (i ? start[i - 1] : 0) || std::size_t(start[i]) > column.size())
      invalid("neighborList.exclusionStart: must not decrease and stay within exclusionColumn");
  return {start, column};
}

void exportNeighbors(Napi::Env env, Napi::Object exports) {
  exports.Set("verletList", Napi::Function::New<Guarded<jsVerletList>>(env, "verletList"));
  exports.Set("verletUpdate", Napi::Function::New<Guarded<jsVerletUpdate>>(env, "verletUpdate"));
  exports.Set("neighborList", Napi::Function::New<Guarded<jsNeighborList>>(env, "neighborList"));
}

}  // namespace mdlab::binding

#include <limits>
#include <optional>

#include "binding/binding.h"
#include "cuda/device.h"
#include "neighbors/verlet-list-on-device.h"
#include "system/batch-on-device.h"

namespace mdlab::binding {
namespace {

// A list on a device with what it is built from.
struct ListOnDevice {
  cuda::Stream stream;
  BatchOnDevice batch;
  cuda::DeviceBuffer<int> exclusionStart, exclusionColumn;
  VerletListOnDevice list;
  std::optional<cuda::Graph> update;

  // `pairsUpTo`: see DeviceListOptions.
  ListOnDevice(cuda::Device& device, double cutoff, double skin, int pairsUpTo)
      : stream(device), list(device, cutoff, skin, {.pairsUpTo = pairsUpTo}) {}

  void build(const Batch& on, const ExclusionRows& exclusions) {
    stream.use();
    update.reset();
    batch.upload(stream, on);
    exclusionStart.upload(stream, exclusions.start);
    exclusionColumn.upload(stream, exclusions.column);
    const bool none = exclusions.start.empty();
    list.build(stream, batch.view(),
               {none ? nullptr : exclusionStart.data(), none ? nullptr : exclusionColumn.data()});
  }

  // Replays the captured update at other positions and boxes of the same batch.
  void replay(const Batch& on) {
    stream.use();
    batch.upload(stream, on);
    if (!update) update.emplace(stream, [this] { list.enqueueUpdate(stream, batch.view()); });
    update->launch(stream);
  }

  // Seconds of each of `repeats` rebuilds, by the device's clock.
  std::vector<double> time(int repeats) {
    std::vector<double> seconds;
    if (repeats <= 0) return seconds;
    const cuda::Graph rebuild(stream, [this] { list.enqueueRebuild(stream, batch.view()); });
    cuda::Timer timer(stream);
    for (int k = 0; k < repeats; ++k) {
      timer.start();
      rebuild.launch(stream);
      timer.stop();
      seconds.push_back(timer.seconds());
    }
    return seconds;
  }
};

// {rowStart, column, shift}: copies of the list as it stands.
Napi::Object rowsOf(Napi::Env env, ListOnDevice& on) {
  const auto atoms = static_cast<std::size_t>(on.batch.view().atoms);
  const auto edges = static_cast<std::size_t>(on.list.edges(on.stream));
  const DeviceListView& view = on.list.view();
  std::vector<int> start(atoms + 1);
  cuda::copyFromDevice(on.stream, start.data(), view.rowStart, start.size() * sizeof(int));
  auto rowStart = Napi::Float64Array::New(env, start.size());
  for (std::size_t i = 0; i < start.size(); ++i) rowStart[i] = start[i];
  auto column = Napi::Int32Array::New(env, edges);
  if (edges > 0) cuda::copyFromDevice(on.stream, column.Data(), view.column, edges * sizeof(int));
  auto shift = Napi::Int16Array::New(env, view.shift ? 3 * edges : 0);
  if (shift.ElementLength() > 0) {
    std::vector<DeviceShift> shifts(edges);
    cuda::copyFromDevice(on.stream, shifts.data(), view.shift, edges * sizeof(DeviceShift));
    std::int16_t* to = shift.Data();
    for (const DeviceShift& s : shifts) {
      *to++ = s.x;
      *to++ = s.y;
      *to++ = s.z;
    }
  }
  auto out = Napi::Object::New(env);
  out.Set("rowStart", rowStart);
  out.Set("column", column);
  out.Set("shift", shift);
  return out;
}

// deviceNeighborList(device, batch, cutoff, skin, exclusionStart | null, exclusionColumn | null,
// pairsUpTo, repeats) -> {rowStart, column, shift, seconds: Float64Array (repeats), capacity}
Napi::Value jsDeviceNeighborList(const Napi::CallbackInfo& info) {
  const auto args = batchOf(info[1].As<Napi::Object>());
  ListOnDevice on(cuda::Device::open(info[0].ToNumber().Int32Value()),
                  info[2].ToNumber().DoubleValue(), info[3].ToNumber().DoubleValue(),
                  info[6].ToNumber().Int32Value());
  on.build(args.batch, exclusionRows(info[4], info[5], args.batch.atoms()));
  const auto times = on.time(info[7].ToNumber().Int32Value());
  auto out = rowsOf(info.Env(), on);
  auto seconds = Napi::Float64Array::New(info.Env(), times.size());
  std::copy(times.begin(), times.end(), seconds.Data());
  out.Set("seconds", seconds);
  out.Set("capacity", static_cast<double>(on.list.capacity()));
  return out;
}

constexpr napi_type_tag listTag{0x6d646c6162000011ull, 0x6c6973746f6e6465ull};

// deviceVerletList(device, cutoff, skin, pairsUpTo) -> handle
Napi::Value jsDeviceVerletList(const Napi::CallbackInfo& info) {
  auto handle = Napi::External<ListOnDevice>::New(
      info.Env(),
      new ListOnDevice(cuda::Device::open(info[0].ToNumber().Int32Value()),
                       info[1].ToNumber().DoubleValue(), info[2].ToNumber().DoubleValue(),
                       info[3].ToNumber().Int32Value()),
      [](Napi::Env, ListOnDevice* list) { delete list; });
  handle.TypeTag(&listTag);
  return handle;
}

// deviceVerletUpdate(handle, batch, build) -> {rowStart, column, shift, rebuilds, needed,
// capacity}: builds at the batch, or replays the captured update there; `needed` pairs where the
// arrays overflowed, else 0
Napi::Value jsDeviceVerletUpdate(const Napi::CallbackInfo& info) {
  if (!info[0].IsExternal() || !info[0].As<Napi::External<ListOnDevice>>().CheckTypeTag(&listTag))
    invalid("deviceVerletUpdate: must be given a list made by deviceVerletList");
  auto& on = *info[0].As<Napi::External<ListOnDevice>>().Data();
  const auto args = batchOf(info[1].As<Napi::Object>());
  if (info[2].ToBoolean())
    on.build(args.batch, {});
  else
    on.replay(args.batch);
  const auto needed = on.list.overflowed(on.stream);
  auto out = rowsOf(info.Env(), on);
  out.Set("rebuilds", static_cast<double>(on.list.rebuilds(on.stream)));
  out.Set("needed", static_cast<double>(needed));
  out.Set("capacity", static_cast<double>(on.list.capacity()));
  return out;
}

}  // namespace

void exportNeighborsCuda(Napi::Env env, Napi::Object exports) {
  const auto add = [&]<Napi::Value (*body)(const Napi::CallbackInfo&)>(const char* name) {
    exports.Set(name, Napi::Function::New<Guarded<body>>(env, name));
  };
  add.operator()<jsDeviceNeighborList>("deviceNeighborList");
  add.operator()<jsDeviceVerletList>("deviceVerletList");
  add.operator()<jsDeviceVerletUpdate>("deviceVerletUpdate");
}

}  // namespace mdlab::binding

#include "binding/binding.h"
#include "cuda/compiler.h"
#include "cuda/kernel.h"
#include "cuda/listed-kernels.h"
#include "cuda/self-test.h"

namespace mdlab::binding {
namespace {

const cuda::ListedKernels selfTestKernels("cuda/self-test.cu", {"mdlab::selfTest"});

// setCudaFolders(sources, cache): where the .cu files are and where cubins are kept.
Napi::Value jsSetFolders(const Napi::CallbackInfo& info) {
  cuda::setFolders(info[0].ToString(), info[1].ToString());
  return info.Env().Undefined();
}

// cudaDevices() -> [{index, name, capability, …}]; throws where there is no driver.
Napi::Value jsDevices(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  auto list = Napi::Array::New(env);
  for (const cuda::DeviceInfo& d : cuda::devices()) {
    auto o = Napi::Object::New(env);
    o.Set("index", d.index);
    o.Set("name", d.name);
    o.Set("capability", std::to_string(d.major) + "." + std::to_string(d.minor));
    o.Set("multiprocessors", d.multiprocessors);
    o.Set("memory", static_cast<double>(d.memory));
    o.Set("sharedPerBlock", static_cast<double>(d.sharedPerBlock));
    o.Set("l2", static_cast<double>(d.l2));
    o.Set("cuda", cuda::versionText(d.driverVersion));
    list.Set(static_cast<std::uint32_t>(d.index), o);
  }
  return list;
}

cuda::Device& deviceOf(const Napi::Value& index) {
  return cuda::Device::open(index.ToNumber().Int32Value());
}

// cudaMemory(index) -> {bytes, peak}
Napi::Value jsMemory(const Napi::CallbackInfo& info) {
  const auto& device = deviceOf(info[0]);
  auto o = Napi::Object::New(info.Env());
  o.Set("bytes", static_cast<double>(device.bytes()));
  o.Set("peak", static_cast<double>(device.peakBytes()));
  return o;
}

// cudaSpace(index) -> {free, total}
Napi::Value jsSpace(const Napi::CallbackInfo& info) {
  const auto [free, total] = deviceOf(info[0]).freeAndTotal();
  auto o = Napi::Object::New(info.Env());
  o.Set("free", static_cast<double>(free));
  o.Set("total", static_cast<double>(total));
  return o;
}

Napi::Value jsResetPeak(const Napi::CallbackInfo& info) {
  deviceOf(info[0]).resetPeak();
  return info.Env().Undefined();
}

Napi::Value jsNvrtcVersion(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), cuda::nvrtcVersion());
}

// cudaLibraries() -> [{name, path} or {name, why}]: what can be opened here, and why not.
Napi::Value jsLibraries(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  auto list = Napi::Array::New(env);
  const auto add = [&](const char* name, const auto& open) {
    auto o = Napi::Object::New(env);
    o.Set("name", name);
    try {
      o.Set("path", open());
    } catch (const Error& error) {
      o.Set("why", error.what());
    }
    list.Set(list.Length(), o);
  };
  add("CUDA driver", [] {
    cuda::driver();
    return std::string("libcuda");
  });
  add("NVRTC", [] { return cuda::openNvrtc().path() + ", " + cuda::nvrtcVersion(); });
  add("cuFFT", [] { return cuda::openCufft().path(); });
  add("cuBLASLt", [] { return cuda::openCublasLt().path(); });
  add("NCCL", [] { return cuda::openNccl().path(); });
  return list;
}

// cudaCompile(file, kernels[], architecture) -> {bytes, log}
Napi::Value jsCompile(const Napi::CallbackInfo& info) {
  std::vector<std::string> kernels;
  const auto list = info[1].As<Napi::Array>();
  for (std::uint32_t k = 0; k < list.Length(); ++k) kernels.push_back(list.Get(k).ToString());
  const cuda::Cubin cubin = cuda::compile(info[0].ToString(), kernels, info[2].ToString());
  auto o = Napi::Object::New(info.Env());
  o.Set("bytes", static_cast<double>(cubin.image.size()));
  o.Set("log", cubin.log);
  return o;
}

// cudaKernels() -> [{file, kernels[]}]: every .cu file with the kernels a representative model
// uses.
Napi::Value jsKernels(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  auto list = Napi::Array::New(env);
  for (const cuda::ListedKernels& l : cuda::listedKernels()) {
    auto names = Napi::Array::New(env);
    for (const std::string& kernel : l.kernels)
      names.Set(names.Length(), Napi::String::New(env, kernel));
    auto o = Napi::Object::New(env);
    o.Set("file", l.file);
    o.Set("kernels", names);
    list.Set(list.Length(), o);
  }
  return list;
}

// cudaSelfTest(index, crash) -> 1000 squares computed on the device. With `crash` the kernel reads
// an address that is nobody's, which loses the device's context: what comes after must live on.
Napi::Value jsSelfTest(const Napi::CallbackInfo& info) {
  auto& device = deviceOf(info[0]);
  cuda::Stream stream(device);
  const cuda::KernelModule module(device, "cuda/self-test.cu", {"mdlab::selfTest"});
  const cuda::DeviceBuffer<int> values(stream, 1000);
  const SelfTestArguments arguments{values.data(), 1000, info[1].ToBoolean() ? 1 : 0};
  cuda::launch(stream, module.kernel<SelfTestArguments>("mdlab::selfTest"),
               {cuda::blocksFor(1000, 128), {128}}, arguments);
  auto out = Napi::Int32Array::New(info.Env(), values.size());
  values.download(stream, {out.Data(), out.ElementLength()});
  return out;
}

}  // namespace

void exportCuda(Napi::Env env, Napi::Object exports) {
  const auto add = [&]<Napi::Value (*body)(const Napi::CallbackInfo&)>(const char* name) {
    exports.Set(name, Napi::Function::New<Guarded<body>>(env, name));
  };
  add.operator()<jsSetFolders>("setCudaFolders");
  add.operator()<jsDevices>("cudaDevices");
  add.operator()<jsMemory>("cudaMemory");
  add.operator()<jsSpace>("cudaSpace");
  add.operator()<jsResetPeak>("resetCudaPeak");
  add.operator()<jsNvrtcVersion>("nvrtcVersion");
  add.operator()<jsLibraries>("cudaLibraries");
  add.operator()<jsCompile>("cudaCompile");
  add.operator()<jsKernels>("cudaKernels");
  add.operator()<jsSelfTest>("cudaSelfTest");
}

}  // namespace mdlab::binding

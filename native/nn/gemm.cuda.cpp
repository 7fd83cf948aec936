#include "nn/gemm.cuda.h"

#include <map>
#include <mutex>
#include <string>

#include "core/error.h"
#include "cuda/driver.h"
#include "cuda/kernel-clock.h"

// Names and values are those of NVIDIA's cuBLASLt reference.
namespace mdlab {
namespace {

using Handle = void*;
struct Algorithm {
  std::uint64_t data[8];
};
struct Found {
  Algorithm algorithm;
  std::size_t workspace;
  int state;
  float waves;
  int reserved[4];
};

constexpr int real32 = 0, real16 = 2;                    // cudaDataType
constexpr int compute32 = 68;                            // cublasComputeType
constexpr int transposeA = 3, epilogue = 7, biasAt = 8;  // cublasLtMatmulDescAttributes
constexpr int epilogueBias = 4;
constexpr int mostWorkspace = 1;  // cublasLtMatmulPreferenceAttributes
constexpr int yes = 1;            // CUBLAS_OP_T

struct Library {
  cuda::Library library = cuda::openCublasLt();
  template <class F>
  F* find(const char* name) {
    return reinterpret_cast<F*>(library.find(name));
  }
  int (*create)(Handle*) = find<int(Handle*)>("cublasLtCreate");
  int (*descCreate)(Handle*, int, int) = find<int(Handle*, int, int)>("cublasLtMatmulDescCreate");
  int (*descDestroy)(Handle) = find<int(Handle)>("cublasLtMatmulDescDestroy");
  int (*descSet)(Handle, int, const void*, std::size_t) =
      find<int(Handle, int, const void*, std::size_t)>("cublasLtMatmulDescSetAttribute");
  int (*layoutCreate)(Handle*, int, std::uint64_t, std::uint64_t, std::int64_t) =
      find<int(Handle*, int, std::uint64_t, std::uint64_t, std::int64_t)>(
          "cublasLtMatrixLayoutCreate");
  int (*layoutDestroy)(Handle) = find<int(Handle)>("cublasLtMatrixLayoutDestroy");
  int (*preferenceCreate)(Handle*) = find<int(Handle*)>("cublasLtMatmulPreferenceCreate");
  int (*preferenceDestroy)(Handle) = find<int(Handle)>("cublasLtMatmulPreferenceDestroy");
  int (*preferenceSet)(Handle, int, const void*, std::size_t) =
      find<int(Handle, int, const void*, std::size_t)>("cublasLtMatmulPreferenceSetAttribute");
  int (*heuristic)(Handle, Handle, Handle, Handle, Handle, Handle, Handle, int, Found*, int*) =
      find<int(Handle, Handle, Handle, Handle, Handle, Handle, Handle, int, Found*, int*)>(
          "cublasLtMatmulAlgoGetHeuristic");
  int (*matmul)(Handle, Handle, const void*, const void*, Handle, const void*, Handle, const void*,
                const void*, Handle, void*, Handle, const Algorithm*, void*, std::size_t,
                cuda::StreamHandle*) =
      find<int(Handle, Handle, const void*, const void*, Handle, const void*, Handle, const void*,
               const void*, Handle, void*, Handle, const Algorithm*, void*, std::size_t,
               cuda::StreamHandle*)>("cublasLtMatmul");
};

Library& blas() {
  static Library library;
  return library;
}

void check(int status, const std::string& what) {
  if (status != 0)
    throw Error("ECUDA", "linear algebra library: " + what + " failed, status " +
                             std::to_string(status) + " (cublasStatus_t)");
}

// The library's handle: one for each device, kept for the process.
Handle handleOf(cuda::Device& device) {
  static std::mutex mutex;
  static std::map<int, Handle> handles;
  const std::lock_guard lock(mutex);
  device.use();
  Handle& handle = handles[device.info().index];
  if (!handle) {
    check(blas().create(&handle), "cublasLtCreate");
  }
  return handle;
}

}  // namespace

struct DeviceGemm::State {
  bool add, bias;
  Handle handle = nullptr, desc = nullptr, a = nullptr, b = nullptr, c = nullptr;
  Found found{};
  cuda::DeviceBuffer<char> workspace;

  ~State() {
    for (Handle layout : {a, b, c})
      if (layout) blas().layoutDestroy(layout);
    if (desc) blas().descDestroy(desc);
  }
  // A bias that is not there yet has to be named for the search already; any address does.
  void setBias(const void* at) {
    check(blas().descSet(desc, biasAt, &at, sizeof at), "setting the bias");
  }
};

// The library is column-major: our (rows,N) is its (N,rows), so out = op(weight) · in there.
DeviceGemm::DeviceGemm(cuda::Stream& stream, GemmType type, const Shape& s)
    : state_(std::make_unique<State>()) {
  const Library& l = blas();
  State& my = *state_;
  my.add = s.add;
  my.bias = s.bias;
  my.handle = handleOf(stream.device());
  const int element = type == GemmType::float16 ? real16 : real32;
  check(l.descCreate(&my.desc, compute32, real32), "cublasLtMatmulDescCreate");
  if (!s.reverse) check(l.descSet(my.desc, transposeA, &yes, sizeof yes), "transposing");
  if (s.bias) {
    check(l.descSet(my.desc, epilogue, &epilogueBias, sizeof epilogueBias), "asking for a bias");
    my.setBias(&my);
  }
  const std::uint64_t K = s.K, N = s.N, rows = s.rows;
  const std::uint64_t in = s.reverse ? N : K, out = s.reverse ? K : N;
  check(l.layoutCreate(&my.a, element, K, N, static_cast<std::int64_t>(K)), "describing weights");
  check(l.layoutCreate(&my.b, element, in, rows, static_cast<std::int64_t>(in)), "describing rows");
  check(l.layoutCreate(&my.c, element, out, rows, static_cast<std::int64_t>(out)),
        "describing results");
  Handle preference = nullptr;
  check(l.preferenceCreate(&preference), "cublasLtMatmulPreferenceCreate");
  const std::size_t most = workspaceBytes;
  int count = 0;
  int status = l.preferenceSet(preference, mostWorkspace, &most, sizeof most);
  if (status == 0)
    status =
        l.heuristic(my.handle, my.desc, my.a, my.b, my.c, my.c, preference, 1, &my.found, &count);
  l.preferenceDestroy(preference);
  check(status, "choosing an algorithm");
  if (count == 0)
    throw Error("ECUDA", "linear algebra library: has no algorithm for " + std::to_string(s.rows) +
                             " x " + std::to_string(s.K) + " x " + std::to_string(s.N));
  my.workspace.reset(stream, my.found.workspace);
}

DeviceGemm::~DeviceGemm() = default;
DeviceGemm::DeviceGemm(DeviceGemm&&) noexcept = default;
DeviceGemm& DeviceGemm::operator=(DeviceGemm&&) noexcept = default;

void DeviceGemm::run(cuda::Stream& stream, const void* in, const void* weight, const void* bias,
                     void* out) {
  State& my = *state_;
  if (my.bias) my.setBias(bias);
  const float one = 1, beta = my.add ? 1.f : 0.f;
  cuda::KernelTimed timed(stream, "cublasLtMatmul");
  check(
      blas().matmul(my.handle, my.desc, &one, weight, my.a, in, my.b, &beta, out, my.c, out, my.c,
                    &my.found.algorithm, my.workspace.data(), my.workspace.size(), stream.handle()),
      "cublasLtMatmul");
  timed.stop();
}

}  // namespace mdlab

#include "nn/peaks.cuda.h"

// What a device can do at most, one kernel per limit: memory, L2, shared memory, multiply-adds, and
// tensor cores by mma.sync, the instruction our kernels use (Hopper's wgmma goes further).
namespace mdlab {

// to = from by 16 bytes a thread: floor is bytes read and written over memory bandwidth.
__global__ void __launch_bounds__(256) copyPeak(PeakArguments a) {
  const long long quads = a.count / 4, step = static_cast<long long>(gridDim.x) * blockDim.x;
  const auto* from = reinterpret_cast<const float4*>(a.from);
  auto* to = reinterpret_cast<float4*>(a.to);
  for (long long k = blockIdx.x * static_cast<long long>(blockDim.x) + threadIdx.x; k < quads;
       k += step)
    to[k] = from[k];
}

// Reads all of `from` again and again; small enough, it comes from L2. Floor as above, by reads
// alone.
__global__ void __launch_bounds__(256) readPeak(PeakArguments a) {
  const long long quads = a.count / 4, step = static_cast<long long>(gridDim.x) * blockDim.x;
  const auto* from = reinterpret_cast<const float4*>(a.from);
  float sum = 0;
  for (int r = 0; r < a.rounds; ++r)
#pragma unroll 4
    for (long long k = blockIdx.x * static_cast<long long>(blockDim.x) + threadIdx.x; k < quads;
         k += step) {
      float4 v;  // volatile and past L1, or a later round would be taken from registers or L1
      asm volatile("ld.global.cg.v4.f32 {%0,%1,%2,%3}, [%4];"
                   : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w)
                   : "l"(from + k));
      sum += v.x + v.y + v.z + v.w;
    }
  if (a.never) a.to[threadIdx.x] = sum;
}

// 16 bytes a thread from shared memory, without bank conflicts.
__global__ void __launch_bounds__(256) sharedPeak(PeakArguments a) {
  __shared__ float4 tile[1024];
  for (int k = threadIdx.x; k < 1024; k += blockDim.x) tile[k] = make_float4(k, 1, 2, 3);
  __syncthreads();
  const auto base = static_cast<unsigned>(__cvta_generic_to_shared(tile));
  float sum[4] = {};
  for (int r = 0; r < a.rounds; ++r)
#pragma unroll
    for (int k = 0; k < 8; ++k) {
      const unsigned at = base + 16 * ((threadIdx.x + 32 * (r + k)) & 1023);
      float v[4];
      asm volatile("ld.shared.v4.f32 {%0,%1,%2,%3}, [%4];"
                   : "=f"(v[0]), "=f"(v[1]), "=f"(v[2]), "=f"(v[3])
                   : "r"(at));
#pragma unroll
      for (int c = 0; c < 4; ++c) sum[c] += v[c];
    }
  if (a.never) a.to[threadIdx.x] = sum[0] + sum[1] + sum[2] + sum[3];
}

// Multiply-adds from registers alone, 16 independent chains a thread.
template <class T>
__global__ void __launch_bounds__(256) multiplyAddPeak(PeakArguments a) {
  T sum[16];
  const T x = T(0.999) + T(1e-6) * T(threadIdx.x), y = T(1e-3);
#pragma unroll
  for (int c = 0; c < 16; ++c) sum[c] = T(c);
  for (int r = 0; r < a.rounds; ++r)
#pragma unroll
    for (int c = 0; c < 16; ++c) sum[c] = sum[c] * x + y;
  T all = 0;
#pragma unroll
  for (int c = 0; c < 16; ++c) all += sum[c];
  if (a.never) a.to[threadIdx.x] = static_cast<float>(all);
}

enum class PeakFormat { tf32, bfloat16, half16, int8 };

// c += x y on one 16×8 tile: depth 8 for tf32, 16 for 16 bits, 32 for int8.
template <PeakFormat format>
__device__ void multiplyTile(float (&c)[4], const unsigned (&x)[4], const unsigned (&y)[2]) {
#define MDLAB_MMA(shape)                                                                          \
  asm volatile("mma.sync.aligned." shape " {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};" \
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])                                   \
               : "r"(x[0]), "r"(x[1]), "r"(x[2]), "r"(x[3]), "r"(y[0]), "r"(y[1]))
  if constexpr (format == PeakFormat::tf32) MDLAB_MMA("m16n8k8.row.col.f32.tf32.tf32.f32");
  if constexpr (format == PeakFormat::bfloat16) MDLAB_MMA("m16n8k16.row.col.f32.bf16.bf16.f32");
  if constexpr (format == PeakFormat::half16) MDLAB_MMA("m16n8k16.row.col.f32.f16.f16.f32");
#undef MDLAB_MMA
}
template <PeakFormat format>
__device__ void multiplyTile(int (&c)[4], const unsigned (&x)[4], const unsigned (&y)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
      : "r"(x[0]), "r"(x[1]), "r"(x[2]), "r"(x[3]), "r"(y[0]), "r"(y[1]));
}

template <bool first, class A, class B>
struct Choose {
  using One = A;
};
template <class A, class B>
struct Choose<false, A, B> {
  using One = B;
};

// Tensor cores, 8 independent tiles a warp.
template <PeakFormat format>
__global__ void __launch_bounds__(256) tensorPeak(PeakArguments a) {
  using Sum = typename Choose<format == PeakFormat::int8, int, float>::One;
  Sum c[8][4] = {};
  unsigned x[4], y[2] = {threadIdx.x, static_cast<unsigned>(a.rounds)};
#pragma unroll
  for (int k = 0; k < 4; ++k) x[k] = threadIdx.x * 4 + k;
  for (int r = 0; r < a.rounds; ++r)
#pragma unroll
    for (int k = 0; k < 8; ++k) multiplyTile<format>(c[k], x, y);
  Sum all = 0;
#pragma unroll
  for (int k = 0; k < 8; ++k) all += c[k][0] + c[k][1] + c[k][2] + c[k][3];
  if (a.never) a.to[threadIdx.x] = static_cast<float>(all);
}

}  // namespace mdlab

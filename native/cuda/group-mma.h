#pragma once
// Device code only: products of a group of four warps (wgmma) and the copies that feed them, for
// sm_90a alone; elsewhere they compile, and stop a kernel that gets there.
//
// c (64 rows x 8·Eights columns) += a (64 x 16) · b (16 x columns), halves; a in registers, b in
// shared memory, along the summed index in 8 x 8 pieces of 128 bytes. Of the rows 16 w.. a warp w
// has, a thread holds g = lane / 4 and g + 8: c[e][2h + k] is row g + 8h, column 8e + 2·(lane % 4)
// + k, and a[h + 2m] are row g + 8h, columns 8m + 2·(lane % 4) and the next.

namespace mdlab {

__device__ __forceinline__ unsigned sharedAddress(const void* p) {
  return static_cast<unsigned>(__cvta_generic_to_shared(p));
}

// An operand at `address`, whose pieces follow each other `along` the summed index and `across` it,
// in bytes.
__device__ __forceinline__ unsigned long long groupOperand(unsigned address, unsigned along,
                                                           unsigned across) {
  return static_cast<unsigned long long>((address & 0x3FFFF) >> 4) |
         static_cast<unsigned long long>(along >> 4) << 16 |
         static_cast<unsigned long long>(across >> 4) << 32;
}

#ifdef __CUDA_ARCH_FEAT_SM90_ALL
__device__ __forceinline__ void groupMma(float (&c)[8][4], const unsigned (&a)[4],
                                         unsigned long long b) {
  asm volatile(
      "{.reg .pred p; setp.ne.b32 p, 1, 0; wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16 {"
      "%0, %1, %2, %3, %4, %5, %6, %7, "
      "%8, %9, %10, %11, %12, %13, %14, %15, "
      "%16, %17, %18, %19, %20, %21, %22, %23, "
      "%24, %25, %26, %27, %28, %29, %30, %31}, "
      "{%32, %33, %34, %35}, %36, p, 1, 1, 0;}"
      : "+f"(c[0][0]), "+f"(c[0][1]), "+f"(c[0][2]), "+f"(c[0][3]), "+f"(c[1][0]), "+f"(c[1][1]),
        "+f"(c[1][2]), "+f"(c[1][3]), "+f"(c[2][0]), "+f"(c[2][1]), "+f"(c[2][2]), "+f"(c[2][3]),
        "+f"(c[3][0]), "+f"(c[3][1]), "+f"(c[3][2]), "+f"(c[3][3]), "+f"(c[4][0]), "+f"(c[4][1]),
        "+f"(c[4][2]), "+f"(c[4][3]), "+f"(c[5][0]), "+f"(c[5][1]), "+f"(c[5][2]), "+f"(c[5][3]),
        "+f"(c[6][0]), "+f"(c[6][1]), "+f"(c[6][2]), "+f"(c[6][3]), "+f"(c[7][0]), "+f"(c[7][1]),
        "+f"(c[7][2]), "+f"(c[7][3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}
__device__ __forceinline__ void groupMma(float (&c)[16][4], const unsigned (&a)[4],
                                         unsigned long long b) {
  asm volatile(
      "{.reg .pred p; setp.ne.b32 p, 1, 0; wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 {"
      "%0, %1, %2, %3, %4, %5, %6, %7, "
      "%8, %9, %10, %11, %12, %13, %14, %15, "
      "%16, %17, %18, %19, %20, %21, %22, %23, "
      "%24, %25, %26, %27, %28, %29, %30, %31, "
      "%32, %33, %34, %35, %36, %37, %38, %39, "
      "%40, %41, %42, %43, %44, %45, %46, %47, "
      "%48, %49, %50, %51, %52, %53, %54, %55, "
      "%56, %57, %58, %59, %60, %61, %62, %63}, "
      "{%64, %65, %66, %67}, %68, p, 1, 1, 0;}"
      : "+f"(c[0][0]), "+f"(c[0][1]), "+f"(c[0][2]), "+f"(c[0][3]), "+f"(c[1][0]), "+f"(c[1][1]),
        "+f"(c[1][2]), "+f"(c[1][3]), "+f"(c[2][0]), "+f"(c[2][1]), "+f"(c[2][2]), "+f"(c[2][3]),
        "+f"(c[3][0]), "+f"(c[3][1]), "+f"(c[3][2]), "+f"(c[3][3]), "+f"(c[4][0]), "+f"(c[4][1]),
        "+f"(c[4][2]), "+f"(c[4][3]), "+f"(c[5][0]), "+f"(c[5][1]), "+f"(c[5][2]), "+f"(c[5][3]),
        "+f"(c[6][0]), "+f"(c[6][1]), "+f"(c[6][2]), "+f"(c[6][3]), "+f"(c[7][0]), "+f"(c[7][1]),
        "+f"(c[7][2]), "+f"(c[7][3]), "+f"(c[8][0]), "+f"(c[8][1]), "+f"(c[8][2]), "+f"(c[8][3]),
        "+f"(c[9][0]), "+f"(c[9][1]), "+f"(c[9][2]), "+f"(c[9][3]), "+f"(c[10][0]), "+f"(c[10][1]),
        "+f"(c[10][2]), "+f"(c[10][3]), "+f"(c[11][0]), "+f"(c[11][1]), "+f"(c[11][2]),
        "+f"(c[11][3]), "+f"(c[12][0]), "+f"(c[12][1]), "+f"(c[12][2]), "+f"(c[12][3]),
        "+f"(c[13][0]), "+f"(c[13][1]), "+f"(c[13][2]), "+f"(c[13][3]), "+f"(c[14][0]),
        "+f"(c[14][1]), "+f"(c[14][2]), "+f"(c[14][3]), "+f"(c[15][0]), "+f"(c[15][1]),
        "+f"(c[15][2]), "+f"(c[15][3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}
// Registers and shared memory are as the products are to see them.
__device__ __forceinline__ void groupFence() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
// Ends a batch of products.
__device__ __forceinline__ void groupCommit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
// Waits for all of them.
__device__ __forceinline__ void groupWait() {
  asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
}
__device__ __forceinline__ void initBarrier(unsigned long long* barrier) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(sharedAddress(barrier)) : "memory");
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}
// Waits for the phase of this parity to be complete.
__device__ __forceinline__ void waitBarrier(unsigned long long* barrier, int parity) {
  asm volatile(
      "{.reg .pred p;\nagain: mbarrier.try_wait.parity.shared::cta.b64 p, [%0], %1;\n"
      "@!p bra again;}" ::"r"(sharedAddress(barrier)),
      "r"(parity)
      : "memory");
}
// Device to shared memory, 16-byte units, none too; completes the barrier's phase.
__device__ __forceinline__ void copyBulk(void* to, const void* from, unsigned bytes,
                                         unsigned long long* barrier) {
  const unsigned b = sharedAddress(barrier);
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(b), "r"(bytes)
               : "memory");
  if (bytes == 0) return;
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::
          "r"(sharedAddress(to)),
      "l"(from), "r"(bytes), "r"(b)
      : "memory");
}
#else
template <int Eights>
__device__ __forceinline__ void groupMma(float (&)[Eights][4], const unsigned (&)[4],
                                         unsigned long long) {
  __trap();
}
__device__ __forceinline__ void groupFence() {}
__device__ __forceinline__ void groupCommit() {}
__device__ __forceinline__ void groupWait() {}
__device__ __forceinline__ void initBarrier(unsigned long long*) {}
__device__ __forceinline__ void waitBarrier(unsigned long long*, int) {}
__device__ __forceinline__ void copyBulk(void*, const void*, unsigned, unsigned long long*) {}
#endif
// Keeps what reads sums after groupWait().
template <int Eights>
__device__ __forceinline__ void settle(float (&c)[Eights][4]) {
#pragma unroll
  for (int e = 0; e < Eights; ++e)
    asm volatile("" : "+f"(c[e][0]), "+f"(c[e][1]), "+f"(c[e][2]), "+f"(c[e][3])::"memory");
}

}  // namespace mdlab

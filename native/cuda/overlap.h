#pragma once

// Device code, for kernels launched with Geometry::overlap.
namespace mdlab {

// Lets the kernel after this one start its blocks once all of this one's have called it.
__device__ inline void letNextKernelStart() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;");
#endif
}

// Waits until all that the kernel before wrote can be seen. To be called by every thread before it
// touches what other kernels write or reads what they change, and so by every kernel of such a
// chain. Earlier architectures start no kernel early.
__device__ inline void waitForKernelBefore() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

// Both. In this order whatever is older than the kernel before is done when a kernel starts; its
// blocks find room no earlier than this one's run.
__device__ inline void awaitKernelBefore() {
  waitForKernelBefore();
  letNextKernelStart();
}

}  // namespace mdlab

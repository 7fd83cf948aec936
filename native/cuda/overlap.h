#pragma once

// Device code, for kernels launched with Geometry::overlap.
namespace mdlab {

// Lets the kernel after this one start its blocks, and waits until all that the kernel before wrote
// can be seen. To be called by every thread before it touches what other kernels write or reads
// what they change, and so by every kernel of such a chain. Earlier architectures do neither.
__device__ inline void awaitKernelBefore() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;");
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

}  // namespace mdlab

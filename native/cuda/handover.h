#pragma once
// Device code only: one warp of a block tells others that a piece of work is done.

namespace mdlab {

// Places in shared memory, 8 bytes each. A place is passed by 32 lanes calling done() and by any
// number of lanes calling await(); then it serves again with the other parity.
class Handover {
 public:
  __device__ explicit Handover(void* shared)
      : first_(static_cast<unsigned>(__cvta_generic_to_shared(shared))) {}
  // Once, by one thread, before a __syncthreads().
  __device__ void prepare(int place) const {
    asm volatile("mbarrier.init.shared.b64 [%0], 32;" ::"r"(first_ + 8 * place) : "memory");
  }
  // By all lanes of a warp: what each wrote before can be seen after await().
  __device__ void done(int place) const {
    [[maybe_unused]] unsigned long long state;
    asm volatile("mbarrier.arrive.shared.b64 %0, [%1];"
                 : "=l"(state)
                 : "r"(first_ + 8 * place)
                 : "memory");
  }
  // `parity`: how often the place has been passed before, modulo 2.
  __device__ void await(int place, int parity) const {
    unsigned passed;
    do {
      asm volatile(
          "{\n"
          ".reg .pred p;\n"
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
          "mbarrier.try_wait.parity.shared.b64 p, [%1], %2;\n"
#else
          "mbarrier.test_wait.parity.shared.b64 p, [%1], %2;\n"
#endif
          "selp.u32 %0, 1, 0, p;\n"
          "}"
          : "=r"(passed)
          : "r"(first_ + 8 * place), "r"(parity)
          : "memory");
    } while (!passed);
  }

 private:
  unsigned first_;
};

}  // namespace mdlab

#pragma once
// Device code only: prefix sums of whole numbers. Sums of integers are the same in any order, so
// nothing here depends on timing.

namespace mdlab {

inline constexpr unsigned wholeWarp = 0xFFFFFFFFu;

__device__ inline unsigned lanesBelow() {
  unsigned mask;
  asm("mov.u32 %0, %%lanemask_lt;" : "=r"(mask));
  return mask;
}

// The sum over the lanes before this one; `total` over all of them. For all 32 lanes.
template <class T>
__device__ T warpPrefix(T value, T& total) {
  const int lane = threadIdx.x & 31;
  T sum = value;
  for (int step = 1; step < 32; step *= 2) {
    const T other = __shfl_up_sync(wholeWarp, sum, step);
    if (lane >= step) sum += other;
  }
  total = __shfl_sync(wholeWarp, sum, 31);
  return sum - value;
}

// The same over a block of up to 1024 threads; `scratch` holds 32 numbers in shared memory. Ends
// with all threads past their last use of it but one barrier short of its reuse.
template <class T>
__device__ T blockPrefix(T value, T* scratch, T& total) {
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  T sum;
  const T before = warpPrefix(value, sum);
  if (lane == 0) scratch[warp] = sum;
  __syncthreads();
  const T mine = lane < (blockDim.x + 31) / 32 ? scratch[lane] : T(0);
  const T base = warpPrefix(mine, total);
  return before + __shfl_sync(wholeWarp, base, warp);
}

// The single-pass scan with look-back of Merrill and Garland ("Single-pass Parallel Prefix Scan
// with Decoupled Look-back", NVIDIA 2016). Tiles are numbered by a ticket, so a tile waits only for
// tiles that already run. One word per tile holds what it knows: 2 bits of state, 14 of the scan's
// epoch (each scan over the same words takes the next one, so none is ever cleared), 48 of value.
using ChainWord = unsigned long long;

__device__ inline void publish(ChainWord* word, unsigned state, unsigned epoch, ChainWord value) {
  const ChainWord packed = ChainWord(state) << 62 | ChainWord(epoch & 0x3FFFu) << 48 | value;
  asm volatile("st.relaxed.gpu.global.u64 [%0], %1;" ::"l"(word), "l"(packed) : "memory");
}

__device__ inline ChainWord readWord(const ChainWord* word) {
  ChainWord packed;
  asm volatile("ld.relaxed.gpu.global.u64 %0, [%1];" : "=l"(packed) : "l"(word) : "memory");
  return packed;
}

// The sum of all tiles before `tile`, whose own sum is `sum`. Called by one whole warp.
__device__ inline ChainWord chainPrefix(ChainWord* words, unsigned epoch, int tile, ChainWord sum) {
  constexpr unsigned partial = 1, complete = 2;
  const int lane = threadIdx.x & 31;
  if (lane == 0) publish(words + tile, tile == 0 ? complete : partial, epoch, sum);
  ChainWord before = 0;
  for (int last = tile - 1; last >= 0;) {
    // Lane l looks at tile last − l; before the first tile stands a complete nothing.
    const int seen = last - lane;
    unsigned state = complete;
    ChainWord value = 0;
    if (seen >= 0) {
      const ChainWord packed = readWord(words + seen);
      const bool current = (packed >> 48 & 0x3FFFu) == (epoch & 0x3FFFu);
      state = current ? unsigned(packed >> 62) : 0;
      value = packed & 0xFFFFFFFFFFFFull;
    }
    const unsigned known = __ballot_sync(wholeWarp, state != 0);
    const unsigned ends = __ballot_sync(wholeWarp, state == complete);
    // Usable: every lane up to the first complete one, or the whole window.
    const int used = ends ? __ffs(ends) : 32;
    const unsigned wanted = used == 32 ? wholeWarp : (1u << used) - 1;
    if ((known & wanted) != wanted) continue;
    if (lane >= used) value = 0;
    for (int step = 16; step > 0; step /= 2) value += __shfl_xor_sync(wholeWarp, value, step);
    before += value;
    last = ends ? -1 : last - 32;
  }
  if (lane == 0 && tile > 0) publish(words + tile, complete, epoch, before + sum);
  return before;
}

// Takes the next ticket of a launch for the whole block; `shared` is one int in shared memory.
__device__ inline int takeTicket(unsigned* counter, int* shared) {
  if (threadIdx.x == 0) *shared = int(atomicAdd(counter, 1u));
  __syncthreads();
  return *shared;
}

}  // namespace mdlab

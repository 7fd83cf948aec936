#pragma once
// Device code only: sums and places within a warp, and memory accesses of a few channels a lane.

namespace mdlab {

constexpr unsigned wholeWarp = ~0u;

__device__ inline int laneOf() { return threadIdx.x & 31; }
__device__ inline int warpOf() { return threadIdx.x >> 5; }

// The sum over all lanes, in every lane, in a fixed order.
template <class T>
__device__ inline T warpSum(T value) {
#pragma unroll
  for (int o = 16; o; o >>= 1) value += __shfl_xor_sync(wholeWarp, value, o);
  return value;
}

// N sums over all lanes at once (N a power of two): lane gets the total of value[lane · N / 32]. 9
// shuffles in place of 40 for N = 8: each step halves what a lane holds while it doubles what it
// has summed.
template <int N>
__device__ inline float warpSums(float (&value)[N]) {
  int step = 16;
#pragma unroll
  for (int held = N / 2; held; held /= 2, step /= 2) {
    const bool upper = laneOf() & step;
#pragma unroll
    for (int k = 0; k < held; ++k) {
      const float mine = upper ? value[k + held] : value[k],
                  give = upper ? value[k] : value[k + held];
      value[k] = mine + __shfl_xor_sync(wholeWarp, give, step);
    }
  }
  float sum = value[0];
#pragma unroll
  for (; step; step /= 2) sum += __shfl_xor_sync(wholeWarp, sum, step);
  return sum;
}

// N consecutive channels of a lane, moved by one instruction.
template <int N>
struct Channels {
  float c[N];
};
__device__ inline Channels<1> loadChannels(const float* from, Channels<1>*) { return {{*from}}; }
__device__ inline Channels<2> loadChannels(const float* from, Channels<2>*) {
  const float2 v = *reinterpret_cast<const float2*>(from);
  return {{v.x, v.y}};
}
template <int N>
__device__ inline Channels<N> load(const float* from) {
  return loadChannels(from, static_cast<Channels<N>*>(nullptr));
}
__device__ inline void store(float* to, const Channels<1>& v) { *to = v.c[0]; }
__device__ inline void store(float* to, const Channels<2>& v) {
  *reinterpret_cast<float2*>(to) = make_float2(v.c[0], v.c[1]);
}

}  // namespace mdlab

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

// Eight sums over all lanes at once: lane gets the total of value[lane >> 2]. 9 shuffles in place
// of 40: each step halves what a lane holds while it doubles what it has summed.
__device__ inline float warpSums(float (&value)[8]) {
  const int lane = laneOf();
  bool upper = lane & 16;
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    const float mine = upper ? value[k + 4] : value[k], give = upper ? value[k] : value[k + 4];
    value[k] = mine + __shfl_xor_sync(wholeWarp, give, 16);
  }
  upper = lane & 8;
#pragma unroll
  for (int k = 0; k < 2; ++k) {
    const float mine = upper ? value[k + 2] : value[k], give = upper ? value[k] : value[k + 2];
    value[k] = mine + __shfl_xor_sync(wholeWarp, give, 8);
  }
  upper = lane & 4;
  const float mine = upper ? value[1] : value[0], give = upper ? value[0] : value[1];
  float sum = mine + __shfl_xor_sync(wholeWarp, give, 4);
  sum += __shfl_xor_sync(wholeWarp, sum, 2);
  return sum + __shfl_xor_sync(wholeWarp, sum, 1);
}

// Four sums over all lanes at once: lane gets the total of value[lane >> 3].
__device__ inline float warpSums(float (&value)[4]) {
  const int lane = laneOf();
  bool upper = lane & 16;
#pragma unroll
  for (int k = 0; k < 2; ++k) {
    const float mine = upper ? value[k + 2] : value[k], give = upper ? value[k] : value[k + 2];
    value[k] = mine + __shfl_xor_sync(wholeWarp, give, 16);
  }
  upper = lane & 8;
  const float mine = upper ? value[1] : value[0], give = upper ? value[0] : value[1];
  float sum = mine + __shfl_xor_sync(wholeWarp, give, 8);
#pragma unroll
  for (int o = 4; o; o >>= 1) sum += __shfl_xor_sync(wholeWarp, sum, o);
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

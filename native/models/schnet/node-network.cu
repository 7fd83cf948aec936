#include "models/schnet/node-head.h"

// The layers of SchNet that see one atom at a time, fused: a block takes T atoms through three or
// more layers; features wait between layers in shared memory, weights come from the L2.
//
// Floor of nodeUpdate for 17,216 atoms, H = F = 128: 2·17216·3·128² = 1.7 GFLOP, three half
// products each, at about 600 TFLOP/s by mma.sync: 8.5 µs; m, x, slope, y in five passes of 8.8 MB:
// 10 µs from HBM, less where the L2 holds them. Measured on one H200: 29.8 µs, 0.29 to 0.34 of the
// floor; the tensor cores' share and DRAM's (14 %) are low, the first-level cache is at 54 %. Warps
// wait a third of their time for shared memory: fragments of weights and of atoms move through it
// as long as the products take, and little of one hides behind the other (inferred). One replica of
// 269 atoms: 7 to 8 µs, most of it reading 192 KB of weights into each multiprocessor (inferred).
namespace mdlab {
namespace node {

template <int Channels>
__device__ __forceinline__ const float* featureRow(const float* x, const float* embedding,
                                                   const int* types, int atom) {
  return embedding ? embedding + static_cast<long long>(types[atom]) * Channels
                   : x + static_cast<long long>(atom) * Channels;
}

}  // namespace node

// One thread block: T atoms. H, F: padded widths; A: activation; P: half products per product.
template <int H, int F, int A, int P, int T>
__global__ void __launch_bounds__(256, node::blocksPerMultiprocessor<T>)
    nodeUpdate(NodeUpdateArguments a) {
  using namespace node;
  constexpr int widest = H > F ? H : F;
  __shared__ Scales<T> scales[3];
  extern __shared__ uint4 memory[];
  uint4 *one = memory, *two = memory + T * widest / 4;
  waitForInputs();
  const int first = blockIdx.x * T;
  loadRows<F, T>(a.m, first, a.atoms, one, [&](int atom, float norm) {
    scales[0].input(atom, norm, a.lin2);
    const float activated = activatedNorm<A>(a.lin2.norm * norm + a.lin2.biasNorm, H);
    scales[0].output(atom, activated);
    scales[1].input(atom, activated, a.lin);
    const int i = first + atom;
    const float x = i >= a.atoms ? 0.f : a.embedding ? a.embeddingNorm : a.bound[i];
    const float next = x + a.lin.norm * activated + a.lin.biasNorm;
    if (i < a.atoms) a.bound[i] = next;
    scales[1].output(atom, next);
    scales[2].input(atom, next, a.lin1);
  });
  __syncthreads();
  layer<F, H, P, T>(a.lin2, one, [&](int atom, int channel, auto& v) {
    const int i = first + atom;
    scales[0].toValues(atom, a.lin2.bias, channel, v);
    float slope[sizeof(v) / sizeof(float)];
    activate<A>(v, slope);
    if (a.slope && i < a.atoms) store(a.slope + static_cast<long long>(i) * H + channel, slope);
    scales[0].template toTile<H>(two, atom, channel, v);
  });
  __syncthreads();
  layer<H, H, P, T>(a.lin, two, [&](int atom, int channel, auto& v) {
    const int i = first + atom;
    scales[1].toValues(atom, a.lin.bias, channel, v);
    if (i < a.atoms) {
      add(featureRow<H>(a.x, a.embedding, a.types, i) + channel, v);
      store(a.x + static_cast<long long>(i) * H + channel, v);
    }
    scales[1].template toTile<H>(one, atom, channel, v);
  });
  __syncthreads();
  layer<H, F, P, T>(a.lin1, one, [&](int atom, int channel, auto& v) {
    const int i = first + atom;
    scales[2].toValues(atom, nullptr, channel, v);
    if (i < a.atoms) store(a.y + static_cast<long long>(i) * F + channel, v);
  });
}

// Systems are summed by one block each: strided partial sums, then a tree, always in one order.
__device__ inline void sumEnergies(const NodeEnergyArguments& a, int block, int blocks) {
  __shared__ double part[256];
  if (!a.sum) return;
  for (int s = block; s < a.systems; s += blocks) {
    double sum = 0;
    for (int i = a.offsets[s] + static_cast<int>(threadIdx.x); i < a.offsets[s + 1]; i += 256)
      sum += a.energy[i];
    part[threadIdx.x] = sum;
    for (int half = 128; half > 0; half /= 2) {
      __syncthreads();
      if (threadIdx.x < half) part[threadIdx.x] += part[threadIdx.x + half];
    }
    if (threadIdx.x == 0) a.sum[s] += part[0] * a.unit;
    __syncthreads();
  }
}

__global__ void __launch_bounds__(256) nodeEnergy(NodeEnergyArguments a) {
  sumEnergies(a, blockIdx.x, gridDim.x);
}

template <int H, int F, int A, int P, int T>
__global__ void __launch_bounds__(256, node::blocksPerMultiprocessor<T>)
    nodeReverse(NodeReverseArguments a) {
  using namespace node;
  const int tiles = (a.atoms + T - 1) / T;
  if (blockIdx.x >= tiles) waitForInputs();
  if (blockIdx.x >= tiles) return sumEnergies(a.energy, blockIdx.x - tiles, gridDim.x - tiles);
  constexpr int widest = H > F ? H : F;
  __shared__ Scales<T> scales[3];
  extern __shared__ uint4 memory[];
  uint4 *one = memory, *two = memory + T * widest / 4;
  waitForInputs();
  const int first = blockIdx.x * T;
  loadRows<F, T>(a.gradY, first, a.atoms, one, [&](int atom, float norm) {
    const int i = first + atom;
    const float g = (i < a.atoms ? a.bound[i] : 0.f) + a.lin1Reverse.norm * norm;
    if (i < a.atoms) a.bound[i] = g;
    scales[0].input(atom, norm, a.lin1Reverse);
    scales[0].output(atom, g);
    scales[1].input(atom, g, a.linReverse);
    const float inner = a.linReverse.norm * g * slopeLimit<A>;
    scales[1].output(atom, inner);
    scales[2].input(atom, inner, a.lin2Reverse);
  });
  __syncthreads();
  layer<F, H, P, T>(a.lin1Reverse, one, [&](int atom, int channel, auto& v) {
    const int i = first + atom;
    scales[0].toValues(atom, nullptr, channel, v);
    if (i < a.atoms) {
      float* g = a.g + static_cast<long long>(i) * H + channel;
      add(g, v);
      store(g, v);
    }
    scales[0].template toTile<H>(two, atom, channel, v);
  });
  __syncthreads();
  reverseUpdate<H, F, A, P, T>(a, a.slope, a.gradM, scales + 1, first, two, one);
}

template <int H, int F, int A, int P, int T, int... Widths>
__global__ void __launch_bounds__(256, node::blocksPerMultiprocessor<T>)
    nodeTop(NodeTopArguments a) {
  using namespace node;
  constexpr int count = sizeof...(Widths), back = 2 * count + 2;
  constexpr int widest = largest<H, F, Widths...>, final = lastOf<H, Widths...>;
  __shared__ Scales<T> scales[back + 2];
  __shared__ float parts[final / 16][T];
  extern __shared__ uint4 memory[];
  uint4 *one = memory, *two = memory + T * widest / 4;
  waitForInputs();
  const int first = blockIdx.x * T;
  const Head<A, P, T, count, final> head{a, first, scales + 1, parts};
  loadRows<F, T>(a.m, first, a.atoms, one, [&](int atom, float norm) {
    const int i = first + atom;
    scales[0].input(atom, norm, a.lin2);
    const float activated = activatedNorm<A>(a.lin2.norm * norm + a.lin2.biasNorm, H);
    scales[0].output(atom, activated);
    scales[1].input(atom, activated, a.lin);
    const float x = i >= a.atoms ? 0.f : a.embedding ? a.embeddingNorm : a.bound[i];
    const float g =
        head.template chain<Widths...>(atom, x + a.lin.norm * activated + a.lin.biasNorm);
    if (i < a.atoms) a.bound[i] = g;
    scales[back].input(atom, g, a.linReverse);
    const float inner = a.linReverse.norm * g * slopeLimit<A>;
    scales[back].output(atom, inner);
    scales[back + 1].input(atom, inner, a.lin2Reverse);
  });
  __syncthreads();
  layer<F, H, P, T>(a.lin2, one, [&](int atom, int channel, auto& v) {
    const int i = first + atom;
    scales[0].toValues(atom, a.lin2.bias, channel, v);
    float slope[sizeof(v) / sizeof(float)];
    activate<A>(v, slope);
    if (a.gradient && i < a.atoms) store(a.slope + static_cast<long long>(i) * H + channel, slope);
    scales[0].template toTile<H>(two, atom, channel, v);
  });
  __syncthreads();
  layer<H, H, P, T>(a.lin, two, [&](int atom, int channel, auto& v) {
    const int i = first + atom;
    scales[1].toValues(atom, a.lin.bias, channel, v);
    if (i < a.atoms) add(featureRow<H>(a.x, a.embedding, a.types, i) + channel, v);
    if constexpr (count == 0) {
      float ones[sizeof(v) / sizeof(float)];
      for (float& o : ones) o = 1;
      head.output(atom, channel, v, ones);
      if (a.gradient && i < a.atoms) store(a.x + static_cast<long long>(i) * H + channel, v);
    }
    scales[1].template toTile<H>(one, atom, channel, v);
  });
  __syncthreads();
  head.template run<0, H, Widths...>(one, two);
  head.writeEnergies();
  if (a.gradient) reverseUpdate<H, F, A, P, T>(a, a.slope, a.m, scales + back, first, one, two);
}

template <int F>
__global__ void __launch_bounds__(256) nodeEmbed(NodeEmbedArguments a) {
  const long long k = static_cast<long long>(blockIdx.x) * 256 + threadIdx.x;
  if (k >= static_cast<long long>(a.atoms) * (F / 4)) return;
  const int atom = static_cast<int>(k / (F / 4)), unit = static_cast<int>(k % (F / 4));
  reinterpret_cast<float4*>(a.y)[k] = reinterpret_cast<const float4*>(
      a.rows)[static_cast<long long>(a.types[atom]) * (F / 4) + unit];
}

}  // namespace mdlab

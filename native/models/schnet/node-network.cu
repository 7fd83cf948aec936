#include "models/schnet/node-head.h"

// The layers of SchNet that see one atom at a time, fused: a tile of atoms goes through three or
// more layers, its features waiting in shared memory between them.
//
// Floor of nodeUpdate for 17,216 atoms (64 replicas), H = F = 128: 2·17216·3·128² = 1.7 GFLOP,
// three half products each: 5.2 µs by wgmma, 8.5 by mma.sync; m, x, slope, y in five passes of 8.8
// MB: 9.2 µs from HBM, less where the L2 holds them. Measured on one H200, in a graph of nothing
// else:
//   replicas        1     16     64    128
//   update        5.1   10.5   23.7   49.4 µs (narrow tiles: 12.5, 25.5, 57.4)
//   top          10.2   20.1   43.3   91.5    (26.8, 57.4, 146.5)
//   reverse       4.4   11.5   24.9   52.3    (11.6, 24.8, 56.8)
// so 0.39 of the floor. Shared memory with the first-level cache is busy for 0.61 of the time, the
// L2 for 0.45, DRAM for 0.24; a scheduler issues every fifth cycle. The products' own share is a
// quarter: what holds the rest are operands read from shared memory and the phases of a layer,
// which both tiles of a block enter together (inferred). One replica: reading 192 KB of weights
// into each multiprocessor; asking for them a layer ahead, in registers, gained nothing.
namespace mdlab {
namespace node {

// Where x of an atom is; of one that is not there any row.
template <class Arguments>
__device__ __forceinline__ int rowOf(const Arguments& a, int i, bool there) {
  return !there ? 0 : a.embedding ? a.types[i] : i;
}

// Scales of lin2 and lin from a bound of ‖m‖; gives one of ‖x‖ after the update.
template <int A, int H, int T, class Arguments>
__device__ __forceinline__ float boundUpdate(const Arguments& a, Scales<T>* scales, int atom,
                                             float norm, int i, bool there) {
  scales[0].input(atom, norm, a.lin2);
  const float activated = activatedNorm<A>(a.lin2.norm * norm + a.lin2.biasNorm, H);
  scales[0].output(atom, activated);
  scales[1].input(atom, activated, a.lin);
  const float x = !there ? 0.f : a.embedding ? a.embeddingNorm : a.bound[i];
  return x + a.lin.norm * activated + a.lin.biasNorm;
}

// From m in the tile: x + lin act(lin2 m + b2) + b, where x is in `rows` of the embedding or of
// a.x; use(atom, channel, v) gets it before it goes
// into the tile.
template <int H, int F, int A, int P, class Tile, class Arguments, class Use>
__device__ __forceinline__ void updateFeatures(Tile& tile, const Arguments& a,
                                               const Scales<Tile::size>* scales,
                                               const int (&rows)[Tile::size], const Use& use) {
  const float* const features = a.embedding ? a.embedding : a.x;
  tile.template layer<F, H, P>(a.lin2, scales[0], Nothing(),
                               [&](int atom, int channel, auto& v, const auto&, float scale) {
                                 const int i = tile.first + atom;
                                 float slope[sizeof(v) / sizeof(float)];
                                 activate<A>(v, slope);
                                 if (a.slope && i < tile.end)
                                   store(a.slope + static_cast<long long>(i) * H + channel, slope);
                                 tile.template put<H>(atom, channel, v, scale);
                               });
  tile.template layer<H, H, P>(
      a.lin, scales[1],
      [&](int atom, int channel, auto& x) {
        read(features + static_cast<long long>(rows[atom]) * H + channel, x);
      },
      [&](int atom, int channel, auto& v, const auto& x, float scale) {
        add(v, x);
        use(atom, channel, v);
        tile.template put<H>(atom, channel, v, scale);
      });
}

// Systems are summed by 256 threads each: strided partial sums, then a tree, always in one order.
template <class Sync>
__device__ inline void sumEnergies(const NodeEnergyArguments& a, double (&part)[256], int thread,
                                   int worker, int workers, const Sync& sync) {
  if (!a.sum) return;
  for (int s = worker; s < a.systems; s += workers) {
    double sum = 0;
    for (int i = a.offsets[s] + thread; i < a.offsets[s + 1]; i += 256) sum += a.energy[i];
    part[thread] = sum;
    for (int half = 128; half > 0; half /= 2) {
      sync();
      if (thread < half) part[thread] += part[thread + half];
    }
    if (thread == 0) a.sum[s] += part[0] * a.unit;
    sync();
  }
}

}  // namespace node

// H, F: padded widths; A: activation; P: half products per product.
template <int H, int F, int A, int P, class Tile>
__global__ void __launch_bounds__(Tile::threads, Tile::blocks) nodeUpdate(NodeUpdateArguments a) {
  using namespace node;
  __shared__ Scales<Tile::size> shared[Tile::threads / 256][3];
  extern __shared__ uint4 memory[];
  Tile tile(memory, largest<H, F>, a.rows, a.atoms);
  __shared__ int allRows[Tile::threads / 256][Tile::size];
  Scales<Tile::size>* scales = shared[threadIdx.x / 256];
  auto& rows = allRows[threadIdx.x / 256];
  tile.begin({{a.lin2.words, F, H}, {a.lin.words, H, H}, {a.lin1.words, H, F}}, 3);
  awaitKernelBefore();
  tile.template load<F>(a.m, [&](int atom, float norm) {
    const int i = tile.first + atom;
    const float next = boundUpdate<A, H>(a, scales, atom, norm, i, i < tile.end);
    rows[atom] = rowOf(a, i, i < tile.end);
    if (i < tile.end) a.bound[i] = next;
    scales[1].output(atom, next);
    scales[2].input(atom, next, a.lin1);
  });
  updateFeatures<H, F, A, P>(tile, a, scales, rows, [&](int atom, int channel, auto& v) {
    const int i = tile.first + atom;
    if (i < tile.end) store(a.x + static_cast<long long>(i) * H + channel, v);
  });
  tile.template layer<H, F, P>(a.lin1, scales[2], Nothing(),
                               [&](int atom, int channel, auto& v, const auto&, float) {
                                 const int i = tile.first + atom;
                                 if (i < tile.end)
                                   store(a.y + static_cast<long long>(i) * F + channel, v);
                               });
}

__global__ void __launch_bounds__(256) nodeEnergy(NodeEnergyArguments a) {
  __shared__ double part[256];
  node::sumEnergies(a, part, threadIdx.x, blockIdx.x, gridDim.x, [] { __syncthreads(); });
}

template <int H, int F, int A, int P, class Tile>
__global__ void __launch_bounds__(Tile::threads, Tile::blocks) nodeReverse(NodeReverseArguments a) {
  using namespace node;
  __shared__ Scales<Tile::size> shared[Tile::threads / 256][3];
  __shared__ double parts[Tile::threads / 256][256];
  extern __shared__ uint4 memory[];
  Tile tile(memory, largest<H, F>, a.rows, a.atoms);
  Scales<Tile::size>* scales = shared[threadIdx.x / 256];
  double(&part)[256] = parts[threadIdx.x / 256];
  const auto sync = [&] { tile.sync(); };
  const int tiles = (a.atoms + a.rows - 1) / a.rows;
  if (Tile::summersApart && tile.worker >= tiles) {
    awaitKernelBefore();
    return sumEnergies(a.energy, part, tile.thread, tile.worker - tiles, gridDim.x - tiles, sync);
  }
  tile.begin({{a.lin1Reverse.words, F, H}, {a.linReverse.words, H, H}, {a.lin2Reverse.words, H, F}},
             3);
  awaitKernelBefore();
  tile.template load<F>(a.gradY, [&](int atom, float norm) {
    const int i = tile.first + atom;
    const float g = (i < tile.end ? a.bound[i] : 0.f) + a.lin1Reverse.norm * norm;
    if (i < tile.end) a.bound[i] = g;
    scales[0].input(atom, norm, a.lin1Reverse);
    scales[0].output(atom, g);
    scales[1].input(atom, g, a.linReverse);
    const float inner = a.linReverse.norm * g * slopeLimit<A>;
    scales[1].output(atom, inner);
    scales[2].input(atom, inner, a.lin2Reverse);
  });
  const auto row = [&](int atom, int channel) {
    return a.g + static_cast<long long>(tile.first + atom) * H + channel;
  };
  tile.template layer<F, H, P>(
      a.lin1Reverse, scales[0],
      [&](int atom, int channel, auto& g) {
        if (tile.first + atom < tile.end) read(row(atom, channel), g);
      },
      [&](int atom, int channel, auto& v, const auto& g, float scale) {
        add(v, g);
        if (tile.first + atom < tile.end) store(row(atom, channel), v);
        tile.template put<H>(atom, channel, v, scale);
      });
  reverseUpdate<H, F, P>(tile, a, a.gradM, scales + 1);
  if (!Tile::summersApart)
    sumEnergies(a.energy, part, tile.thread, tile.worker, 2 * gridDim.x, sync);
}

template <int H, int F, int A, int P, class Tile, int... Widths>
__global__ void __launch_bounds__(Tile::threads, Tile::blocks) nodeTop(NodeTopArguments a) {
  using namespace node;
  constexpr int count = sizeof...(Widths), back = 2 * count + 2, final = lastOf<H, Widths...>;
  constexpr int halves = Tile::threads / 256, widths[] = {H, Widths...};
  __shared__ Scales<Tile::size> shared[halves][back + 2];
  __shared__ float parts[halves][final / 16][Tile::size];
  extern __shared__ uint4 memory[];
  Tile tile(memory, largest<H, F, Widths...>, a.rows, a.atoms);
  __shared__ int allRows[halves][Tile::size];
  Scales<Tile::size>* scales = shared[threadIdx.x / 256];
  auto& rows = allRows[threadIdx.x / 256];
  Coming list[back + 2] = {{a.lin2.words, F, H}, {a.lin.words, H, H}};
  for (int k = 0; k < count; ++k) {
    list[2 + k] = {a.head[k].words, widths[k], widths[k + 1]};
    list[1 + 2 * count - k] = {a.headReverse[k].words, widths[k + 1], widths[k]};
  }
  list[back] = {a.linReverse.words, H, H};
  list[back + 1] = {a.lin2Reverse.words, H, F};
  tile.begin(list, a.gradient ? back + 2 : 2 + count);
  awaitKernelBefore();
  const Head<A, P, Tile, count, final> head{a, tile, scales + 1, parts[threadIdx.x / 256]};
  tile.template load<F>(a.m, [&](int atom, float norm) {
    const int i = tile.first + atom;
    const float g = head.template chain<Widths...>(
        atom, boundUpdate<A, H>(a, scales, atom, norm, i, i < tile.end));
    rows[atom] = rowOf(a, i, i < tile.end);
    if (i < tile.end) a.bound[i] = g;
    scales[back].input(atom, g, a.linReverse);
    const float inner = a.linReverse.norm * g * slopeLimit<A>;
    scales[back].output(atom, inner);
    scales[back + 1].input(atom, inner, a.lin2Reverse);
  });
  updateFeatures<H, F, A, P>(tile, a, scales, rows, [&](int atom, int channel, auto& v) {
    if constexpr (count == 0) {
      float ones[sizeof(v) / sizeof(float)];
      for (float& o : ones) o = 1;
      head.output(atom, channel, v, ones);
      const int i = tile.first + atom;
      if (a.gradient && i < tile.end) store(a.x + static_cast<long long>(i) * H + channel, v);
    }
  });
  head.template run<0, H, Widths...>();
  head.writeEnergies();
  if (a.gradient) reverseUpdate<H, F, P>(tile, a, a.m, scales + back);
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

#include "models/schnet/node-head.h"

// The layers of SchNet that see one atom at a time, fused: a tile of atoms goes through three or
// more layers, its features waiting on the chip between them.
//
// Floor of nodeUpdate for 17,216 atoms (64 replicas), H = F = 128: 2·17216·3·128² = 1.7 GFLOP,
// three half products each: 5.2 µs by wgmma, 8.5 by mma.sync; m, x, slope, y in five passes of 8.8
// MB: 9.2 µs from HBM, less where the L2 holds them. Measured on one H200, in a graph of nothing
// else (all: the seven or eight kernels of an evaluation, one after the other):
//   replicas        1      8     16     32     64
//   update        4.8    8.2   11.0   13.9   19.1 µs
//   top           9.3   16.0   24.6   27.9   36.8
//   reverse       4.4    7.4    9.0   12.2   17.2
//   all          34.9   61.0   89.0  113.7  160.1
// Up to 32 atoms a multiprocessor tiles are narrow, all in one round (wide ones leave most idle: 8
// replicas 10.7, 23.8, 8.7, 85.6 µs; two rounds of narrow ones: 16 replicas 12.8, 26.5, 11.4,
// 97.4). Narrow tiles of all sizes give the same bits; wide ones take
// sums in another order, so that a replica among many agrees with itself among few to rounding.
// Asking for the next layer's weights by asynchronous copies took as long; for the first layer's
// before the wait for the kernel before, in registers, 31.4 µs for 34.9 but one replica's step only
// a hundredth less.
//
// 64 replicas have 0.48 of the floor. 17,216 atoms are 269 tiles, five more than two for each
// multiprocessor: those with three take 5 µs longer than those with two (32 replicas), and all wait
// for them. A seventh of reverse's samples wait for a tile's first rows. 16 atoms to a warp by
// mma.sync for what is over two tiles gave the same bits but took longer (20.8 µs for 18.0), and so
// did blocks in pairs that share the copies of weights (24.3).
namespace mdlab {
namespace node {

// Notes where x of an atom is, of one that is not there any row; gives a bound of ‖x‖.
template <class Arguments>
__device__ __forceinline__ float findFeatures(const Arguments& a, int& row, int i, bool there) {
  row = !there ? 0 : a.embedding ? a.types[i] : i;
  return !there ? 0.f : a.embedding ? a.embeddingNorm : a.bound[i];
}

// m into the tile; bounds(atom, bound of ‖m‖, bound of ‖x‖), and where each x is into `rows`.
template <int F, class Tile, class Arguments, class Bounds>
__device__ __forceinline__ void loadMessages(Tile& tile, const Arguments& a,
                                             int (&rows)[Tile::size], const Bounds& bounds) {
  tile.template load<F>(
      a.m,
      [&](int atom) {
        const int i = tile.first + atom;
        return findFeatures(a, rows[atom], i, i < tile.end);
      },
      bounds);
}

// Scales of lin2 and lin from bounds of ‖m‖ and ‖x‖; gives one of ‖x‖ after the update.
template <int A, int H, int T, class Arguments>
__device__ __forceinline__ float boundUpdate(const Arguments& a, Scales<T>* scales, int atom,
                                             float norm, float x) {
  scales[0].input(atom, norm, a.lin2);
  const float activated = activatedNorm<A>(a.lin2.norm * norm + a.lin2.biasNorm, H);
  scales[0].output(atom, activated);
  scales[1].input(atom, activated, a.lin);
  return x + a.lin.norm * activated + a.lin.biasNorm;
}

// Scales of linᵀ and lin2ᵀ from a bound of ‖g‖, which is noted.
template <int A, int T, class Arguments>
__device__ __forceinline__ void boundReverse(const Arguments& a, Scales<T>* scales, int atom, int i,
                                             int end, float g) {
  if (i < end) a.bound[i] = g;
  scales[0].input(atom, g, a.linReverse);
  const float inner = a.linReverse.norm * g * slopeLimit<A>;
  scales[0].output(atom, inner);
  scales[1].input(atom, inner, a.lin2Reverse);
}

// An activated layer of what is in the tile; its slopes into those of (atoms, Out), where wanted.
template <int In, int Out, int A, int P, class Tile>
__device__ __forceinline__ void activatedLayer(Tile& tile, const NodeMatrix& matrix,
                                               const Scales<Tile::size>& scales, float* slopes) {
  tile.template layer<In, Out, P>(
      matrix, scales, Nothing(), [&](int atom, int channel, auto& v, const auto&, float scale) {
        const int i = tile.first + atom;
        float slope[sizeof(v) / sizeof(float)];
        activate<A>(v, slope);
        if (slopes && i < tile.end)
          store(slopes + static_cast<long long>(i) * Out + channel, slope);
        tile.template put<Out>(atom, channel, v, scale);
      });
}

// From act(lin2 m + b2) in the tile: x + lin of it + b, where x is in `rows` of the embedding or of
// a.x; use(atom, channel, v) gets it before it goes into the tile.
template <int H, int P, class Tile, class Arguments, class Use>
__device__ __forceinline__ void addToFeatures(Tile& tile, const Arguments& a,
                                              const Scales<Tile::size>& scales,
                                              const int (&rows)[Tile::size], const Use& use) {
  tile.template layer<H, H, P>(a.lin, scales,
                               Rows{a.embedding ? a.embedding : a.x, a.embedding != nullptr, rows},
                               [&](int atom, int channel, auto& v, const auto& x, float scale) {
                                 add(v, x);
                                 use(atom, channel, v);
                                 tile.template put<H>(atom, channel, v, scale);
                               });
}

// A system's energies are 256 partial sums, then a tree of them, always in one order.
template <int Threads, class Sync>
__device__ inline void sumEnergies(const NodeEnergyArguments& a, double (&part)[256], int thread,
                                   int worker, int workers, const Sync& sync) {
  if (!a.sum) return;
  for (int s = worker; s < a.systems; s += workers) {
    for (int p = thread; p < 256; p += Threads) {
      double sum = 0;
      for (int i = a.offsets[s] + p; i < a.offsets[s + 1]; i += 256) sum += a.energy[i];
      part[p] = sum;
    }
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
  __shared__ Scales<Tile::size> shared[Tile::tiles][3];
  extern __shared__ __align__(128) uint4 memory[];
  Tile tile(memory, largest<H, F>, a.rows, a.atoms);
  __shared__ int allRows[Tile::tiles][Tile::size];
  Scales<Tile::size>* scales = shared[threadIdx.x / Tile::each];
  auto& rows = allRows[threadIdx.x / Tile::each];
  tile.begin({{a.lin2.words, F, H}, {a.lin.words, H, H}, {a.lin1.words, H, F}}, 3);
  awaitKernelBefore();
  if (tile.first >= tile.end) return;
  loadMessages<F>(tile, a, rows, [&](int atom, float norm, float x) {
    const int i = tile.first + atom;
    const float next = boundUpdate<A, H>(a, scales, atom, norm, x);
    if (i < tile.end) a.bound[i] = next;
    scales[1].output(atom, next);
    scales[2].input(atom, next, a.lin1);
  });
  activatedLayer<F, H, A, P>(tile, a.lin2, scales[0], a.slope);
  addToFeatures<H, P>(tile, a, scales[1], rows, [&](int atom, int channel, auto& v) {
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

// A block's systems, one by one. Floor: 4 bytes an atom; 3.5 µs for 64 × 269, the latency of a sum.
__global__ void __launch_bounds__(256) nodeEnergy(NodeEnergyArguments a) {
  __shared__ double part[256];
  node::sumEnergies<256>(a, part, threadIdx.x, blockIdx.x, gridDim.x, [] { __syncthreads(); });
}

template <int H, int F, int A, int P, class Tile>
__global__ void __launch_bounds__(Tile::threads, Tile::blocks) nodeReverse(NodeReverseArguments a) {
  using namespace node;
  __shared__ Scales<Tile::size> shared[Tile::tiles][3];
  __shared__ double parts[Tile::tiles][256];
  extern __shared__ __align__(128) uint4 memory[];
  Tile tile(memory, largest<H, F>, a.rows, a.atoms);
  Scales<Tile::size>* scales = shared[threadIdx.x / Tile::each];
  tile.begin({{a.lin1Reverse.words, F, H}, {a.linReverse.words, H, H}, {a.lin2Reverse.words, H, F}},
             3);
  awaitKernelBefore();
  if (tile.first < tile.end) {
    tile.template load<F>(
        a.gradY,
        [&](int atom) {
          const int i = tile.first + atom;
          return i < tile.end ? a.bound[i] : 0.f;
        },
        [&](int atom, float norm, float before) {
          const float g = before + a.lin1Reverse.norm * norm;
          scales[0].input(atom, norm, a.lin1Reverse);
          scales[0].output(atom, g);
          boundReverse<A>(a, scales + 1, atom, tile.first + atom, tile.end, g);
        });
    tile.template layer<F, H, P>(a.lin1Reverse, scales[0], Rows{a.g, false, nullptr},
                                 [&](int atom, int channel, auto& v, const auto& g, float scale) {
                                   const int i = tile.first + atom;
                                   add(v, g);
                                   if (i < tile.end)
                                     store(a.g + static_cast<long long>(i) * H + channel, v);
                                   tile.template put<H>(atom, channel, v, scale);
                                 });
    reverseUpdate<H, F, P>(tile, a, a.gradM, scales + 1);
  }
  // Who had no atoms begins with the first systems.
  sumEnergies<Tile::each>(a.energy, parts[threadIdx.x / Tile::each], tile.thread,
                          tile.workers() - 1 - tile.worker, tile.workers(), [&] { tile.sync(); });
}

template <int H, int F, int A, int P, class Tile, int... Widths>
__global__ void __launch_bounds__(Tile::threads, Tile::blocks) nodeTop(NodeTopArguments a) {
  using namespace node;
  using Top = Head<A, P, Tile, H, Widths...>;
  constexpr int widths[] = {H, Widths...}, count = Top::count, forward = 2 + count,
                back = Tile::apart ? 0 : forward;
  __shared__ Scales<Tile::size> shared[Tile::tiles][forward + back];
  __shared__ float parts[Tile::tiles][Tile::template parts<Top::final>][Tile::size];
  extern __shared__ __align__(128) uint4 memory[];
  Tile tile(memory, largest<H, F, Widths...>, a.rows, a.atoms);
  __shared__ int allRows[Tile::tiles][Tile::size];
  Scales<Tile::size>* scales = shared[threadIdx.x / Tile::each];
  Scales<Tile::size>* last = scales + forward + back - 2;
  auto& rows = allRows[threadIdx.x / Tile::each];
  Coming list[forward] = {{a.lin2.words, F, H}, {a.lin.words, H, H}};
  for (int k = 0; k < count; ++k) list[2 + k] = {a.head[k].words, widths[k], widths[k + 1]};
  tile.begin(list, forward);
  awaitKernelBefore();
  if (tile.first >= tile.end) return;
  const Top head{a, tile, scales + 1, scales + forward, parts[threadIdx.x / Tile::each]};
  loadMessages<F>(tile, a, rows, [&](int atom, float norm, float x) {
    head.chain(atom, boundUpdate<A, H>(a, scales, atom, norm, x));
    if constexpr (!Tile::apart) {
      const float end = a.lastNorm * (count > 0 ? slopeLimit<A> : 1.f);
      head.scales[count].output(atom, end);
      boundReverse<A>(a, last, atom, tile.first + atom, tile.end, head.chainBack(atom, end));
    }
  });
  if constexpr (Tile::apart && count > 1 && F == H && Top::widths[1] == H) {
    // One stretch of code for lin2 and the head's first layer, for the instruction cache.
#pragma unroll 1
    for (int k = 0; k < 2; ++k) {
      if (k == 1) addToFeatures<H, P>(tile, a, scales[1], rows, [](int, int, auto&) {});
      const NodeMatrix matrix = k == 0 ? a.lin2 : a.head[0];
      float* const slopes = !a.gradient ? nullptr : k == 0 ? a.slope : a.headSlope[0];
      activatedLayer<H, H, A, P>(tile, matrix, scales[2 * k], slopes);
    }
    head.template forward<1>();
  } else {
    activatedLayer<F, H, A, P>(tile, a.lin2, scales[0], a.gradient ? a.slope : nullptr);
    addToFeatures<H, P>(tile, a, scales[1], rows, [&](int atom, int channel, auto& v) {
      if constexpr (count == 0) {
        float ones[sizeof(v) / sizeof(float)];
        for (float& o : ones) o = 1;
        head.output(atom, channel, v, ones);
        const int i = tile.first + atom;
        if (a.gradient && i < tile.end) store(a.x + static_cast<long long>(i) * H + channel, v);
      }
    });
    head.template forward<0>();
  }
  if constexpr (!Tile::apart) {
    if (!a.gradient) return;
    head.template back<count - 1>();
    reverseUpdate<H, F, P>(tile, a, a.m, last);
  }
}

// What nodeTop leaves where Tile::apart: back through the head and the last block's update.
template <int H, int F, int A, int P, class Tile, int... Widths>
__global__ void __launch_bounds__(Tile::threads, Tile::blocks) nodeTopReverse(NodeTopArguments a) {
  using namespace node;
  using Top = Head<A, P, Tile, H, Widths...>;
  constexpr int widths[] = {H, Widths...}, count = Top::count;
  __shared__ Scales<Tile::size> shared[Tile::tiles][count + 2];
  extern __shared__ __align__(128) uint4 memory[];
  Tile tile(memory, largest<H, F, Widths...>, a.rows, a.atoms);
  Scales<Tile::size>* scales = shared[threadIdx.x / Tile::each];
  Coming list[count + 2];
  for (int k = 0; k < count; ++k)
    list[count - 1 - k] = {a.headReverse[k].words, widths[k + 1], widths[k]};
  list[count] = {a.linReverse.words, H, H};
  list[count + 1] = {a.lin2Reverse.words, H, F};
  tile.begin(list, count + 2);
  awaitKernelBefore();
  if (tile.first >= tile.end) return;
  const Top head{a, tile, nullptr, scales, nullptr};
  tile.template load<Top::final>(
      count > 0 ? a.headSlope[count > 0 ? count - 1 : 0] : a.x, [](int) { return 0.f; },
      [&](int atom, float norm, float) {
        boundReverse<A>(a, scales + count, atom, tile.first + atom, tile.end,
                        head.chainBack(atom, norm));
      });
  head.template back<count - 1>();
  reverseUpdate<H, F, P>(tile, a, a.m, scales + count);
}

// Once per batch, not per step. Floor: 4 F bytes written an atom, 1.8 µs for 64 × 269 and F = 128;
// 4.9 µs, warps wait for their one load.
template <int F>
__global__ void __launch_bounds__(256) nodeEmbed(NodeEmbedArguments a) {
  const long long k = static_cast<long long>(blockIdx.x) * 256 + threadIdx.x;
  if (k >= static_cast<long long>(a.atoms) * (F / 4)) return;
  const int atom = static_cast<int>(k / (F / 4)), unit = static_cast<int>(k % (F / 4));
  reinterpret_cast<float4*>(a.y)[k] = reinterpret_cast<const float4*>(
      a.rows)[static_cast<long long>(a.types[atom]) * (F / 4) + unit];
}

}  // namespace mdlab

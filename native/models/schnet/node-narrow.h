#pragma once
// Device code only: a tile of T atoms by mma.sync, on every architecture; a block works on one tile
// and reads weights from the second-level cache. Weights are the left operand (32 channels per
// group), atoms the right one. The order of channels within a group and of the summed index within
// a step is chosen so that a thread holds four consecutive channels of an atom: what one layer puts
// out is written as the next one reads it.
#include "models/schnet/node-tile.h"

namespace mdlab {
namespace node {

__device__ __forceinline__ void mmaHalf(float (&c)[4], const uint4& a, unsigned b0, unsigned b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b0), "r"(b1));
}

// How eight warps share Out channels x T atoms: pieces of 32 channels (16 for tiles alone, so that
// all warps work) times columns of up to `width` eights of atoms.
template <int Out, int T>
struct Division {
  static constexpr int half = T <= narrowAlone ? 1 : 0;
  static constexpr int rows = half ? 1 : 2;  // fragments of 16 channels in a piece
  static constexpr int pieces = Out / 32 * (half ? 2 : 1);
  static constexpr int eights = T / 8;
  static constexpr int wanted = pieces >= 8 ? 1 : 8 / pieces;
  static constexpr int columns = wanted < eights ? wanted : eights;
  static constexpr int width = (eights + columns - 1) / columns;
};

template <int T>
class Narrow {
 public:
  static constexpr int size = T, tiles = 1, each = 256, threads = 256,
                       blocks = T <= narrowAlone ? 1 : 2;
  // Whether another kernel goes back from the top.
  static constexpr bool apart = false;
  int thread, worker, first, end;

  // Memory holds two tiles of the widest layer.
  __device__ __forceinline__ Narrow(uint4* memory, int widest, int rows, int atoms)
      : thread(threadIdx.x),
        worker(blockIdx.x),
        first(blockIdx.x * rows),
        end(min(first + rows, atoms)),
        read_(memory + T * widest / 4),
        write_(memory) {}
  __device__ __forceinline__ int workers() const { return gridDim.x; }

  template <int N>
  __device__ __forceinline__ void begin(const Coming (&)[N], int) {}
  __device__ __forceinline__ void sync() { __syncthreads(); }

  template <int Channels, class Known, class Bounds>
  __device__ __forceinline__ void load(const float* rows, const Known& known, const Bounds& bounds);

  // Puts down an atom's values from `channel` on, for a layer that reads `Channels`.
  template <int Channels, int N>
  __device__ __forceinline__ void put(int atom, int channel, const float (&v)[N], float scale) {
    unsigned hi[N / 2], lo[N / 2];
    split(v, scale, hi, lo);
    uint4* unit = write_ + atom * (Channels / 4) + unitOf(atom, channel / 4);
    if constexpr (N == 4) {
      *unit = make_uint4(hi[0], hi[1], lo[0], lo[1]);
    } else {
      unsigned* word = reinterpret_cast<unsigned*>(unit) + channel % 4 / 2;
      word[0] = hi[0];
      word[2] = lo[0];
    }
  }

  template <int In, int Out, int P, class Beside, class Finish>
  __device__ __forceinline__ void layer(const NodeMatrix& matrix, const Scales<T>& scales,
                                        const Beside& beside, const Finish& finish);

  // Terms of 16 channels are added by the lanes that have them, these sums by totals().
  template <int Out>
  static constexpr int parts = Out / 16;
  template <int Out, int N>
  __device__ __forceinline__ void collect(float (*sums)[T], int atom, int channel,
                                          const float (&terms)[N]) {
#pragma unroll
    for (int pair = 0; pair < N / 2; ++pair) {
      float sum = terms[2 * pair] + terms[2 * pair + 1];
#pragma unroll
      for (int step = 4; step < 32; step *= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
      if (threadIdx.x % 32 < 4) sums[channel / 32 * 2 + channel % 4 / 2 + pair][atom] = sum;
    }
  }
  template <int Out, class Use>
  __device__ __forceinline__ void totals(float (*sums)[T], const Use& use) {
    for (int atom = thread; first + atom < end; atom += each) {
      float sum = 0;
      for (int k = 0; k < parts<Out>; ++k) sum += sums[k][atom];
      use(atom, sum);
    }
  }

 private:
  // A tile holds for every atom its channels, four to a 16-byte unit: two words hi, two words lo.
  // Units are permuted so that both the readers' and the writers' eight lanes meet all banks.
  static __device__ __forceinline__ int unitOf(int atom, int unit) {
    return unit ^ (atom & 6) ^ ((atom & 1) << 2);
  }
  __device__ __forceinline__ void pass() {
    __syncthreads();
    uint4* const read = read_;
    read_ = write_;
    write_ = read;
  }
  uint4 *read_, *write_;
};

template <int T>
template <int Channels, class Known, class Bounds>
__device__ __forceinline__ void Narrow<T>::load(const float* rows, const Known& known,
                                                const Bounds& bounds) {
  constexpr int units = Channels / 4, perLane = (units + 31) / 32, mine = T / 8;
  const int warp = thread / 32, lane = thread % 32;
  float v[mine][perLane][4] = {};
#pragma unroll
  for (int k = 0; k < mine; ++k)
#pragma unroll
    for (int q = 0; q < perLane; ++q) {
      const int i = first + warp + 8 * k, unit = lane + 32 * q;
      if (unit < units && i < end)
        read(rows + static_cast<long long>(i) * Channels + 4 * unit, v[k][q]);
    }
  const float number = lane < mine ? known(warp + 8 * lane) : 0.f;
  float own = 0;
#pragma unroll
  for (int k = 0; k < mine; ++k) {
    unsigned most = 0;
#pragma unroll
    for (int q = 0; q < perLane; ++q)
#pragma unroll
      for (int c = 0; c < 4; ++c) most = max(most, __float_as_uint(fabsf(v[k][q][c])));
    most = __reduce_max_sync(0xffffffffu, most);
    const float norm = __uint_as_float(most) * sqrtf(float(Channels));
    if (lane == k) own = norm;
    const float scale = rowScale(norm);
#pragma unroll
    for (int q = 0; q < perLane; ++q)
      if (lane + 32 * q < units) put<Channels>(warp + 8 * k, 4 * (lane + 32 * q), v[k][q], scale);
  }
  if (lane < mine) bounds(warp + 8 * lane, own, number);
  pass();
}

template <int T>
template <int In, int Out, int P, class Beside, class Finish>
__device__ __forceinline__ void Narrow<T>::layer(const NodeMatrix& matrix, const Scales<T>& scales,
                                                 const Beside& beside, const Finish& finish) {
  using D = Division<Out, T>;
  constexpr int steps = In / 16, depth = T <= narrowAlone ? 8 : 1;
  const int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
  for (int job = threadIdx.x / 32; job < D::pieces * D::columns; job += 8) {
    const int piece = job % D::pieces, column = job / D::pieces;
    const int group = D::half ? piece / 2 : piece, from = D::half ? piece % 2 : 0;
    const uint4* words = static_cast<const uint4*>(matrix.words) +
                         (static_cast<long long>(group) * steps * 4 + from * 2) * 32 + lane;
    const int channel = 32 * group + 4 * g + 2 * from;
    float bias[2 * D::rows] = {};
    if (matrix.bias) readConstant(matrix.bias + channel, bias);
    // Large tiles have no registers for all of it.
    constexpr bool early = T <= narrowAlone;
    float u[early ? D::width : 1][2][2 * D::rows] = {};
    const auto fetchFor = [&](int w) {
#pragma unroll
      for (int odd = 0; odd < 2; ++odd) {
        const int atom = 8 * (column * D::width + w) + 2 * t + odd;
        if constexpr (Beside::some)
          if (first + atom < end) {
            const long long row = beside.row ? beside.row[atom] : first + atom;
            read(beside.base + row * Out + channel, u[early ? w : 0][odd]);
          }
      }
    };
#pragma unroll
    for (int w = 0; early && w < D::width; ++w) fetchFor(w);
    // Tensor cores cut sums short: the small products have a sum of their own.
    float whole[D::rows][D::width][4] = {}, cross[D::rows][D::width][4] = {};
    // Weights of the next steps are on their way while one is multiplied.
    uint4 hi[depth + 1][D::rows], lo[depth + 1][D::rows];
    const auto load = [&](int s) {
#pragma unroll
      for (int r = 0; r < D::rows; ++r) {
        hi[s % (depth + 1)][r] = __ldg(words + (s * 4 + r * 2) * 32);
        if constexpr (P == 3) lo[s % (depth + 1)][r] = __ldg(words + (s * 4 + r * 2 + 1) * 32);
      }
    };
#pragma unroll
    for (int s = 0; s < (depth < steps ? depth : steps); ++s) load(s);
#pragma unroll
    for (int s = 0; s < steps; ++s) {
      if (s + depth < steps) load(s + depth);
      const int now = s % (depth + 1);
#pragma unroll
      for (int w = 0; w < D::width; ++w) {
        const int eight = column * D::width + w;
        if (D::eights % D::columns != 0 && eight >= D::eights) break;
        const int atom = 8 * eight + g;
        const uint4 b = read_[atom * (In / 4) + unitOf(g, 4 * s + t)];
        if constexpr (P == 3) {
#pragma unroll
          for (int r = 0; r < D::rows; ++r) mmaHalf(cross[r][w], lo[now][r], b.x, b.y);
#pragma unroll
          for (int r = 0; r < D::rows; ++r) mmaHalf(cross[r][w], hi[now][r], b.z, b.w);
        }
#pragma unroll
        for (int r = 0; r < D::rows; ++r) mmaHalf(whole[r][w], hi[now][r], b.x, b.y);
      }
    }
#pragma unroll
    for (int w = 0; w < D::width; ++w) {
      const int eight = column * D::width + w;
      if (D::eights % D::columns != 0 && eight >= D::eights) break;
      if constexpr (!early) fetchFor(w);
#pragma unroll
      for (int odd = 0; odd < 2; ++odd) {
        const int atom = 8 * eight + 2 * t + odd;
        const float value = scales.values[atom];
        float v[2 * D::rows];
#pragma unroll
        for (int r = 0; r < D::rows; ++r)
#pragma unroll
          for (int k = 0; k < 2; ++k)
            v[2 * r + k] =
                fmaf(whole[r][w][odd + 2 * k] + cross[r][w][odd + 2 * k], value, bias[2 * r + k]);
        finish(atom, channel, v, u[early ? w : 0][odd], scales.halves[atom]);
      }
    }
  }
  pass();
}

}  // namespace node
}  // namespace mdlab

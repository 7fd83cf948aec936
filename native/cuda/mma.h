#pragma once
// Device code only: warp-wide products on tensor cores (PTX mma.sync, sm_80 and later), with the
// operand formats of the filter networks behind one face.
//
// A warp multiplies rows (16 per tile) by a matrix whose columns come in chunks of 16. Of row g or
// g+8 of a tile (g = lane / 4) a thread holds, per chunk, the four consecutive values at 4·(lane %
// 4): so results of one product are operands of the next without leaving the registers, and
// gathers are 16 bytes wide. The weights' order in memory (nn/packed-operands.h) makes it so.

namespace mdlab {

// How a product's operands are held. Must equal nn/packed-operands.h's TileFormat.
namespace tile {
constexpr int split = 0;     // two halves each, hi + lo, three products: single precision
constexpr int tf32 = 1;      // 10 bits of mantissa, 8 of exponent
constexpr int bfloat16 = 2;  // 7 bits, 8
constexpr int half16 = 3;    // 10 bits, 5
constexpr int int8 = 4;      // rounded to 1/127 of a static scale
}  // namespace tile

template <int Format>
struct Accumulator {
  using Type = float;
};
template <>
struct Accumulator<tile::int8> {
  using Type = int;
};

// Registers a thread needs for 16 columns of one 16-row tile of operands.
template <int Format>
constexpr int operandRegisters = Format == tile::int8                              ? 2
                                 : (Format == tile::split || Format == tile::tf32) ? 8
                                                                                   : 4;
// 16-byte words a lane reads for a 16 x 32 piece (columns x depth) of packed weights.
template <int Format>
constexpr int wordsPer32 = Format == tile::int8                              ? 1
                           : (Format == tile::split || Format == tile::tf32) ? 4
                                                                             : 2;

__device__ __forceinline__ unsigned packHalf(float low, float high) {
  unsigned r;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
  return r;
}
__device__ __forceinline__ unsigned packBfloat(float low, float high) {
  unsigned r;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
  return r;
}
__device__ __forceinline__ void unpackHalf(unsigned packed, float& low, float& high) {
  asm("{.reg .f16 l, h;\n mov.b32 {l, h}, %2;\n cvt.f32.f16 %0, l;\n cvt.f32.f16 %1, h;}"
      : "=f"(low), "=f"(high)
      : "r"(packed));
}
__device__ __forceinline__ unsigned toTf32(float x) {
  unsigned r;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(r) : "f"(x));
  return r;
}
// Four values, already scaled to ±127, as bytes: adding 1.5·2^23 leaves the rounded integer in the
// low mantissa bits.
__device__ __forceinline__ unsigned packBytes(const float (&v)[4]) {
  constexpr float magic = 12582912.f;
  const unsigned a = __float_as_uint(v[0] + magic), b = __float_as_uint(v[1] + magic);
  const unsigned c = __float_as_uint(v[2] + magic), d = __float_as_uint(v[3] + magic);
  return __byte_perm(__byte_perm(a, b, 0x0040), __byte_perm(c, d, 0x0040), 0x5410);
}

// Operands of 16 columns from a thread's four values of row g (`upper`) and of row g+8 (`lower`).
template <int Format>
__device__ __forceinline__ void packOperand(unsigned* to, const float (&upper)[4],
                                            const float (&lower)[4]) {
  if constexpr (Format == tile::half16 || Format == tile::split) {
    to[0] = packHalf(upper[0], upper[1]);
    to[1] = packHalf(lower[0], lower[1]);
    to[2] = packHalf(upper[2], upper[3]);
    to[3] = packHalf(lower[2], lower[3]);
    if constexpr (Format == tile::split) {
      float a, b;
      unpackHalf(to[0], a, b);
      to[4] = packHalf(upper[0] - a, upper[1] - b);
      unpackHalf(to[1], a, b);
      to[5] = packHalf(lower[0] - a, lower[1] - b);
      unpackHalf(to[2], a, b);
      to[6] = packHalf(upper[2] - a, upper[3] - b);
      unpackHalf(to[3], a, b);
      to[7] = packHalf(lower[2] - a, lower[3] - b);
    }
  } else if constexpr (Format == tile::bfloat16) {
    to[0] = packBfloat(upper[0], upper[1]);
    to[1] = packBfloat(lower[0], lower[1]);
    to[2] = packBfloat(upper[2], upper[3]);
    to[3] = packBfloat(lower[2], lower[3]);
  } else if constexpr (Format == tile::tf32) {
#pragma unroll
    for (int step = 0; step < 2; ++step) {
      to[4 * step] = toTf32(upper[2 * step]);
      to[4 * step + 1] = toTf32(lower[2 * step]);
      to[4 * step + 2] = toTf32(upper[2 * step + 1]);
      to[4 * step + 3] = toTf32(lower[2 * step + 1]);
    }
  } else {
    to[0] = packBytes(upper);
    to[1] = packBytes(lower);
  }
}

__device__ __forceinline__ void mmaHalf(float* c, const unsigned* a, unsigned b0, unsigned b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
__device__ __forceinline__ void mmaBfloat(float* c, const unsigned* a, unsigned b0, unsigned b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, "
      "{%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
__device__ __forceinline__ void mmaTf32(float* c, const unsigned* a, unsigned b0, unsigned b1) {
  asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
__device__ __forceinline__ void mmaInt8(int* c, unsigned a0, unsigned a1, unsigned a2, unsigned a3,
                                        unsigned b0, unsigned b1) {
  asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

// out[m][8 columns t][4] = Σ over Chunks·16 of depth, for 16 columns and M row tiles. `weights`:
// this lane's words of the 16 columns, 32 words (lanes) apart. A thread's value of row g + 8h,
// column 4·(lane % 4) + 2t + e is out[m][t][2h + e].
template <int Format, int M, int Chunks>
__device__ __forceinline__ void multiplyChunk(
    typename Accumulator<Format>::Type (&out)[M][2][4],
    const unsigned (&in)[M][Chunks][operandRegisters<Format>], const uint4* weights) {
#pragma unroll
  for (int m = 0; m < M; ++m)
#pragma unroll
    for (int t = 0; t < 2; ++t)
#pragma unroll
      for (int k = 0; k < 4; ++k) out[m][t][k] = 0;
  if constexpr (Format == tile::int8) {
#pragma unroll
    for (int s = 0; s < Chunks / 2; ++s) {
      const uint4 w = weights[s * 32];
#pragma unroll
      for (int m = 0; m < M; ++m) {
        const unsigned *a = in[m][2 * s], *b = in[m][2 * s + 1];
        mmaInt8(out[m][0], a[0], a[1], b[0], b[1], w.x, w.y);
        mmaInt8(out[m][1], a[0], a[1], b[0], b[1], w.z, w.w);
      }
    }
  } else if constexpr (Format == tile::split) {
#pragma unroll
    for (int s = 0; s < Chunks; ++s) {
      const uint4 hi = weights[2 * s * 32], lo = weights[(2 * s + 1) * 32];
#pragma unroll
      for (int m = 0; m < M; ++m) {
        mmaHalf(out[m][0], in[m][s] + 4, hi.x, hi.y);
        mmaHalf(out[m][1], in[m][s] + 4, hi.z, hi.w);
      }
#pragma unroll
      for (int m = 0; m < M; ++m) {
        mmaHalf(out[m][0], in[m][s], lo.x, lo.y);
        mmaHalf(out[m][1], in[m][s], lo.z, lo.w);
      }
#pragma unroll
      for (int m = 0; m < M; ++m) {
        mmaHalf(out[m][0], in[m][s], hi.x, hi.y);
        mmaHalf(out[m][1], in[m][s], hi.z, hi.w);
      }
    }
  } else if constexpr (Format == tile::tf32) {
#pragma unroll
    for (int s = 0; s < 2 * Chunks; ++s) {
      const uint4 w = weights[s * 32];
#pragma unroll
      for (int m = 0; m < M; ++m) {
        mmaTf32(out[m][0], in[m][s / 2] + 4 * (s % 2), w.x, w.y);
        mmaTf32(out[m][1], in[m][s / 2] + 4 * (s % 2), w.z, w.w);
      }
    }
  } else {
#pragma unroll
    for (int s = 0; s < Chunks; ++s) {
      const uint4 w = weights[s * 32];
#pragma unroll
      for (int m = 0; m < M; ++m) {
        if constexpr (Format == tile::bfloat16) {
          mmaBfloat(out[m][0], in[m][s], w.x, w.y);
          mmaBfloat(out[m][1], in[m][s], w.z, w.w);
        } else {
          mmaHalf(out[m][0], in[m][s], w.x, w.y);
          mmaHalf(out[m][1], in[m][s], w.z, w.w);
        }
      }
    }
  }
}

}  // namespace mdlab

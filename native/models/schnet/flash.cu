#include "models/schnet/flash-tile.cuda.h"

// Message passing without edge arrays: a warp owns row i of the list and works through it in tiles
// of 16·M edges. Basis values are computed in the registers where the tensor cores want them,
// hidden activations pass from one product to the next there, W_ij meets the gathered y_j there,
// and sums over edges end in shared memory and are written once. Fixed order: no result depends on
// the grid or the batch.
//
// Work per edge and block with K = 64, F = 128 (half16: one product; split: three):
//   forward  24.6 k multiply-adds, 320 exponentials and reciprocals, 512 B of y from L2;
//   reverse  half of them twice that (value and slope pass the same weights), 1 kB of y and gradM;
//            the pair's other edge as forward.
// Shared memory gives a warp its weights: 48 kB (split 96) per 32 rows of operands.
// On one H200, 64 x 269 beads (2.43 M edges): forward 1.09 ms split, 0.48 half16; reverse 1.78 and
// 0.84. Products: split 330 TFLOP/s, half16 250 (datasheet, by wgmma: 990). No unit is saturated:
// counters showed 55 and 43 % of the arithmetic's and 40 and 68 % of shared memory's throughput
// (both in the reverse kernel); what holds the rest is latency, registers leave room for 8 and 12
// warps.
namespace mdlab {

// Edges first .. first+count-1 (count <= 16·M) of row i: adds their messages to net.sums, or with
// Scatter to m.
template <int Format, int K, int F, int Activation, bool Stored, bool Scatter, int M>
__device__ __forceinline__ void forwardTile(const FlashForward& a, const Network& net, int i,
                                            int first, int count) {
  const int lane = threadIdx.x & 31, g = lane >> 2, q = lane & 3;
  const int mine = lane < count && lane < 16 * M ? first + lane : first;
  const EdgeScalars edge = edgeScalars(a.basis, a.distance[mine]);
  const int column = a.neighbor[mine];
  const bool valid = lane < count;
  float c[M][2], t[M][2];
  const float* y[M][2];
  unsigned phi[M][K / 16][operandRegisters<Format>];
#pragma unroll
  for (int m = 0; m < M; ++m)
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const int row = 16 * m + 8 * h + g;
      c[m][h] = __shfl_sync(~0u, valid ? edge.c : 0.f, row);
      t[m][h] = __shfl_sync(~0u, edge.t, row);
      y[m][h] = a.y + static_cast<long long>(__shfl_sync(~0u, column, row)) * F + 4 * q;
    }
#pragma unroll
  for (int k = 0; k < K / 16; ++k) {
    const float4 center = load4(net.centers + 16 * k + 4 * q);
    const float4 width = load4(net.widths + 16 * k + 4 * q);
    const float at[4] = {center.x, center.y, center.z, center.w};
    const float by[4] = {width.x, width.y, width.z, width.w};
#pragma unroll
    for (int m = 0; m < M; ++m) {
      float v[2][4];
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        if constexpr (Stored) {
          const int row = min(16 * m + 8 * h + g, count - 1);
          const float4 s =
              load4(a.stored + static_cast<long long>(first + row) * K + 16 * k + 4 * q);
          v[h][0] = s.x * a.basis.factor;
          v[h][1] = s.y * a.basis.factor;
          v[h][2] = s.z * a.basis.factor;
          v[h][3] = s.w * a.basis.factor;
        } else {
          const float top = c[m][h] * a.basis.factor;
#pragma unroll
          for (int n = 0; n < 4; ++n) {
            const float x = t[m][h] - at[n];
            v[h][n] = top * exp2Fast(-by[n] * x * x);
          }
        }
      }
      packOperand<Format>(phi[m][k], v[0], v[1]);
    }
  }
  unsigned hidden[M][F / 16][operandRegisters<Format>];
  typename Accumulator<Format>::Type sum[M][2][4];
#pragma unroll
  for (int n = 0; n < F / 16; ++n) {
    multiplyChunk<Format, M, K / 16>(sum, phi,
                                     net.words1 + n * (K / 32) * wordsPer32<Format> * 32 + lane);
    float scale[4], bias[4];
    load4(net.scale1 + 16 * n + 4 * q, scale);
    load4(net.bias1 + 16 * n + 4 * q, bias);
#pragma unroll
    for (int m = 0; m < M; ++m) {
      float x[4], v[2][4];
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        rowOf(sum[m], h, x);
        activate4<Format, Activation>(x, scale, bias, a.network.hiddenFactor, v[h]);
      }
      packOperand<Format>(hidden[m][n], v[0], v[1]);
    }
  }
#pragma unroll 1
  for (int n = 0; n < F / 16; ++n) {
    float4 from[M][2];
#pragma unroll
    for (int m = 0; m < M; ++m)
#pragma unroll
      for (int h = 0; h < 2; ++h) from[m][h] = load4(y[m][h] + 16 * n);
    multiplyChunk<Format, M, F / 16>(sum, hidden,
                                     net.words2 + n * (F / 32) * wordsPer32<Format> * 32 + lane);
    float total[4] = {};
#pragma unroll
    for (int m = 0; m < M; ++m)
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        float w[4];
        rowOf(sum[m], h, w);
        const float4 v = from[m][h];
        const float envelope = c[m][h];
        if constexpr (Scatter) {
          const float4 scale = load4(a.network.scale2 + 16 * n + 4 * q);
          if (16 * m + 8 * h + g < count)
            scatter4(a.m + static_cast<long long>(i) * F + 16 * n + 4 * q,
                     envelope * v.x * w[0] * scale.x, envelope * v.y * w[1] * scale.y,
                     envelope * v.z * w[2] * scale.z, envelope * v.w * w[3] * scale.w);
        } else {
          total[0] = fmaf(envelope * v.x, w[0], total[0]);
          total[1] = fmaf(envelope * v.y, w[1], total[1]);
          total[2] = fmaf(envelope * v.z, w[2], total[2]);
          total[3] = fmaf(envelope * v.w, w[3], total[3]);
        }
      }
    if constexpr (!Scatter) {
      const float all = sumOverRows(total, lane);
      if (!(lane & 4)) net.sums[16 * n + columnOf(lane)] += all;
    }
  }
}

// m_i = Σ_j y_j ⊙ W(r_ij); with gradM for y, over the first edges of each row, the reverse pass
// of those whose slope their pair's other row computes.
template <int Format, int K, int F, int Activation, bool Stored, bool Scatter, bool Resident>
__global__ void __launch_bounds__(32 * warpsPerBlock<Format, F>, 1) flashForward(FlashForward a) {
  extern __shared__ uint4 shared[];
  const Network net = stage<Format, K, F, Resident>(a.network, a.basis, shared);
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = blockDim.x >> 5;
  for (int i = blockIdx.x + gridDim.x * warp; i < a.atoms; i += gridDim.x * warps) {
    const int first = a.rowStart[i], count = a.end[i];
    if constexpr (!Scatter)
      for (int f = lane; f < F; f += 32) net.sums[f] = 0;
    __syncwarp();
    int e = 0;
    for (; e + 16 < count; e += 32)
      forwardTile<Format, K, F, Activation, Stored, Scatter, 2>(a, net, i, first + e, count - e);
    if (e < count)
      forwardTile<Format, K, F, Activation, Stored, Scatter, 1>(a, net, i, first + e, count - e);
    __syncwarp();
    if constexpr (!Scatter)
      for (int f = lane; f < F; f += 32)
        a.m[static_cast<long long>(i) * F + f] = net.sums[f] * a.network.scale2[f];
    __syncwarp();
  }
}

__device__ __forceinline__ float pairDot(float4 yi, float4 gi, float4 yj, float4 gj,
                                         const float (&w)[4], const float (&dw)[4], float& slope,
                                         float value) {
  const float p0 = fmaf(yi.x, gj.x, yj.x * gi.x), p1 = fmaf(yi.y, gj.y, yj.y * gi.y);
  const float p2 = fmaf(yi.z, gj.z, yj.z * gi.z), p3 = fmaf(yi.w, gj.w, yj.w * gi.w);
  slope = fmaf(dw[0], p0, fmaf(dw[1], p1, fmaf(dw[2], p2, fmaf(dw[3], p3, slope))));
  return fmaf(w[0], p0, fmaf(w[1], p1, fmaf(w[2], p2, fmaf(w[3], p3, value))));
}

// Edges first .. first+count-1 (count <= 16) of row i: adds gradM_j ⊙ W to net.sums (or with
// Scatter to gradY_i), and Σ W'·(y_i gradM_j + y_j gradM_i) to the pair's slope.
template <int Format, int K, int F, int Activation, bool Stored, bool Scatter>
__device__ __forceinline__ void reverseTile(const FlashReverse& a, const Network& net, int i,
                                            int first, int count) {
  const int lane = threadIdx.x & 31, g = lane >> 2, q = lane & 3;
  const int mine = lane < count && lane < 16 ? first + lane : first;
  const EdgeScalars edge = edgeScalars(a.basis, a.distance[mine]);
  const int column = a.neighbor[mine];
  float c[2], dc[2], t[2], dt[2];
  long long other[2];
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const int row = 8 * h + g;
    c[h] = __shfl_sync(~0u, lane < count ? edge.c : 0.f, row);
    dc[h] = __shfl_sync(~0u, lane < count ? edge.dc : 0.f, row);
    t[h] = __shfl_sync(~0u, edge.t, row);
    dt[h] = __shfl_sync(~0u, edge.dt, row);
    other[h] = static_cast<long long>(__shfl_sync(~0u, column, row)) * F + 4 * q;
  }
  unsigned phi[2][K / 16][operandRegisters<Format>];  // φ, then ℓφ'
#pragma unroll
  for (int k = 0; k < K / 16; ++k) {
    const float4 center = load4(net.centers + 16 * k + 4 * q);
    const float4 width = load4(net.widths + 16 * k + 4 * q);
    const float at[4] = {center.x, center.y, center.z, center.w};
    const float by[4] = {width.x, width.y, width.z, width.w};
    float v[2][4], dv[2][4];
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      if constexpr (Stored) {
        const long long from = static_cast<long long>(first + min(8 * h + g, count - 1)) * K;
        const float4 s = load4(a.stored + from + 16 * k + 4 * q);
        const float4 d = load4(a.storedSlope + from + 16 * k + 4 * q);
        const float u = a.basis.factor, l = u * a.basis.tangentLength;
        v[h][0] = s.x * u, v[h][1] = s.y * u, v[h][2] = s.z * u, v[h][3] = s.w * u;
        dv[h][0] = d.x * l, dv[h][1] = d.y * l, dv[h][2] = d.z * l, dv[h][3] = d.w * l;
      } else {
        const float top = c[h] * a.basis.factor, dtop = dc[h] * a.basis.factor;
        const float inner = -1.3862943611198906f * top * dt[h];  // 2 ln 2: widths are in log2(e)
#pragma unroll
        for (int n = 0; n < 4; ++n) {
          const float x = t[h] - at[n], u = by[n] * x, e = exp2Fast(-u * x);
          v[h][n] = top * e;
          dv[h][n] = e * fmaf(inner, u, dtop);
        }
      }
    }
    packOperand<Format>(phi[0][k], v[0], v[1]);
    packOperand<Format>(phi[1][k], dv[0], dv[1]);
  }
  const float tangentUnit = a.network.slopeFactor / ActivateOf<Format, Activation>::unit;
  unsigned hidden[2][F / 16][operandRegisters<Format>];
  typename Accumulator<Format>::Type sum[2][2][4];
#pragma unroll
  for (int n = 0; n < F / 16; ++n) {
    multiplyChunk<Format, 2, K / 16>(sum, phi,
                                     net.words1 + n * (K / 32) * wordsPer32<Format> * 32 + lane);
    float scale[4], bias[4], tangentScale[4];
    load4(net.scale1 + 16 * n + 4 * q, scale);
    load4(net.bias1 + 16 * n + 4 * q, bias);
#pragma unroll
    for (int k = 0; k < 4; ++k) tangentScale[k] = scale[k] * tangentUnit;
    float x[4], dx[4], v[2][4], dv[2][4];
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      rowOf(sum[0], h, x);
      rowOf(sum[1], h, dx);
      activate4<Format, Activation>(x, dx, scale, bias, tangentScale, a.network.hiddenFactor, v[h],
                                    dv[h]);
    }
    packOperand<Format>(hidden[0][n], v[0], v[1]);
    packOperand<Format>(hidden[1][n], dv[0], dv[1]);
  }
  float value[2] = {}, slope[2] = {};  // Σ w·p and Σ w'·p of rows g and g+8
  const long long own = static_cast<long long>(i) * F + 4 * q;
#pragma unroll 1
  for (int n = 0; n < F / 16; ++n) {
    float4 yj[2], gj[2];
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      yj[h] = load4(a.y + other[h] + 16 * n);
      gj[h] = load4(a.gradM + other[h] + 16 * n);
    }
    const float4 scale = load4(a.network.scale2 + 16 * n + 4 * q);
    float4 yi = load4(a.y + own + 16 * n), gi = load4(a.gradM + own + 16 * n);
    yi.x *= scale.x, yi.y *= scale.y, yi.z *= scale.z, yi.w *= scale.w;
    gi.x *= scale.x, gi.y *= scale.y, gi.z *= scale.z, gi.w *= scale.w;
    multiplyChunk<Format, 2, F / 16>(sum, hidden,
                                     net.words2 + n * (F / 32) * wordsPer32<Format> * 32 + lane);
    float total[4] = {};
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      float w[4], dw[4];
      rowOf(sum[0], h, w);
      rowOf(sum[1], h, dw);
      value[h] = pairDot(yi, gi, yj[h], gj[h], w, dw, slope[h], value[h]);
      if constexpr (Scatter) {
        if (a.gradY && 8 * h + g < count)
          scatter4(a.gradY + own + 16 * n, c[h] * w[0] * gj[h].x * scale.x,
                   c[h] * w[1] * gj[h].y * scale.y, c[h] * w[2] * gj[h].z * scale.z,
                   c[h] * w[3] * gj[h].w * scale.w);
      } else {
        total[0] = fmaf(c[h] * gj[h].x, w[0], total[0]);
        total[1] = fmaf(c[h] * gj[h].y, w[1], total[1]);
        total[2] = fmaf(c[h] * gj[h].z, w[2], total[2]);
        total[3] = fmaf(c[h] * gj[h].w, w[3], total[3]);
      }
    }
    if constexpr (!Scatter) {
      const float all = sumOverRows(total, lane);
      if (!(lane & 4)) net.sums[16 * n + columnOf(lane)] += all;
    }
  }
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    float s = c[h] * a.network.slopeUnit * slope[h];
    // dc carries ℓ.
    if (a.envelopeGradient) s = fmaf(dc[h] / a.basis.tangentLength, value[h], s);
    s += __shfl_xor_sync(~0u, s, 1);
    s += __shfl_xor_sync(~0u, s, 2);
    const int row = 8 * h + g;
    if (q == 0 && row < count) a.slope[first + row] = a.add ? a.slope[first + row] + s : s;
  }
}

// gradY_i += Σ_j gradM_j ⊙ W(r_ij) over the edges whose slope the row owns, and their dE/dr.
template <int Format, int K, int F, int Activation, bool Stored, bool Scatter, bool Resident>
__global__ void __launch_bounds__(32 * warpsPerBlock<Format, F>, 1) flashReverse(FlashReverse a) {
  extern __shared__ uint4 shared[];
  const Network net = stage<Format, K, F, Resident>(a.network, a.basis, shared);
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = blockDim.x >> 5;
  for (int i = blockIdx.x + gridDim.x * warp; i < a.atoms; i += gridDim.x * warps) {
    const int first = a.rowStart[i], count = a.end[i];
    if constexpr (!Scatter)
      for (int f = lane; f < F; f += 32) net.sums[f] = 0;
    __syncwarp();
    for (int e = a.begin[i]; e < count; e += 16)
      reverseTile<Format, K, F, Activation, Stored, Scatter>(a, net, i, first + e, count - e);
    __syncwarp();
    if constexpr (!Scatter)
      if (a.gradY)
        for (int f = lane; f < F; f += 32)
          a.gradY[static_cast<long long>(i) * F + f] += net.sums[f] * a.network.scale2[f];
    __syncwarp();
  }
}

}  // namespace mdlab

#include "cuda/mma.h"
#include "models/schnet/baseline.cuda.h"
#include "models/schnet/edge-geometry.cuda.h"
#include "models/schnet/elementary.cuda.h"

// One operation of a deep-learning framework per kernel: each reads whole edge arrays from device
// memory and writes one. Floor of each: its bytes; at 64 x 269 beads one (edges,128) float array is
// 1.3 GB, 0.3 ms to read or write. Of that memory's peak one H200 reaches (counters of ncu, 2.46 M
// edges): operations on whole arrays 81 to 87 %; gathers 63 and differences 67, which only write;
// segment sums 75 to 83; sums over channels 53, a warp's shuffles between its loads; geometry 36
// and the slope of an edge 62, small and soon over. The envelope, 16, and the basis in one pass, 26
// and in reverse 19, are bound by the instructions of sines and exponentials: two thirds to three
// quarters of all that can be issued. Scatters, 9 and of forces 8, wait for atomics on 17,216 rows
// in the second-level cache, as a framework's do.
namespace mdlab {

struct HalfBits {
  unsigned short bits;
};

__device__ __forceinline__ float4 loadFour(const float* p) {
  return *reinterpret_cast<const float4*>(p);
}
__device__ __forceinline__ float4 loadFour(const HalfBits* p) {
  const uint2 u = *reinterpret_cast<const uint2*>(p);
  float4 v;
  unpackHalf(u.x, v.x, v.y);
  unpackHalf(u.y, v.z, v.w);
  return v;
}
__device__ __forceinline__ void storeFour(float* p, float4 v) { *reinterpret_cast<float4*>(p) = v; }
__device__ __forceinline__ float withinHalf(float x) { return fminf(fmaxf(x, -65504.f), 65504.f); }
__device__ __forceinline__ void storeFour(HalfBits* p, float4 v) {
  *reinterpret_cast<uint2*>(p) = make_uint2(packHalf(withinHalf(v.x), withinHalf(v.y)),
                                            packHalf(withinHalf(v.z), withinHalf(v.w)));
}

template <int Op, int Activation, class S>
__device__ __forceinline__ float apply(float a, float b, float e, float e2, float e3, float e4,
                                       float c, float c2) {
  using A = Activate<Activation>;
  if constexpr (Op == edgeop::product) return a * b;
  if constexpr (Op == edgeop::scale) return a * e * c;
  if constexpr (Op == edgeop::activate) return A::value(A::unit * fmaf(a, c, c2));
  if constexpr (Op == edgeop::activateReverse) {
    if constexpr (Activation == 0) return a * fmaf(-b, b, 1.f) * c;
    float slope;
    A::value(A::unit * fmaf(b, c, c2), slope);
    return a * slope * c;
  }
  if constexpr (Op == edgeop::difference) return e - c;
  if constexpr (Op == edgeop::gaussian) return exp2Fast(-c2 * a * a);
  constexpr float twoLn2 = 1.3862943611198906f;  // widths are times log2(e)
  if constexpr (Op == edgeop::gaussianReverse) return -twoLn2 * c2 * (e2 - c) * a * b * e;
  if constexpr (Op == edgeop::basisSlope) return b * (e3 - twoLn2 * e * c2 * (e2 - c) * e4);
  return a;
}

// Blocks of (width/4, edges) threads, four channels each.
template <int Op, int Activation, class S>
__global__ void __launch_bounds__(256) edgeOperation(EdgeOperation o) {
  const long long e = static_cast<long long>(blockIdx.x) * blockDim.y + threadIdx.y;
  if (e >= *o.edges) return;
  for (int f = 4 * threadIdx.x; f < o.width; f += 4 * blockDim.x) {
    const long long at = e * o.width + f;
    const float4 none = make_float4(0, 0, 0, 0), one = make_float4(1, 1, 1, 1);
    constexpr bool readsA =
        Op != edgeop::gather && Op != edgeop::difference && Op != edgeop::basisSlope;
    constexpr bool readsB = Op == edgeop::product || Op == edgeop::activateReverse ||
                            Op == edgeop::gaussianReverse || Op == edgeop::basisSlope;
    float4 a = none, b = none;
    if constexpr (Op == edgeop::gather) a = loadFour(o.rows + o.index[e] * o.width + f);
    if constexpr (readsA) a = loadFour(static_cast<const S*>(o.a) + at);
    if constexpr (readsB) b = loadFour(static_cast<const S*>(o.b) + at);
    const float4 c = o.channel ? loadFour(o.channel + f) : one;
    const float4 c2 = o.channel2 ? loadFour(o.channel2 + f) : none;
    const float e1 = o.perEdge ? o.perEdge[e] : 1.f, e2 = o.perEdge2 ? o.perEdge2[e] : 0.f,
                e3 = o.perEdge3 ? o.perEdge3[e] : 0.f, e4 = o.perEdge4 ? o.perEdge4[e] : 0.f;
    float4 v;
    v.x = apply<Op, Activation, S>(a.x, b.x, e1, e2, e3, e4, c.x, c2.x);
    v.y = apply<Op, Activation, S>(a.y, b.y, e1, e2, e3, e4, c.y, c2.y);
    v.z = apply<Op, Activation, S>(a.z, b.z, e1, e2, e3, e4, c.z, c2.z);
    v.w = apply<Op, Activation, S>(a.w, b.w, e1, e2, e3, e4, c.w, c2.w);
    storeFour(static_cast<S*>(o.out) + at, v);
  }
}

template <class S>
__global__ void __launch_bounds__(256) edgeSum(EdgeSum a) {
  const long long e = (static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x) >> 5;
  const int lane = threadIdx.x & 31;
  if (e >= *a.edges) return;
  float sum = 0;
  for (int f = 4 * lane; f < a.width; f += 128) {
    const float4 v = loadFour(static_cast<const S*>(a.a) + e * a.width + f);
    const float4 c = a.channel ? loadFour(a.channel + f) : make_float4(1, 1, 1, 1);
    sum += v.x * c.x + v.y * c.y + v.z * c.z + v.w * c.w;
  }
  sum = warpSum(sum);
  if (lane == 0) a.out[e] = a.add ? a.out[e] + sum : sum;
}

// out[index[e]] += a[e] by atomics, in no fixed order: the one place where bits may differ between
// runs.
template <class S>
__global__ void __launch_bounds__(256) edgeScatter(EdgeAggregate a) {
  const long long e = static_cast<long long>(blockIdx.x) * blockDim.y + threadIdx.y;
  if (e >= *a.edges) return;
  float* to = a.out + a.index[e] * a.width;
  for (int f = 4 * threadIdx.x; f < a.width; f += 4 * blockDim.x) {
    const float4 v = loadFour(static_cast<const S*>(a.a) + e * a.width + f);
    atomicAdd(to + f, v.x);
    atomicAdd(to + f + 1, v.y);
    atomicAdd(to + f + 2, v.z);
    atomicAdd(to + f + 3, v.w);
  }
}

// out[row] = Σ a over the row's entries: a warp per row, in the list's order.
template <class S>
__global__ void __launch_bounds__(256) edgeSegments(EdgeAggregate a) {
  const int row = (blockIdx.x * blockDim.x + threadIdx.x) >> 5, lane = threadIdx.x & 31;
  if (row >= a.atoms) return;
  const int first = a.rowStart[row], last = a.rowStart[row + 1];
  for (int f = 4 * lane; f < a.width; f += 128) {
    float4 sum = make_float4(0, 0, 0, 0);
#pragma unroll 4
    for (int k = first; k < last; ++k) {
      const long long e = a.order ? a.order[k] : k;
      const float4 v = loadFour(static_cast<const S*>(a.a) + e * a.width + f);
      sum.x += v.x, sum.y += v.y, sum.z += v.z, sum.w += v.w;
    }
    storeFour(a.out + static_cast<long long>(row) * a.width + f, sum);
  }
}

// The entry of row j that is the pair of entry e of row i: same pair, opposite shift.
__device__ int transposedEntry(const DeviceListView& list, int i, int e) {
  const int j = list.column[e];
  int low = list.rowStart[j], high = list.rowStart[j + 1];
  const int end = high;
  while (low < high) {
    const int middle = (low + high) / 2;
    if (list.column[middle] < i)
      low = middle + 1;
    else
      high = middle;
  }
  if (!list.shift) return low;
  const DeviceShift s = list.shift[e];
  for (; low < end && list.column[low] == i; ++low) {
    const DeviceShift t = list.shift[low];
    if (t.x == -s.x && t.y == -s.y && t.z == -s.z) break;
  }
  return low;
}

__global__ void __launch_bounds__(256) edgeGeometry(EdgeGeometry a) {
  const int i = (blockIdx.x * blockDim.x + threadIdx.x) >> 5, lane = threadIdx.x & 31;
  if (i >= a.batch.atoms) return;
  for (int e = a.list.rowStart[i] + lane; e < a.list.rowStart[i + 1]; e += 32) {
    double d[3];
    const double r = displacement(a.batch, a.list, a.unit, i, e, d);
    const bool inside = r < a.upper && (a.lower <= 0 || r > a.lower);
    a.i[e] = i;
    a.j[e] = a.list.column[e];
#pragma unroll
    for (int k = 0; k < 3; ++k) a.d[3LL * e + k] = static_cast<float>(d[k]);
    a.r[e] = inside ? static_cast<float>(r) : static_cast<float>(a.upper);
    if (a.transposed) a.transposed[e] = transposedEntry(a.list, i, e);
  }
}

__device__ __forceinline__ void envelopeAndArgument(const EdgeBasis& a, float r, float& c,
                                                    float& dc, float& t, float& dt) {
  float s, x;
  sincospif(fmaf(a.slope, r, a.start), &s, &x);
  const bool inside = r < a.upper;
  c = inside ? x * x : 0.f;
  dc = inside ? a.slopeOfR * s * x : 0.f;
  t = a.expNormal ? expf(a.alpha * (a.lower - r)) : r;
  dt = a.expNormal ? -a.alpha * t : 1.f;
}

__global__ void __launch_bounds__(256) edgeEnvelope(EdgeBasis a) {
  const long long e = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (e >= *a.edges) return;
  float c, dc, t, dt;
  envelopeAndArgument(a, a.r[e], c, dc, t, dt);
  if (a.envelope) a.envelope[e] = c;
  if (a.argument) a.argument[e] = t;
  if (a.envelopeSlope) a.envelopeSlope[e] = dc;
  if (a.argumentSlope) a.argumentSlope[e] = dt;
}

// Technique 1: envelope and basis of an edge, or dE/dr from their gradients, in one pass. A warp
// per edge.
template <class S, bool Reverse>
__global__ void __launch_bounds__(256) edgeBasis(EdgeBasis a) {
  const long long e = (static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x) >> 5;
  const int lane = threadIdx.x & 31;
  if (e >= *a.edges) return;
  float c, dc, t, dt, sum = 0;
  envelopeAndArgument(a, a.r[e], c, dc, t, dt);
  const float inner = -1.3862943611198906f * c * dt;
  for (int k = 4 * lane; k < a.width; k += 128) {
    const float4 center = loadFour(a.centers + k), width = loadFour(a.widths + k);
    const float at[4] = {center.x, center.y, center.z, center.w};
    const float by[4] = {width.x, width.y, width.z, width.w};
    float v[4];
#pragma unroll
    for (int n = 0; n < 4; ++n) {
      const float x = t - at[n], u = by[n] * x, g = exp2Fast(-u * x);
      v[n] = Reverse ? g * fmaf(inner, u, dc) : c * g;
    }
    if constexpr (Reverse) {
      const float4 g = loadFour(static_cast<const S*>(a.gradBasis) + e * a.width + k);
      sum += g.x * v[0] + g.y * v[1] + g.z * v[2] + g.w * v[3];
    } else {
      storeFour(static_cast<S*>(a.basis) + e * a.width + k, make_float4(v[0], v[1], v[2], v[3]));
    }
  }
  if constexpr (Reverse) {
    sum = warpSum(sum);
    if (lane == 0) a.gradR[e] = a.envelopeGradient ? fmaf(a.gradEnvelope[e], dc, sum) : sum;
  } else if (lane == 0) {
    a.envelope[e] = c;
  }
}

__global__ void __launch_bounds__(256) edgeSlope(EdgeSlope a) {
  const long long e = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (e >= *a.edges) return;
  const float outer = a.envelopeGradient ? a.gradEnvelope[e] * a.envelopeSlope[e] : 0.f;
  a.gradR[e] = fmaf(a.gradArgument[e], a.argumentSlope[e], outer);
}

// f_i += (dE/dr) d/r, f_j −= the same, W −= (dE/dr) d⊗d/r, by atomics.
__global__ void __launch_bounds__(256) edgeForcesScatter(EdgeForces a) {
  const long long e = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (e >= *a.edges) return;
  const double d[3] = {a.d[3 * e], a.d[3 * e + 1], a.d[3 * e + 2]};
  const double s = static_cast<double>(a.gradR[e]) / a.r[e];
  if (s == 0) return;
#pragma unroll
  for (int k = 0; k < 3; ++k) {
    if (a.forces) {
      atomicAdd(a.forces + 3 * a.i[e] + k, s * d[k] * a.forceUnit);
      atomicAdd(a.forces + 3 * a.j[e] + k, -s * d[k] * a.forceUnit);
    }
    if (a.virial)
#pragma unroll
      for (int q = 0; q < 3; ++q)
        atomicAdd(a.virial + 9LL * a.batch.systemOf[a.i[e]] + 3 * k + q,
                  -s * d[k] * d[q] * a.energyUnit);
  }
}

// The same by rows: each directed edge with its transposed entry, in order.
__global__ void __launch_bounds__(256) edgeForcesSegments(EdgeForces a) {
  const int i = (blockIdx.x * blockDim.x + threadIdx.x) >> 5, lane = threadIdx.x & 31;
  if (i >= a.batch.atoms) return;
  double f[3] = {}, w[6] = {};
  for (long long e = a.rowStart[i] + lane; e < a.rowStart[i + 1]; e += 32) {
    const double s = (static_cast<double>(a.gradR[e]) + a.gradR[a.transposed[e]]) / a.r[e];
    const double d[3] = {a.d[3 * e], a.d[3 * e + 1], a.d[3 * e + 2]};
    const double x = s * d[0], y = s * d[1], z = s * d[2];
    f[0] += x, f[1] += y, f[2] += z;
    w[0] -= x * d[0], w[1] -= y * d[1], w[2] -= z * d[2];
    w[3] -= x * d[1], w[4] -= x * d[2], w[5] -= y * d[2];
  }
#pragma unroll
  for (int k = 0; k < 3; ++k) f[k] = warpSum(f[k]);
#pragma unroll
  for (int k = 0; k < 6; ++k) w[k] = warpSum(w[k]);
  if (lane != 0) return;
  if (a.forces)
    for (int k = 0; k < 3; ++k) a.forces[3LL * i + k] += f[k] * a.forceUnit;
  if (a.rows)
    for (int k = 0; k < 6; ++k) a.rows[6LL * i + k] = 0.5 * w[k] * a.energyUnit;
}

}  // namespace mdlab

#pragma once
// Device code only: what a warp that plays a tournament (tournament.cuda.h) keeps and does for each
// column of pairs.
#include "cuda/handover.h"
#include "cuda/warp.h"
#include "models/schnet/spline-filter.h"
#include "models/schnet/tournament.cuda.h"

namespace mdlab {

// The warp's number in its block, such that the compiler knows it is the same in all lanes and
// branches on what follows from it need no care for divergence.
__device__ inline int evenWarp() { return __shfl_sync(wholeWarp, warpOf(), 0); }

struct Player {
  int system, team, first, atoms;  // of the system in the batch
  float* sums;                     // of the system's first atom, at the lane's channels
  int stride;                      // from one atom's sums to the next's
};

// What R rows of C columns need of the table, worked out by one lane each and read by all. Lane
// r C + c has row r of column c.
template <int R, int C, bool WithSlope>
struct Prepared {
  static constexpr int padded = (R + 3) / 4 * 4;
  float4 weights[(WithSlope ? 2 : 1) * R * C];  // of values, then of slopes
  int row[C][padded];                           // of the table, in bytes

  __device__ const float4& value(int r, int c) const { return weights[r * C + c]; }
  __device__ const float4& slope(int r, int c) const { return weights[(R + r) * C + c]; }
  template <int N>
  __device__ void set(unsigned place) {
    const int lane = laneOf();
    if (lane >= R * C) return;
    const SplineWeights w = splineWeights(place);
    weights[lane] = make_float4(w.b[0], w.b[1], w.b[2], w.b[3]);
    if constexpr (WithSlope) weights[R * C + lane] = make_float4(w.d[0], w.d[1], w.d[2], w.d[3]);
    row[lane % C][lane / C] = static_cast<int>(place >> splineFractionBits) * (128 * N);
  }
  __device__ void rowsOf(int column, int (&to)[padded]) const {
#pragma unroll
    for (int r = 0; r < padded; r += 4) {
      const int4 four = *reinterpret_cast<const int4*>(&row[column][r]);
      to[r] = four.x;
      to[r + 1] = four.y;
      to[r + 2] = four.z;
      to[r + 3] = four.w;
    }
  }
};

// What a block keeps in shared memory: the table's slice, sums where there is room, the warps'
// prepared pairs, and what the teams tell each other.
template <int N, class Own>
struct Shared {
  float *table, *sums;
  Own* own;
  Handover handover;
  template <class Arguments>
  __device__ Shared(const Arguments& a, int warp, float4* memory)
      : table(reinterpret_cast<float*>(memory)),
        sums(table + (a.rows - Tournament::tableTail) * 32 * N),
        own(reinterpret_cast<Own*>(sums + (a.sumsShared ? sumFloats(a) : 0)) + warp),
        handover(own - warp + blockDim.x / 32) {}
  template <class Arguments>
  static __device__ int sumFloats(const Arguments& a) {
    return a.together * a.places.tournament.teams * Tournament::members * 32 * N;
  }
};

// Whom the warp plays for; sums start from zero.
template <int N, class Arguments>
__device__ Player playerOf(const Arguments& a, int warp, float* sharedSums, int channel) {
  const int teams = a.places.tournament.teams, own = warp / teams;
  Player p{static_cast<int>(blockIdx.x) / a.slices * a.together + own, warp % teams, 0, 0};
  if (p.system < a.batch.systems) {
    p.first = a.batch.offsets[p.system];
    p.atoms = a.batch.offsets[p.system + 1] - p.first;
  }
  if (a.sumsShared) {
    p.sums = sharedSums + own * teams * Tournament::members * 32 * N + laneOf() * N;
    p.stride = 32 * N;
  } else {
    p.sums = a.to + static_cast<long long>(p.first) * a.features + channel;
    p.stride = a.features;
  }
  if (a.to)
    for (int i = p.team; i < p.atoms; i += teams) store(p.sums + i * p.stride, Channels<N>{});
  return p;
}

template <int N>
__device__ Channels<N> plus(Channels<N> a, const Channels<N>& b) {
#pragma unroll
  for (int k = 0; k < N; ++k) a.c[k] += b.c[k];
  return a;
}

template <int N>
__device__ Channels<N> combine(const float4& w, const Channels<N> (&tap)[4]) {
  const float weights[4] = {w.x, w.y, w.z, w.w};
  return combine<N>(weights, tap);
}

template <int N>
__device__ void tapsAt(const float* lane, int bytes, Channels<N> (&tap)[4]) {
  const float* row = reinterpret_cast<const float*>(reinterpret_cast<const char*>(lane) + bytes);
#pragma unroll
  for (int k = 0; k < 4; ++k) tap[k] = load<N>(row + k * 32 * N);
}

// Calls evaluate(r, coefficients) for the rows r whose bit r C is set. Rows are taken G at a time
// where all are there, so that their coefficients come together.
template <int N, int R, int C, int G, int P, class Evaluate>
__device__ __forceinline__ void eachWithin(unsigned within, const float* lane, const int (&row)[P],
                                           const Evaluate& evaluate) {
#pragma unroll
  for (int first = 0; first < R; first += G) {
    const int last = first + G < R ? first + G : R;
    unsigned group = 0;
#pragma unroll
    for (int r = first; r < last; ++r) group |= 1u << r * C;
    if (last - first > 1 && (within & group) == group) {
      Channels<N> tap[G][4];
#pragma unroll
      for (int r = first; r < last; ++r) tapsAt<N>(lane, row[r], tap[r - first]);
#pragma unroll
      for (int r = first; r < last; ++r) evaluate(r, tap[r - first]);
    } else if (last - first == 1 || within & group) {
#pragma unroll
      for (int r = first; r < last; ++r) {
        if (!(within & 1u << r * C)) continue;
        Channels<N> tap[4];
        tapsAt<N>(lane, row[r], tap);
        evaluate(r, tap);
      }
    }
  }
}

// The team's own rows from `first` on: no one else's until the next rows' second round. All threads
// of the block call it.
template <int N, int R>
__device__ __forceinline__ void addOwnRows(const Player& p, int teams, int first,
                                           const Channels<N> (&sum)[R]) {
  __syncthreads();
#pragma unroll
  for (int r = 0; r < R; ++r) {
    const int i = p.team + teams * (first + r);
    float* to = p.sums + i * p.stride;
    if (i < p.atoms) store(to, plus(load<N>(to), sum[r]));
  }
}

// Each team writes its members' sums, where they are not there yet.
template <int N, class Arguments>
__device__ void writeSums(const Arguments& a, const Player& p, int channel) {
  if (!a.sumsShared) return;
  for (int i = p.team; i < p.atoms; i += a.places.tournament.teams)
    store(a.to + static_cast<long long>(p.first + i) * a.features + channel,
          load<N>(p.sums + i * p.stride));
}

// Sums of n values over all lanes at once: each step halves what a lane holds while it doubles what
// it has summed. The lane gets the total of value[summedBy<n>(lane)].
template <int n, int bit = 16>
__device__ float sumsOver(const float* value) {
  if constexpr (bit == 0) {
    return value[0];
  } else {
    constexpr int half = (n + 1) / 2;
    const bool upper = laneOf() & bit;
    float kept[half];
#pragma unroll
    for (int k = 0; k < half; ++k) {
      if (k + half < n) {
        const float mine = upper ? value[k + half] : value[k];
        const float give = upper ? value[k] : value[k + half];
        kept[k] = mine + __shfl_xor_sync(wholeWarp, give, bit);
      } else {
        kept[k] = value[k] + __shfl_xor_sync(wholeWarp, value[k], bit);
      }
    }
    return sumsOver<half, bit / 2>(kept);
  }
}
template <int n, int bit = 16>
__device__ int summedBy(int lane) {
  if constexpr (bit == 0) {
    return 0;
  } else {
    constexpr int half = (n + 1) / 2;
    const int k = summedBy<half, bit / 2>(lane);
    return lane & bit && k + half < n ? k + half : k;
  }
}

}  // namespace mdlab

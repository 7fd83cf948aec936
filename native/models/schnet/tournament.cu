#include "cuda/warp.h"
#include "models/schnet/spline-filter.h"
#include "models/schnet/tournament.cuda.h"

// The table pipeline for batches of small open systems: every pair is evaluated once, for both of
// its atoms. A block holds one slice of the channels of a filter table in shared memory, and the
// sums of its systems where there is room; a warp is a team (tournament.cuda.h), with its members'
// features and sums in registers, and meets another team's members one by one, whose sums it alone
// touches in that round. No atomics, one fixed order: two runs give the same bits.
//
// What bounds it, per pair within the cutoff and 64 channels: the load unit moves 4 coefficients of
// 256 bytes at 128 bytes a cycle, and one word for the place: 9 cycles of a multiprocessor; and
// about 50 instructions forward and 90 in reverse, columns' share included, at 4 a cycle: 13 and 23
// cycles. Measured on one H200, 64 systems of 269 atoms: 20 and 41 cycles (24 where no gradient of
// the features is wanted, which needs no order among the teams): waiting for the slowest team of
// each round and for a pair's own loads probably holds the rest (inferred, not profiled).
namespace mdlab {
namespace {

struct Player {
  int system, team, first, atoms;  // of the system in the batch
  float* sums;                     // of the system's first atom, at the lane's channels
  int stride;                      // from one atom's sums to the next's
};

// Whom the warp plays for; sums start from zero.
template <int N, class Arguments>
__device__ Player playerOf(const Arguments& a, float* sharedSums, int channel) {
  const int teams = a.places.tournament.teams, own = warpOf() / teams;
  Player p{static_cast<int>(blockIdx.x) / a.slices * a.together + own, warpOf() % teams, 0, 0};
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

// Places of R rows of one column.
template <int R>
struct Places {
  unsigned of[R];
  __device__ explicit Places(const unsigned* from) {
#pragma unroll
    for (int k = 0; k < R / 4; ++k) {
      const uint4 four = reinterpret_cast<const uint4*>(from)[k];
      of[4 * k] = four.x;
      of[4 * k + 1] = four.y;
      of[4 * k + 2] = four.z;
      of[4 * k + 3] = four.w;
    }
  }
};

template <int N>
__device__ Channels<N> plus(Channels<N> a, const Channels<N>& b) {
#pragma unroll
  for (int k = 0; k < N; ++k) a.c[k] += b.c[k];
  return a;
}

// Each team writes its members' sums, where they are not there yet.
template <int N, class Arguments>
__device__ void writeSums(const Arguments& a, const Player& p, int channel) {
  if (!a.sumsShared) return;
  for (int i = p.team; i < p.atoms; i += a.places.tournament.teams)
    store(a.to + static_cast<long long>(p.first + i) * a.features + channel,
          load<N>(p.sums + i * p.stride));
}

}  // namespace

// A block per tile, a thread per pair.
__global__ void __launch_bounds__(Tournament::tile) tournamentBegin(TournamentBegin a) {
  const int teams = a.places.tournament.teams, rounds = a.places.tournament.rounds();
  const int round = blockIdx.x % rounds, team = blockIdx.x / rounds % teams;
  const int system = blockIdx.x / (rounds * teams);
  const int first = a.batch.offsets[system], atoms = a.batch.offsets[system + 1] - first;
  const int r = threadIdx.x % Tournament::members, c = threadIdx.x / Tournament::members;
  const int i = team + teams * r, j = (team + round) % teams + teams * c;
  unsigned place = splineNowhere;
  if (i < atoms && j < atoms && (round > 0 || r < c)) {
    const double *xi = a.batch.positions + 3ll * (first + i),
                 *xj = a.batch.positions + 3ll * (first + j);
    const double dx = xj[0] - xi[0], dy = xj[1] - xi[1], dz = xj[2] - xi[2];
    place = splinePlace(a.grid, sqrt(dx * dx + dy * dy + dz * dz));
  }
  a.places.place[static_cast<long long>(blockIdx.x) * Tournament::tile + threadIdx.x] = place;
}

// Members of a team whose features and sums a warp holds at a time. More would leave no registers
// for the four coefficients of a pair to be loaded at once, and each would wait for the one before.
__device__ constexpr int forwardRows(int perLane) { return perLane == 1 ? 16 : 8; }
__device__ constexpr int reverseRows(int perLane, bool withY) {
  return perLane == 2 && withY ? 4 : 8;
}

template <int N>
__global__ void __launch_bounds__(608, 1) tournamentForward(TournamentMessage a) {
  extern __shared__ float4 sharedMemory[];
  constexpr int R = forwardRows(N);
  const int teams = a.places.tournament.teams, rounds = a.places.tournament.rounds();
  const int tableFloats = a.rows * 32 * N, slice = blockIdx.x % a.slices;
  float* table = reinterpret_cast<float*>(sharedMemory);
  copyTable(table, a.table + static_cast<long long>(slice) * tableFloats, tableFloats);
  const float* lane = table + laneOf() * N;
  const int channel = slice * 32 * N + laneOf() * N;
  const Player p = playerOf<N>(a, table + tableFloats, channel);
  const float* y = a.from + static_cast<long long>(p.first) * a.features + channel;
#pragma unroll 1
  for (int first = 0; first < Tournament::members; first += R) {
    Channels<N> yi[R], mi[R];
#pragma unroll
    for (int r = 0; r < R; ++r) {
      const int i = p.team + teams * (first + r);
      yi[r] = i < p.atoms ? load<N>(y + static_cast<long long>(i) * a.features) : Channels<N>{};
      mi[r] = {};
    }
    const unsigned* tile = a.places.place + a.places.tileOf(p.system, p.team, 0) + first;
    for (int round = 0; round < rounds; ++round, tile += Tournament::tile) {
      __syncthreads();
      const int met = (p.team + round) % teams;
      if (met >= p.atoms) continue;
      // The next column's places and features travel while this one's pairs are evaluated.
      Places<R> next(tile);
      Channels<N> nextY = load<N>(y + static_cast<long long>(met) * a.features);
#pragma unroll 1
      for (int j = met, c = 0; j < p.atoms; j += teams, ++c) {
        const Places<R> place = next;
        const Channels<N> yj = nextY;
        float* sum = p.sums + j * p.stride;
        const Channels<N> before = load<N>(sum);
        if (j + teams < p.atoms) {
          next = Places<R>(tile + (c + 1) * Tournament::members);
          nextY = load<N>(y + static_cast<long long>(j + teams) * a.features);
        }
        Channels<N> mj{};
#pragma unroll
        for (int r = 0; r < R; ++r) {
          if (place.of[r] == splineNowhere) continue;
          Channels<N> tap[4];
          splineTaps<N>(lane, place.of[r], tap);
          const Channels<N> w = combine(splineWeights(place.of[r]).b, tap);
#pragma unroll
          for (int k = 0; k < N; ++k) {
            mi[r].c[k] = fmaf(w.c[k], yj.c[k], mi[r].c[k]);
            mj.c[k] = fmaf(w.c[k], yi[r].c[k], mj.c[k]);
          }
        }
        store(sum, plus(before, mj));
      }
    }
    // The team's own rows: no one else's until the next rows' second round.
    __syncthreads();
#pragma unroll
    for (int r = 0; r < R; ++r) {
      const int i = p.team + teams * (first + r);
      float* to = p.sums + i * p.stride;
      if (i < p.atoms) store(to, plus(load<N>(to), mi[r]));
    }
  }
  writeSums<N>(a, p, channel);
}

template <int N, bool WithY>
__global__ void __launch_bounds__(608, 1) tournamentReverse(TournamentReverse a) {
  extern __shared__ float4 sharedMemory[];
  constexpr int R = reverseRows(N, WithY), lanesEach = 32 / R;
  const int teams = a.places.tournament.teams, rounds = a.places.tournament.rounds();
  const int tableFloats = a.rows * 32 * N, slice = blockIdx.x % a.slices;
  float* table = reinterpret_cast<float*>(sharedMemory);
  copyTable(table, a.table + static_cast<long long>(slice) * tableFloats, tableFloats);
  __syncthreads();
  const float* lane = table + laneOf() * N;
  const int channel = slice * 32 * N + laneOf() * N;
  const Player p = playerOf<N>(a, table + tableFloats, channel);
  const float* y = a.y + static_cast<long long>(p.first) * a.features + channel;
  const float* g = a.g + static_cast<long long>(p.first) * a.features + channel;
  const bool writes = laneOf() % lanesEach == 0;
#pragma unroll 1
  for (int first = 0; first < Tournament::members; first += R) {
    Channels<N> yi[R], gi[R], sum[R];
#pragma unroll
    for (int r = 0; r < R; ++r) {
      const int i = p.team + teams * (first + r);
      const long long at = static_cast<long long>(i) * a.features;
      yi[r] = i < p.atoms ? load<N>(y + at) : Channels<N>{};
      gi[r] = i < p.atoms ? load<N>(g + at) : Channels<N>{};
      sum[r] = {};
    }
    long long tile = a.places.tileOf(p.system, p.team, 0) + first;
    for (int round = 0; round < rounds; ++round, tile += Tournament::tile) {
      if (WithY) __syncthreads();
      const int met = (p.team + round) % teams;
      if (met >= p.atoms) continue;
      const unsigned* places = a.places.place + tile;
      float* slope = a.slope + slice * a.slopeCount + tile + laneOf() / lanesEach;
      Places<R> next(places);
      Channels<N> nextY = load<N>(y + static_cast<long long>(met) * a.features);
      Channels<N> nextG = load<N>(g + static_cast<long long>(met) * a.features);
#pragma unroll 1
      for (int j = met; j < p.atoms; j += teams, slope += Tournament::members) {
        const Places<R> place = next;
        const Channels<N> yj = nextY, gj = nextG;
        const float before = a.add && writes ? *slope : 0.0f;
        float* rowJ = p.sums + j * p.stride;
        Channels<N> beforeJ{};
        if constexpr (WithY) beforeJ = load<N>(rowJ);
        if (j + teams < p.atoms) {
          const long long at = static_cast<long long>(j + teams) * a.features;
          next = Places<R>(places += Tournament::members);
          nextY = load<N>(y + at);
          nextG = load<N>(g + at);
        }
        Channels<N> sumJ{};
        float part[R];
#pragma unroll
        for (int r = 0; r < R; ++r) {
          part[r] = 0;
          if (place.of[r] == splineNowhere) continue;
          Channels<N> tap[4];
          splineTaps<N>(lane, place.of[r], tap);
          const SplineWeights w = splineWeights(place.of[r]);
          const Channels<N> d = combine(w.d, tap);
#pragma unroll
          for (int k = 0; k < N; ++k)
            part[r] = fmaf(d.c[k], fmaf(yj.c[k], gi[r].c[k], yi[r].c[k] * gj.c[k]), part[r]);
          if constexpr (WithY) {
            const Channels<N> value = combine(w.b, tap);
#pragma unroll
            for (int k = 0; k < N; ++k) {
              sum[r].c[k] = fmaf(value.c[k], gj.c[k], sum[r].c[k]);
              sumJ.c[k] = fmaf(value.c[k], gi[r].c[k], sumJ.c[k]);
            }
          }
        }
        const float total = warpSums(part);
        if (writes) *slope = before + total;
        if constexpr (WithY) store(rowJ, plus(beforeJ, sumJ));
      }
    }
    if constexpr (WithY) {
      // The team's own rows: no one else's until the next rows' second round.
      __syncthreads();
#pragma unroll
      for (int r = 0; r < R; ++r) {
        const int i = p.team + teams * (first + r);
        float* to = p.sums + i * p.stride;
        if (i < p.atoms) store(to, plus(load<N>(to), sum[r]));
      }
    }
  }
  if constexpr (WithY) writeSums<N>(a, p, channel);
}

// A warp per atom: the slopes of its pairs along their directions, in double.
__global__ void __launch_bounds__(128) tournamentFinish(TournamentFinish a) {
  const int atom = blockIdx.x * 4 + warpOf(), lane = laneOf();
  if (atom >= a.batch.atoms) return;
  const int system = a.batch.systemOf[atom], first = a.batch.offsets[system];
  const int atoms = a.batch.offsets[system + 1] - first, i = atom - first;
  const int teams = a.places.tournament.teams, rounds = a.places.tournament.rounds();
  const double* x = a.batch.positions + 3ll * first;
  const double xi = x[3 * i], yi = x[3 * i + 1], zi = x[3 * i + 2];
  const int team = i % teams, member = i / teams;
  double f[3] = {}, w[6] = {};
  for (int k = lane; k < teams * Tournament::members; k += 32) {
    // Sixteen members of one team side by side, whose pairs lie together.
    const int other = k / Tournament::members, c = k % Tournament::members, j = other + teams * c;
    if (j >= atoms || j == i) continue;
    const int round = (other - team + teams) % teams;
    const bool own = round == 0 ? member < c : round < rounds;
    const long long at =
        own ? a.places.tileOf(system, team, round) + c * Tournament::members + member
            : a.places.tileOf(system, other, round == 0 ? 0 : teams - round) +
                  member * Tournament::members + c;
    if (a.places.place[at] == splineNowhere) continue;
    float slope = 0;
    for (int s = 0; s < a.slices; ++s) slope += a.slope[s * a.slopeCount + at];
    const double dx = x[3 * j] - xi, dy = x[3 * j + 1] - yi, dz = x[3 * j + 2] - zi;
    const double r = sqrt(dx * dx + dy * dy + dz * dz);
    const double force = 3.0 * a.energyUnit * splineDensity(a.grid, r) * slope / r;
    f[0] += force * dx;
    f[1] += force * dy;
    f[2] += force * dz;
    const double half = -0.5 * force;
    w[0] += half * dx * dx;
    w[1] += half * dy * dy;
    w[2] += half * dz * dz;
    w[3] += half * dx * dy;
    w[4] += half * dx * dz;
    w[5] += half * dy * dz;
  }
  if (a.forces)
    for (int d = 0; d < 3; ++d) {
      const double sum = warpSum(f[d]);
      if (lane == 0) a.forces[3ll * atom + d] += sum;
    }
  if (a.rowVirial)
    for (int d = 0; d < 6; ++d) {
      const double sum = warpSum(w[d]);
      if (lane == 0) a.rowVirial[6ll * atom + d] = sum;
    }
}

}  // namespace mdlab

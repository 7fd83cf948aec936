#include "cuda/overlap.h"
#include "models/schnet/tournament-team.h"

// The table pipeline for batches of small open systems: every pair is evaluated once, for both of
// its atoms. A block holds one slice of the channels of a filter table in shared memory, and the
// sums of its systems where there is room; a warp is a team (tournament.cuda.h), with its members'
// features and sums in registers, and meets another team's members one by one, whose sums it alone
// touches in that round. A warp waits only for the one that touched those sums before it. No
// atomics, one fixed order: two runs give the same bits.
//
// What bounds it, per pair within the cutoff and 64 channels, in cycles of a multiprocessor: the
// load unit, which moves 128 bytes a cycle: 8 for four coefficients of 256 bytes, 2 for each four
// weights (16 bytes for all lanes), 1 for the place, in reverse 2 for shuffles; and instructions,
// of which it issues 4 a cycle. Measured on one H200, 64 systems of 269 atoms of which 57 % of the
// pairs lie within the cutoff (counters of ncu): forward 13.5 cycles, 0.143 ms, the load unit busy
// 80 % of them and 31 instructions a pair; reverse 26, 0.27 ms, busy 69 %, 67 instructions, of
// which half serve the column of nine pairs (weights, sums over the lanes, sums of the member met);
// reverse without the features' gradient 19, 0.21 ms, busy 74 %, 48 instructions. Both at once, so
// that less of one for more of the other gains nothing: weights worked out by every lane leave the
// load unit busy 56 % and forward at 0.168 ms, sums over the lanes by tensor cores reverse at 0.28.
// Begin takes 0.017 ms and 68 % of all instructions that can be issued; finish 0.025, 55 % of them
// and 56 % of the load unit, a third of the time waiting for tiles.
namespace mdlab {
namespace {
constexpr int M = Tournament::members;
}

namespace {
// Where distances lie on a grid, as splinePlace() gives it but for roundings of 1e-14: roots and
// quotients start from single precision and take one step of Newton's, far fewer instructions.
class Ruler {
 public:
  __device__ explicit Ruler(const SplineGrid& g)
      : lower_(g.lower),
        upper_(g.upper),
        perLength_(1 / (g.upper - g.lower)),
        stretch_(g.stretch),
        scale_(g.intervals * (1 + g.stretch) * (1 << splineFractionBits)),
        most_(static_cast<double>(g.intervals) * (1 << splineFractionBits) - 1) {}
  __device__ unsigned place(double dx, double dy, double dz) const {
    const double rr = dx * dx + dy * dy + dz * dz;
    if (rr >= 1.01 * upper_ * upper_) return splineNowhere;
    double r = rr;  // 0, or not a number
    if (rr > 1e-30) {
      const double guess = rsqrtf(static_cast<float>(rr));
      r *= guess * (1.5 - 0.5 * rr * guess * guess);
    }
    if (r >= upper_ || (lower_ > 0 && r <= lower_)) return splineNowhere;
    const double x = (r - lower_) * perLength_, d = 1 + stretch_ * x;
    const double guess = __frcp_rn(static_cast<float>(d));
    const double t = scale_ * x * guess * (2 - d * guess);
    return static_cast<unsigned>(t < most_ ? (t > 0 ? t : 0) : most_);
  }

 private:
  double lower_, upper_, perLength_, stretch_, scale_, most_;
};
}  // namespace

// A block per team, a thread per pair of members.
__global__ void __launch_bounds__(Tournament::tile) tournamentBegin(TournamentBegin a) {
  const int teams = a.places.tournament.teams, rounds = a.places.tournament.rounds();
  const int team = blockIdx.x % teams, system = blockIdx.x / teams;
  const int first = a.batch.offsets[system], atoms = a.batch.offsets[system + 1] - first;
  const int r = threadIdx.x % M, c = threadIdx.x / M, i = team + teams * r;
  const double* x = a.batch.positions + 3ll * first;
  awaitKernelBefore();
  double xi = 0, yi = 0, zi = 0;
  if (i < atoms) {
    xi = x[3 * i];
    yi = x[3 * i + 1];
    zi = x[3 * i + 2];
  }
  const Ruler ruler(a.grid);
  unsigned* to = a.places.place + a.places.tileOf(system, team, 0) + threadIdx.x;
  for (int round = 0, met = team; round < rounds; ++round, to += Tournament::tile) {
    const int j = met + teams * c;
    met = met + 1 < teams ? met + 1 : 0;
    const bool pair = i < atoms && j < atoms && (round > 0 || r < c);
    *to = pair ? ruler.place(x[3 * j] - xi, x[3 * j + 1] - yi, x[3 * j + 2] - zi) : splineNowhere;
  }
}

template <int N, int W>
__global__ void __launch_bounds__(32 * W, 1) tournamentForward(TournamentMessage a) {
  extern __shared__ float4 sharedMemory[];
  constexpr int R = Tournament::forwardRows(W), C = M / R;
  using Own = Prepared<R, C, false>;
  const int teams = a.places.tournament.teams, rounds = a.places.tournament.rounds();
  const int slice = blockIdx.x % a.slices, channel = slice * 32 * N + laneOf() * N;
  const int warp = evenWarp();
  const Shared<N, Own> shared(a, warp, sharedMemory);
  Own& own = *shared.own;
  startTable(shared.table, a.table + static_cast<long long>(slice) * a.rows * 32 * N,
             (a.rows - Tournament::tableTail) * 32 * N);
  for (int k = threadIdx.x; k < a.together * teams * rounds; k += blockDim.x)
    shared.handover.prepare(k);
  awaitKernelBefore();
  const Player p = playerOf<N>(a, warp, shared.sums, channel);
  const float* lane = shared.table + laneOf() * N;
  const float* y = a.from;
  const unsigned base = p.first * a.features + channel, step = teams * a.features;
  const int mine = warp * rounds, nextTeam = warp + (p.team + 1 < teams ? 1 : 1 - teams);
  const bool prepares = laneOf() < R * C;
  const int nextSum = teams * p.stride;
  awaitTable();
  __syncthreads();
#pragma unroll 1
  for (int first = 0; first < M; first += R) {
    Channels<N> yi[R], mi[R];
#pragma unroll
    for (int r = 0; r < R; ++r) {
      const int i = p.team + teams * (first + r);
      yi[r] = i < p.atoms ? load<N>(y + (base + i * a.features)) : Channels<N>{};
      mi[r] = {};
    }
    const unsigned* tile = a.places.place + a.places.tileOf(p.system, p.team, 0) + first +
                           laneOf() % C * M + laneOf() / C;
#pragma unroll 1
    for (int round = 0; round < rounds; ++round, tile += Tournament::tile) {
      const int met = (p.team + round) % teams;
      int j = met;
      unsigned ahead = base + met * a.features;
      float* sum = p.sums + met * p.stride;
      unsigned nextPlace = splineNowhere;
      Channels<N> nextY{};
      if (j < p.atoms) {
        if (prepares) nextPlace = *tile;
        nextY = load<N>(y + ahead);
      }
      if (round) shared.handover.await(nextTeam * rounds + round - 1, first / R & 1);
#pragma unroll 1
      for (int c = 0; j < p.atoms; c += C) {
        __syncwarp();
        own.template set<N>(nextPlace);
        const unsigned mask = __ballot_sync(wholeWarp, nextPlace != splineNowhere);
        if (prepares && c + C < M) nextPlace = tile[(c + C) * M];
        __syncwarp();
#pragma unroll
        for (int k = 0; k < C; ++k) {
          if (j >= p.atoms) break;
          const unsigned within = mask >> k;
          const Channels<N> yj = nextY;
          ahead += step;
          j += teams;
          if (j < p.atoms) nextY = load<N>(y + ahead);
          const Channels<N> before = load<N>(sum);
          int row[Own::padded];
          own.rowsOf(k, row);
          Channels<N> mj{};
          const auto evaluate = [&](int r, const Channels<N>(&tap)[4]) {
            const Channels<N> w = combine<N>(own.value(r, k), tap);
#pragma unroll
            for (int n = 0; n < N; ++n) {
              mi[r].c[n] = fmaf(w.c[n], yj.c[n], mi[r].c[n]);
              mj.c[n] = fmaf(w.c[n], yi[r].c[n], mj.c[n]);
            }
          };
          eachWithin<N, R, C, 1>(within, lane, row, evaluate);
          store(sum, plus(before, mj));
          sum += nextSum;
        }
      }
      shared.handover.done(mine + round);
    }
    addOwnRows<N>(p, teams, first, mi);
  }
  writeSums<N>(a, p, channel);
}

// C: columns prepared at once.
template <int N, int W, int C, bool WithY>
__global__ void __launch_bounds__(32 * W, 1) tournamentReverse(TournamentReverse a) {
  extern __shared__ float4 sharedMemory[];
  constexpr int R = Tournament::reverseRows(W);
  using Own = Prepared<R, C, true>;
  const int teams = a.places.tournament.teams, rounds = a.places.tournament.rounds();
  const int slice = blockIdx.x % a.slices, channel = slice * 32 * N + laneOf() * N;
  const int warp = evenWarp();
  const Shared<N, Own> shared(a, warp, sharedMemory);
  Own& own = *shared.own;
  startTable(shared.table, a.table + static_cast<long long>(slice) * a.rows * 32 * N,
             (a.rows - Tournament::tableTail) * 32 * N);
  if (WithY)
    for (int k = threadIdx.x; k < a.together * teams * rounds; k += blockDim.x)
      shared.handover.prepare(k);
  awaitKernelBefore();
  const Player p = playerOf<N>(a, warp, shared.sums, channel);
  const float* lane = shared.table + laneOf() * N;
  const unsigned base = p.first * a.features + channel, step = teams * a.features;
  const int mine = warp * rounds, nextTeam = warp + (p.team + 1 < teams ? 1 : 1 - teams);
  const bool prepares = laneOf() < R * C;
  const int nextSum = teams * p.stride;
  // The row whose slope this lane ends with, and whether it is the first lane that does.
  const int slopeRow = summedBy<R>(laneOf());
  const bool writes = (__match_any_sync(wholeWarp, slopeRow) & ((1u << laneOf()) - 1)) == 0,
             adds = writes && a.add;
  awaitTable();
  __syncthreads();
#pragma unroll 1
  for (int first = 0; first < M; first += R) {
    Channels<N> yi[R], gi[R], sum[R];
#pragma unroll
    for (int r = 0; r < R; ++r) {
      const int i = p.team + teams * (first + r);
      const unsigned at = base + i * a.features;
      yi[r] = i < p.atoms ? load<N>(a.y + at) : Channels<N>{};
      gi[r] = i < p.atoms ? load<N>(a.g + at) : Channels<N>{};
      sum[r] = {};
    }
    long long tile = a.places.tileOf(p.system, p.team, 0) + first;
#pragma unroll 1
    for (int round = 0; round < rounds; ++round, tile += Tournament::tile) {
      const int met = (p.team + round) % teams;
      int j = met;
      const unsigned* place = a.places.place + tile + laneOf() % C * M + laneOf() / C;
      float* slope = a.slope + slice * a.slopeCount + tile + slopeRow;
      unsigned ahead = base + met * a.features;
      float* rowJ = p.sums + met * p.stride;
      unsigned nextPlace = splineNowhere;
      Channels<N> nextY{}, nextG{};
      if (j < p.atoms) {
        if (prepares) nextPlace = *place;
        nextY = load<N>(a.y + ahead);
        nextG = load<N>(a.g + ahead);
      }
      if (WithY && round) shared.handover.await(nextTeam * rounds + round - 1, first / R & 1);
#pragma unroll 1
      for (int c = 0; j < p.atoms; c += C) {
        __syncwarp();
        own.template set<N>(nextPlace);
        const unsigned mask = __ballot_sync(wholeWarp, nextPlace != splineNowhere);
        if (prepares && c + C < M) nextPlace = place[(c + C) * M];
        __syncwarp();
#pragma unroll
        for (int k = 0; k < C; ++k) {
          if (j >= p.atoms) break;
          const unsigned within = mask >> k;
          const Channels<N> yj = nextY, gj = nextG;
          ahead += step;
          j += teams;
          if (j < p.atoms) {
            nextY = load<N>(a.y + ahead);
            nextG = load<N>(a.g + ahead);
          }
          const float before = adds ? *slope : 0.0f;
          Channels<N> beforeJ{};
          if constexpr (WithY) beforeJ = load<N>(rowJ);
          int row[Own::padded];
          own.rowsOf(k, row);
          Channels<N> sumJ{};
          float part[R] = {};
          const auto evaluate = [&](int r, const Channels<N>(&tap)[4]) {
            const Channels<N> d = combine<N>(own.slope(r, k), tap);
#pragma unroll
            for (int n = 0; n < N; ++n)
              part[r] = fmaf(d.c[n], fmaf(yj.c[n], gi[r].c[n], yi[r].c[n] * gj.c[n]), part[r]);
            if constexpr (WithY) {
              const Channels<N> value = combine<N>(own.value(r, k), tap);
#pragma unroll
              for (int n = 0; n < N; ++n) {
                sum[r].c[n] = fmaf(value.c[n], gj.c[n], sum[r].c[n]);
                sumJ.c[n] = fmaf(value.c[n], gi[r].c[n], sumJ.c[n]);
              }
            }
          };
          eachWithin<N, R, C, 3>(within, lane, row, evaluate);
          const float total = sumsOver<R>(part);
          if (writes) *slope = before + total;
          slope += M;
          if constexpr (WithY) {
            store(rowJ, plus(beforeJ, sumJ));
            rowJ += nextSum;
          }
        }
      }
      if (WithY) shared.handover.done(mine + round);
    }
    if constexpr (WithY) addOwnRows<N>(p, teams, first, sum);
  }
  if constexpr (WithY) writeSums<N>(a, p, channel);
}

// A block per team, for each of its members a thread per team: the slopes of its pairs along their
// directions. Slopes come to shared memory a tile at a time, since half of the tiles are another
// team's and lie across. Differences of positions are of double precision (a sum of two floats), a
// pair's share is a float, and six pairs' shares are added in double.
template <bool Virial>
__global__ void __launch_bounds__(Tournament::finishThreads, Virial ? 2 : 3)
    tournamentFinish(TournamentFinish a) {
  constexpr int U = 6, sums = Virial ? 9 : 3, most = Tournament::mostWarps;
  __shared__ union {
    float slopes[most][Tournament::tile];
    double shares[sums][Tournament::finishThreads];
  } of;
  __shared__ float4 x[M * most];
  __shared__ float4 rest[M * most];
  const int teams = a.places.tournament.teams, rounds = a.places.tournament.rounds();
  const int team = blockIdx.x % teams, system = blockIdx.x / teams;
  const int first = a.batch.offsets[system], atoms = a.batch.offsets[system + 1] - first;
  const int member = threadIdx.x % M, other = threadIdx.x / M, i = team + teams * member;
  for (int k = threadIdx.x; k < atoms; k += blockDim.x) {
    const double* from = a.batch.positions + 3ll * (first + k);
    const float4 near = make_float4(from[0], from[1], from[2], 0);
    x[k] = near;
    rest[k] = make_float4(from[0] - near.x, from[1] - near.y, from[2] - near.z, 0);
  }
  const int round = (other - team + teams) % teams;
  // The team that met the other has the pairs: as rows of its own, or as columns.
  const bool met = round < rounds;
  const long long tile =
      met ? a.places.tileOf(system, team, round) : a.places.tileOf(system, other, teams - round);
  const unsigned* place = a.places.place + tile + member;
  const float* slopes = a.slope + tile + member;
  awaitKernelBefore();  // positions are older than that
#pragma unroll 1
  for (int c0 = 0; c0 < M; c0 += U) {
    unsigned places[U];
    float slope[U];
#pragma unroll
    for (int u = 0; u < U; ++u) {
      places[u] = place[(c0 + u) * M];
      slope[u] = slopes[(c0 + u) * M];
    }
    for (int s = 1; s < a.slices; ++s)
#pragma unroll
      for (int u = 0; u < U; ++u) slope[u] += slopes[s * a.slopeCount + (c0 + u) * M];
#pragma unroll
    for (int u = 0; u < U; ++u)
      of.slopes[other][(c0 + u) * M + member] = places[u] == splineNowhere ? 0 : slope[u];
  }
  __syncthreads();
  double total[sums] = {};
  if (i < atoms) {
    const float4 xi = x[i], resti = rest[i];
    const float lower = a.grid.lower, range = a.grid.upper - a.grid.lower;
    const float bend = static_cast<float>(a.grid.stretch) / range;
    const float scale = static_cast<float>(a.grid.intervals * (1 + a.grid.stretch)) / range;
    const float* slope = of.slopes[other];
#pragma unroll 1
    for (int c0 = 0; c0 < M; c0 += U) {
      float sum[sums] = {};
#pragma unroll
      for (int u = 0; u < U; ++u) {
        const int c = c0 + u, j = other + teams * c;
        const float s = slope[met && (round || member < c) ? c * M + member : member * M + c];
        if (s == 0) continue;  // also an atom and itself
        const float4 xj = x[j], restj = rest[j];
        const float dx = xj.x - xi.x + (restj.x - resti.x);
        const float dy = xj.y - xi.y + (restj.y - resti.y);
        const float dz = xj.z - xi.z + (restj.z - resti.z);
        const float rr = fmaf(dx, dx, fmaf(dy, dy, dz * dz)), inverse = rsqrtf(rr);
        const float d = fmaf(bend, rr * inverse - lower, 1.0f);
        const float force = __fdividef(s * inverse * scale, d * d);
        const float fx = force * dx, fy = force * dy, fz = force * dz;
        sum[0] += fx;
        sum[1] += fy;
        sum[2] += fz;
        if constexpr (Virial) {
          sum[3] = fmaf(fx, dx, sum[3]);
          sum[4] = fmaf(fy, dy, sum[4]);
          sum[5] = fmaf(fz, dz, sum[5]);
          sum[6] = fmaf(fx, dy, sum[6]);
          sum[7] = fmaf(fx, dz, sum[7]);
          sum[8] = fmaf(fy, dz, sum[8]);
        }
      }
#pragma unroll
      for (int k = 0; k < sums; ++k) total[k] += sum[k];
    }
  }
  __syncthreads();
#pragma unroll
  for (int k = 0; k < sums; ++k) of.shares[k][threadIdx.x] = total[k];
  __syncthreads();
  for (int k = threadIdx.x; k < M * sums; k += blockDim.x) {
    const int d = k / M, to = team + teams * (k % M);
    if (to >= atoms) continue;
    double sum = 0;
    for (int met = 0; met < teams; ++met) sum += of.shares[d][met * M + k % M];
    sum *= 3.0 * a.energyUnit;
    if (d < 3) {
      if (a.forces) a.forces[3ll * (first + to) + d] += sum;
    } else {
      a.rowVirial[6ll * (first + to) + d - 3] = -0.5 * sum;
    }
  }
}

}  // namespace mdlab

#include "models/schnet/edge-geometry.cuda.h"
#include "models/schnet/elementary.cuda.h"
#include "models/schnet/flash.cuda.h"

// The start and the end of a flash evaluation: which edges are inside the cutoff, and the forces
// from their slopes. A warp per row, all sums in fixed order. Floor: the list and, per edge, 8
// bytes written and 12 read: 8 µs each for 2.46 M edges. One H200 takes 36 and 95 µs for them, a
// hundredth of a flash evaluation (counters of ncu). Geometry works out each distance twice, in
// double, to count before it places: 62 % of all instructions that can be issued. For half of the
// edges the forces find the slope in the other row by bisection, some seven loads that depend on
// each other: two thirds of the time warps wait for them.
namespace mdlab {

// Place among the warp's lanes that are `active`, and how many are.
__device__ __forceinline__ int placeOf(bool active, int& count) {
  const unsigned mask = __ballot_sync(~0u, active);
  count = __popc(mask);
  return __popc(mask & ((1u << (threadIdx.x & 31)) - 1));
}

__device__ __forceinline__ bool inside(double r, double lower, double upper) {
  return r < upper && (lower <= 0 || r > lower);
}

// Whether row i computes the slope of its pairs with j; the two rows of a pair take turns, so that
// rows have as much work each.
__device__ __forceinline__ bool ownsSlope(int i, int j) {
  return i == j || ((i + j) % 2 ? i < j : i > j);
}

// Two passes over a row: how many edges are whose, then each in its place.
__global__ void __launch_bounds__(256) flashGeometry(FlashGeometry a) {
  const int i = (blockIdx.x * blockDim.x + threadIdx.x) >> 5, lane = threadIdx.x & 31;
  if (i >= a.batch.atoms) return;
  const int first = a.list.rowStart[i], last = a.list.rowStart[i + 1];
  int others = 0;
  for (int pass = 0; pass < 2; ++pass) {
    int given = 0, own = others;
    for (int e = first; e < last; e += 32) {
      double d[3], r = 0;
      const bool real = e + lane < last;
      if (real) r = displacement(a.batch, a.list, a.unit, i, e + lane, d);
      const int j = real ? a.list.column[e + lane] : i;
      const bool active = real && inside(r, a.lower, a.upper), mine = ownsSlope(i, j);
      int countGiven, countOwn;
      const int atGiven = given + placeOf(active && !mine, countGiven);
      const int atOwn = own + placeOf(active && mine, countOwn);
      given += countGiven;
      own += countOwn;
      if (pass == 0 || !active) continue;
      const int at = first + (mine ? atOwn : atGiven);
      a.neighbor[at] = j;
      a.distance[at] = fminf(static_cast<float>(r), static_cast<float>(a.upper));
    }
    if (pass == 0) {
      others = given;
      continue;
    }
    if (lane == 0) {
      a.count[i] = own;
      a.others[i] = others;
    }
    // What reads whole rows finds edges without influence behind the active ones.
    for (int e = first + own + lane; e < last; e += 32) {
      a.neighbor[e] = i;
      a.distance[e] = static_cast<float>(a.upper);
    }
  }
}

// Where the slope of entry `at` of row i is: in the row of the pair that owns it, past the entries
// it does not own. Both parts of a row are sorted by column; those of one column, images of one
// atom, stand in the opposite order in the other row. A list cut at its room may lack that entry:
// then the row's own stands in, and what comes of it is dropped with the list.
__device__ int entryWithSlope(const FlashForces& a, int i, int at) {
  const int j = a.neighbor[at], row = a.list.rowStart[i];
  if (at - row >= a.others[i]) return at;
  int low = a.list.rowStart[j] + a.others[j], high = a.list.rowStart[j] + a.count[j];
  const int end = high;
  while (low < high) {
    const int middle = (low + high) / 2;
    if (a.neighbor[middle] < i)
      low = middle + 1;
    else
      high = middle;
  }
  if (!a.list.shift) return low < end ? low : at;
  int images = 0, place = 0;
  while (low + images < end && a.neighbor[low + images] == i) ++images;
  while (at - place > row && a.neighbor[at - place - 1] == j) ++place;
  const int entry = low + images - 1 - place;
  return entry >= low ? entry : at;
}

// An edge's displacement (Å) and slope/r on the way to the lane that adds it.
struct Passed {
  double x, y, z, s;
};

// f_i += Σ slope·d/r; W_i = −½ Σ slope·d⊗d/r, the other half coming from the pair's other row.
// Lane k % 32 adds the k-th edge within the cutoff: which entries of the list lie beyond it depends
// on when the list was made, and that must not change a bit.
__global__ void __launch_bounds__(256) flashForces(FlashForces a) {
  const int i = (blockIdx.x * blockDim.x + threadIdx.x) >> 5, lane = threadIdx.x & 31;
  if (i >= a.batch.atoms) return;
  const int first = a.list.rowStart[i], last = a.list.rowStart[i + 1];
  __shared__ Passed shared[8][32];
  Passed* const passed = shared[threadIdx.x >> 5];
  int given = 0, own = a.others[i], seen = 0;
  double f[3] = {}, w[6] = {};
  for (int e = first; e < last; e += 32) {
    double d[3] = {}, r = 0;
    const bool real = e + lane < last;
    if (real) r = displacement(a.batch, a.list, a.unit, i, e + lane, d);
    const bool active = real && inside(r, a.lower, a.upper);
    const bool mine = real && ownsSlope(i, a.list.column[e + lane]);
    int countGiven, countOwn;
    const int atGiven = given + placeOf(active && !mine, countGiven);
    const int atOwn = own + placeOf(active && mine, countOwn);
    given += countGiven;
    own += countOwn;
    int found;
    const int lanesPlace = (seen + placeOf(active, found)) % 32;
    if (active) {
      const int entry = entryWithSlope(a, i, first + (mine ? atOwn : atGiven));
      passed[lanesPlace] = {d[0], d[1], d[2], a.slope[entry] / r};
    }
    __syncwarp();
    const bool filled = ((lane - seen) & 31) < found;
    const Passed p = passed[lane];
    __syncwarp();
    seen += found;
    if (!filled) continue;  // rejoins at the next ballot
    const double x = p.s * p.x, y = p.s * p.y, z = p.s * p.z;
    f[0] += x, f[1] += y, f[2] += z;
    w[0] -= x * p.x, w[1] -= y * p.y, w[2] -= z * p.z;
    w[3] -= x * p.y, w[4] -= x * p.z, w[5] -= y * p.z;
  }
  if (a.forces)
#pragma unroll
    for (int k = 0; k < 3; ++k) {
      const double sum = warpSum(f[k]);
      if (lane == 0) a.forces[3LL * i + k] += sum * a.energyUnit * a.unit;
    }
  if (a.virial)
#pragma unroll
    for (int k = 0; k < 6; ++k) {
      const double sum = warpSum(w[k]);
      if (lane == 0) a.virial[6LL * i + k] = 0.5 * sum * a.energyUnit;
    }
}

// One warp per system: its atoms' virials, summed. Floor: 48 bytes an atom, 0.2 µs for 64 × 269;
// 4.4 µs, the latency of loads and sums. It is asked for with pressures alone.
__global__ void __launch_bounds__(32) flashVirial(FlashVirial a) {
  const int system = blockIdx.x, lane = threadIdx.x;
  double w[6] = {};
  for (int i = a.offsets[system] + lane; i < a.offsets[system + 1]; i += 32)
#pragma unroll
    for (int k = 0; k < 6; ++k) w[k] += a.rows[6LL * i + k];
#pragma unroll
  for (int k = 0; k < 6; ++k) w[k] = warpSum(w[k]);
  if (lane != 0) return;
  constexpr int place[9] = {0, 3, 4, 3, 1, 5, 4, 5, 2};
#pragma unroll
  for (int k = 0; k < 9; ++k) a.virial[9LL * system + k] += w[place[k]];
}

}  // namespace mdlab

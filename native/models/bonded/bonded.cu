#include "cuda/overlap.h"
#include "cuda/special.h"
#include "models/bonded/bonded.cuda.h"
#include "models/bonded/device-terms.h"

// One launch for all terms of all systems; see bonded.cuda.h for how work is cut.
//
// Floor for 128 replicas of 269 particles, 60,000 directed pairs and 1,500 terms each: 8 bytes of
// pair from the second-level cache, 24 of shared memory and about 26 instructions per pair, so 0.85
// ms·SM of issue and 0.06 GB of second-level traffic: 6 and 12 µs on 132 multiprocessors. One H200
// takes 40 µs and so reaches 30 % (counters of ncu). Terms, sums over lanes and slots bring
// instructions to 17 million, 18 µs; for half of its time a warp waits for pairs from the second
// level, and 80 registers leave 24 warps a multiprocessor to hide that. The 1152 blocks come in
// three waves of 396. All of it runs beside the model's first kernels: a step of 64 replicas takes
// 2 % longer than the model's forces alone. One replica, 17 µs, is bound by latency: staging, the
// longest term, one reduction.
namespace mdlab {

using namespace bonded;

constexpr int bondedWarps = bondedThreads / 32;
constexpr int atomsPerWarp = bondedAtoms / bondedWarps;
static_assert(3 * atomsPerWarp < 16, "a warp sums its forces and its energy at once");

// Lanes apart by 2 · half give each other half of the values they have.
template <int half>
__device__ inline void fold(double (&v)[16]) {
  const bool upper = threadIdx.x & (2 * half);
#pragma unroll
  for (int k = 0; k < half; ++k) {
    const double a = v[k], b = v[k + half];
    v[k] = (upper ? b : a) + __shfl_xor_sync(0xffffffffu, upper ? a : b, 2 * half);
  }
}

// Sums 16 values over a warp: lane l returns the sum of value l / 2.
__device__ inline double sumSixteen(double (&v)[16]) {
  fold<8>(v);
  fold<4>(v);
  fold<2>(v);
  fold<1>(v);
  return v[0] + __shfl_xor_sync(0xffffffffu, v[0], 1);
}

// Positions as pairs of floats: a coarse part on a grid of 2^-7 Å, whose differences are exact
// (within 131072 Å of the first particle), and the rest. So a difference has all digits of a float
// without arithmetic in double.
struct StagedPositions {
  struct Place {
    float2 x, y, z;  // coarse, rest; 24 bytes: neighbouring lanes meet no bank twice
  };
  const Place* places;  // (atoms)

  __device__ static float2 split(double v) {
    const double coarse = rint(v * 128) * 0.0078125;
    return {static_cast<float>(coarse), static_cast<float>(v - coarse)};
  }
  __device__ static void stage(const Particles& x, int atoms, Place* places) {
    const Vector origin = x.at(0);
    for (int i = threadIdx.x; i < atoms; i += bondedThreads) {
      const Vector d = x.at(i) - origin;
      places[i] = {split(d.x), split(d.y), split(d.z)};
    }
  }
  __device__ static float difference(float2 from, float2 to) {
    return (to.x - from.x) + (to.y - from.y);
  }
  __device__ float3 difference(int from, int to) const {
    const Place a = places[from], b = places[to];
    return {difference(a.x, b.x), difference(a.y, b.y), difference(a.z, b.z)};
  }
};

// The same from device memory, with images.
struct GatheredPositions {
  Particles particles;
  __device__ float3 difference(int from, int to) const {
    const Vector d = particles.difference(from, to);
    return {static_cast<float>(d.x), static_cast<float>(d.y), static_cast<float>(d.z)};
  }
};

// This lane's share of the repulsion that acts on particle i; half of each pair's energy.
template <bool Virial, class Positions>
__device__ inline float3 repel(const DeviceBonded& t, const Positions& x, int i, Sink& sink) {
  const int lane = threadIdx.x % 32, end = t.pairRow[i + 1];
  float fx = 0, fy = 0, fz = 0, energy = 0;
#pragma unroll 4
  for (int p = t.pairRow[i] + lane; p < end; p += 32) {
    const BondedPair pair = t.pairs[p];
    const float3 d = x.difference(i, pair.other);
    const float y = reciprocalFast(d.x * d.x + d.y * d.y + d.z * d.z);
    const float e = pair.c6 * (y * y * y), g = -6 * e * y;
    energy += e;
    fx += g * d.x;
    fy += g * d.y;
    fz += g * d.z;
    if (Virial) sink.addVirial({d.x, d.y, d.z}, {0.5 * g * d.x, 0.5 * g * d.y, 0.5 * g * d.z});
  }
  sink.energy += 0.5 * energy;
  return {fx, fy, fz};
}

// Sums a block's energy and virial, of which each warp brings its own; the last block of a system
// adds up all of its parts in order.
template <int count>
__device__ inline void addToSystem(const BondedArguments& a, int system, int part, int parts,
                                   const double (&sums)[count][bondedWarps]) {
  __shared__ bool last;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  double* partial = a.partial + static_cast<long long>(system) * a.parts * count;
  __syncthreads();
  if (threadIdx.x < count) {
    double sum = 0;
    for (int w = 0; w < bondedWarps; ++w) sum += sums[threadIdx.x][w];
    partial[part * count + threadIdx.x] = sum;
    __threadfence();
  }
  __syncthreads();
  if (threadIdx.x == 0) last = atomicAdd(a.tickets + system, 1) == parts - 1;
  __syncthreads();
  if (!last || warp) return;
  __threadfence();
  for (int c = 0; c < count; ++c) {
    double sum = 0;
    for (int p = lane; p < parts; p += 32) sum += __ldcg(partial + p * count + c);
    for (int k = 16; k; k /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, k);
    if (lane) continue;
    if (c == 0 && a.out.energy) a.out.energy[system] += sum;
    if (c > 0) a.out.virial[9ll * system + c - 1] += sum;
  }
  if (lane == 0) a.tickets[system] = 0;
}

// Adds the slots of a round that act on this warp's particles: value 3 k + c is component c of the
// force on its k-th.
__device__ inline void gather(const DeviceBonded& t, const double* slots, int round,
                              double (&values)[16]) {
#pragma unroll
  for (int k = 0; k < atomsPerWarp; ++k) {
    const int* row = t.slotRow + round * (bondedAtoms + 1) + threadIdx.x / 32 + k * bondedWarps;
    for (int e = row[0] + threadIdx.x % 32; e < row[1]; e += 32) {
      const double* s = slots + t.slots[e];
#pragma unroll
      for (int c = 0; c < 3; ++c) values[3 * k + c] += s[4 * bondedThreads * c];
    }
  }
}

template <bool Staged, bool Virial>
__global__ void __launch_bounds__(bondedThreads, Virial ? 1 : 3) bondedForces(BondedArguments a) {
  const int system = blockIdx.x / a.parts, part = blockIdx.x % a.parts;
  const DeviceBonded t = a.assignment ? a.topologies[a.assignment[system]] : a.first;
  if (part >= t.parts) return;
  __shared__ double slots[12 * bondedThreads];
  extern __shared__ StagedPositions::Place staged[];
  // What never changes is read while the kernel before still runs.
  const BondedTask task = t.tasks[part * bondedThreads + threadIdx.x];
  int round = t.moreRounds[part];
  const int rounds = t.moreRounds[part + 1];
  const long long first = a.batch.offsets[system];
  const DeviceBox* box = a.batch.boxes + system;
  const Particles particles{a.batch.positions + 3 * first, Staged || box->open ? nullptr : box};
  double virial[16] = {};
  Sink sink{slots, 0, virial};
  awaitKernelBefore();

  if (Staged) StagedPositions::stage(particles, t.atoms, staged);
  runTask<Virial>(task, particles, t.parameters, sink);
  __syncthreads();
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const auto particle = [&](int k) { return part * bondedAtoms + warp + k * bondedWarps; };
  double values[16] = {};
#pragma unroll
  for (int k = 0; k < atomsPerWarp; ++k) {
    const int i = particle(k);
    if (i >= t.atoms) continue;
    const float3 f = Staged ? repel<Virial>(t, StagedPositions{staged}, i, sink)
                            : repel<Virial>(t, GatheredPositions{particles}, i, sink);
    values[3 * k] = f.x;
    values[3 * k + 1] = f.y;
    values[3 * k + 2] = f.z;
  }
  gather(t, slots, part, values);
  for (; round < rounds; ++round) {
    __syncthreads();
    runTask<Virial>(t.tasks[round * bondedThreads + threadIdx.x], particles, t.parameters, sink);
    __syncthreads();
    gather(t, slots, round, values);
  }

  constexpr int energyValue = 3 * atomsPerWarp;
  values[energyValue] = sink.energy;
  const double sum = sumSixteen(values);
  const int value = lane / 2, own = particle(value / 3);
  if (a.out.forces && lane % 2 == 0 && value < energyValue && own < t.atoms)
    a.out.forces[3 * (first + own) + value % 3] += sum;
  __shared__ double sums[Virial ? 10 : 1][bondedWarps];
  if (lane == 2 * energyValue) sums[0][warp] = sum;
  if constexpr (Virial) {
    const double w = sumSixteen(virial);
    if (lane % 2 == 0 && value < 9) sums[1 + value][warp] = w;
  }
  addToSystem(a, system, part, t.parts, sums);
}

}  // namespace mdlab

#include "models/bonded/bonded.cuda.h"
#include "models/bonded/device-terms.h"

// One launch for all terms of all systems; see bonded.cuda.h for how work is cut.
//
// Floor for 128 replicas of 269 particles, 60,000 directed pairs and 1,500 terms each: 8 bytes of
// pair from the second-level cache, 24 of shared memory and about 26 instructions per pair, so
// 60 µs·SM of issue and 0.06 GB of second-level traffic in all: 12 µs on 132 multiprocessors.
// One replica is bound by latency: staging, the longest term, one reduction.
namespace mdlab {

using namespace bonded;

constexpr int bondedWarps = bondedThreads / 32;
constexpr int atomsPerWarp = bondedAtoms / bondedWarps;

__device__ inline double warpSum(double v) {
#pragma unroll
  for (int k = 16; k; k /= 2) v += __shfl_xor_sync(0xffffffffu, v, k);
  return v;
}

// Positions as pairs of floats: a coarse part on a grid of 2^-7 Å, whose differences are exact
// (within 131072 Å of the first particle), and the rest. So a difference has all digits of a float
// without arithmetic in double.
struct StagedPositions {
  const float* values;  // (6, atoms): coarse x y z, rest x y z
  int atoms;

  __device__ static void stage(const Particles& x, int atoms, float* values) {
    const Vector origin = x.at(0);
    for (int k = threadIdx.x; k < 3 * atoms; k += bondedThreads) {
      const int i = k / 3, c = k % 3;
      const double v = x.positions[k] - (c == 0 ? origin.x : c == 1 ? origin.y : origin.z);
      const double coarse = rint(v * 128) * 0.0078125;
      values[c * atoms + i] = static_cast<float>(coarse);
      values[(c + 3) * atoms + i] = static_cast<float>(v - coarse);
    }
  }
  __device__ float3 difference(int from, int to) const {
    float d[3];
#pragma unroll
    for (int c = 0; c < 3; ++c) {
      const float *coarse = values + c * atoms, *rest = values + (c + 3) * atoms;
      d[c] = (coarse[to] - coarse[from]) + (rest[to] - rest[from]);
    }
    return {d[0], d[1], d[2]};
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
__device__ inline Vector repel(const DeviceBonded& t, const Positions& x, int i, Sink& sink) {
  const int lane = threadIdx.x % 32, end = t.pairRow[i + 1];
  float fx = 0, fy = 0, fz = 0, energy = 0;
#pragma unroll 4
  for (int p = t.pairRow[i] + lane; p < end; p += 32) {
    const BondedPair pair = t.pairs[p];
    const float3 d = x.difference(i, pair.other);
    const float y = __frcp_rn(d.x * d.x + d.y * d.y + d.z * d.z);
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

// Sums a block's energy and virial; the last block of a system adds up all of its parts in order.
template <bool Virial>
__device__ inline void addToSystem(const BondedArguments& a, int system, int part, int parts,
                                   const Sink& sink) {
  constexpr int count = Virial ? 10 : 1;
  __shared__ double sums[count][bondedWarps];
  __shared__ bool last;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
#pragma unroll
  for (int c = 0; c < count; ++c) {
    const double sum = warpSum(c ? sink.virial[c - 1] : sink.energy);
    if (lane == 0) sums[c][warp] = sum;
  }
  __syncthreads();
  double* partial = a.partial + static_cast<long long>(system) * a.parts * count;
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
    sum = warpSum(sum);
    if (lane) continue;
    if (c == 0 && a.out.energy) a.out.energy[system] += sum;
    if (c > 0) a.out.virial[9ll * system + c - 1] += sum;
  }
  if (lane == 0) a.tickets[system] = 0;
}

// Adds the slots of a round that act on this warp's particles.
__device__ inline void gather(const DeviceBonded& t, const double* slots, int round,
                              Vector (&force)[atomsPerWarp]) {
#pragma unroll
  for (int k = 0; k < atomsPerWarp; ++k) {
    const int* row = t.slotRow + round * (bondedAtoms + 1) + threadIdx.x / 32 + k * bondedWarps;
    for (int e = row[0] + threadIdx.x % 32; e < row[1]; e += 32) {
      const double* s = slots + t.slots[e];
      force[k] = force[k] + Vector{s[0], s[4 * bondedThreads], s[8 * bondedThreads]};
    }
  }
}

template <bool Staged, bool Virial>
__global__ void __launch_bounds__(bondedThreads, Virial ? 1 : 3) bondedForces(BondedArguments a) {
  const int system = blockIdx.x / a.parts, part = blockIdx.x % a.parts;
  const DeviceBonded t = a.assignment ? a.topologies[a.assignment[system]] : a.first;
  if (part >= t.parts) return;
  __shared__ double slots[12 * bondedThreads];
  extern __shared__ float staged[];
  const long long first = a.batch.offsets[system];
  const DeviceBox* box = a.batch.boxes + system;
  const Particles particles{a.batch.positions + 3 * first, Staged || box->open ? nullptr : box};
  double virial[9] = {};
  Sink sink{slots, 0, virial};

  // The first round's terms run while the positions are being staged.
  int round = t.roundStart[part];
  const int rounds = t.roundStart[part + 1];
  const auto runRound = [&] {
    runTask<Virial>(t.tasks[round * bondedThreads + threadIdx.x], particles, t.parameters, sink);
  };
  if (Staged) StagedPositions::stage(particles, t.atoms, staged);
  if (round < rounds) runRound();
  __syncthreads();
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  Vector force[atomsPerWarp] = {};
#pragma unroll
  for (int k = 0; k < atomsPerWarp; ++k) {
    const int i = part * bondedAtoms + warp + k * bondedWarps;
    if (i >= t.atoms) continue;
    force[k] = Staged ? repel<Virial>(t, StagedPositions{staged, t.atoms}, i, sink)
                      : repel<Virial>(t, GatheredPositions{particles}, i, sink);
  }
  if (round < rounds) gather(t, slots, round, force);
  while (++round < rounds) {
    __syncthreads();
    runRound();
    __syncthreads();
    gather(t, slots, round, force);
  }

  if (a.out.forces) {
#pragma unroll
    for (int k = 0; k < atomsPerWarp; ++k) {
      const int i = part * bondedAtoms + warp + k * bondedWarps;
      if (i >= t.atoms) continue;
      const double f[3] = {warpSum(force[k].x), warpSum(force[k].y), warpSum(force[k].z)};
      double* out = a.out.forces + 3 * (first + i);
      if (lane < 3) out[lane] += lane == 0 ? f[0] : lane == 1 ? f[1] : f[2];
    }
  }
  addToSystem<Virial>(a, system, part, t.parts, sink);
}

}  // namespace mdlab

#include "core/philox.h"
#include "cuda/overlap.h"
#include "md/dynamics.cuda.h"

// The steps of md/dynamics.h. Between two evaluations of forces there is one kernel: it finishes
// the step before (the last B) and starts the next (B A O A), and zeroes what the evaluation adds
// to. Positions and velocities are double; noise is drawn as on the host.
//
// Floor: 24 bytes each of positions, velocities and forces read and written, 0.15 kB an atom: 5 MB
// for 128 replicas of 269 atoms, 1 µs at 4.8 TB/s. About 400 instructions in double an atom for
// the noise: 2 µs on 132 multiprocessors. One H200 takes 7.0 µs (finish and start in one; 6.9 to
// start, 4.2 to finish), three and a half times the noise: two blocks of 128 threads leave a
// scheduler two warps, which hide neither the loads that depend on each other, half of the time,
// nor the chain of logarithm, root and sine. It is 0.2 % of a step of 3.2 ms. One replica takes 5.6
// µs, that latency; in a run the noise is drawn while the kernel before drains. With the centre of
// mass kept at rest 9.7 µs, in which the block waits for its sums. exchangeRungs, 25 µs for a
// ladder of 128, is one multiprocessor's traffic: 1.7 MB of velocities, load unit 68 % busy.
namespace mdlab {
namespace {

struct Triple {
  double v[3];
};

__device__ inline Triple load(const double* from, long long atom) {
  return {{from[3 * atom], from[3 * atom + 1], from[3 * atom + 2]}};
}
__device__ inline void store(double* to, long long atom, const Triple& t) {
#pragma unroll
  for (int k = 0; k < 3; ++k) to[3 * atom + k] = t.v[k];
}

// One atom of a run.
struct Atom {
  const MotionArguments& a;
  int atom, system, begin;  // `begin`: first atom of the system
  unsigned replica;
  double weight;  // inverse mass

  __device__ Atom(const MotionArguments& arguments, int i, int s)
      : a(arguments),
        atom(i),
        system(s),
        begin(arguments.batch.offsets[s]),
        replica(arguments.replica[s]),
        weight(arguments.inverseMasses[i]) {}

  __device__ bool first() const { return atom == begin; }

  __device__ void kick(Triple& v, const Triple& f) const {
    const double half = 0.5 * a.timestep * weight;
#pragma unroll
    for (int k = 0; k < 3; ++k) v.v[k] = fma(half, f.v[k], v.v[k]);
  }
  __device__ void drift(Triple& x, const Triple& v, double time) const {
#pragma unroll
    for (int k = 0; k < 3; ++k) x.v[k] = fma(time, v.v[k], x.v[k]);
  }
  __device__ FourNormals noise(long long step) const {
    return normals(philoxAt(a.seed, Stream::thermostat, static_cast<unsigned long long>(step),
                            replica, static_cast<unsigned>(atom - begin)));
  }
  // O: friction and noise.
  __device__ void thermalize(Triple& v, const FourNormals& xi) const {
    const double noise = a.spread * sqrt(a.kT[system]) * sqrt(weight);
#pragma unroll
    for (int k = 0; k < 3; ++k) v.v[k] = fma(a.epsilon, v.v[k], noise * xi[k]);
  }
  // Says that the step whose forces these are went wrong.
  __device__ void check(const Triple& f, const Triple& v, long long step) const {
    const bool badForce = !isfinite(f.v[0] + f.v[1] + f.v[2]);
    const bool badVelocity = !isfinite(v.v[0] + v.v[1] + v.v[2]);
    const bool badEnergy = first() && !isfinite(a.energy[system]);
    if (!badForce && !badVelocity && !badEnergy) return;
    atomicMin(&a.status->failed, 2 * step + 1);
    if (badForce || badVelocity) atomicMin(&a.status->badForce, atom);
    if (badEnergy) atomicMin(&a.status->badEnergy, system);
  }
  // Moves the atom unless it goes too far.
  __device__ void arrive(const Triple& from, const Triple& to, long long step) const {
    double square = 0;
#pragma unroll
    for (int k = 0; k < 3; ++k) square += (to.v[k] - from.v[k]) * (to.v[k] - from.v[k]);
    if (square <= a.farthest) return store(a.positions, atom, to);  // false for NaN
    atomicMin(&a.status->failed, 2 * step);
    const float distance =
        isfinite(square) ? static_cast<float>(sqrt(square)) : __int_as_float(0x7f800000);
    const unsigned long long told = static_cast<unsigned long long>(__float_as_uint(distance))
                                        << 32 |
                                    (0xffffffffu - static_cast<unsigned>(atom));
    atomicMax(&a.status->farthest, told);
  }
  // Makes room for the evaluation of the new positions.
  __device__ void clear() const {
    store(a.forces, atom, {{0, 0, 0}});
    if (!first()) return;
    a.energy[system] = 0;
    if (!a.virial) return;
    for (int k = 0; k < 9; ++k) a.virial[9ll * system + k] = 0;
  }
};

// False when the run has stopped before this kernel. What this very kernel reports, that the forces
// of `step` are wrong or that the move after it goes too far, does not count: all blocks decide
// alike.
__device__ inline bool goesOn(const MotionStatus& status, const int* overflow, long long step,
                              bool finish) {
  if (overflow && *overflow) return false;
  const long long failed = *static_cast<const volatile long long*>(&status.failed);
  return failed >= 2 * step + (finish ? 1 : 2);
}

// Counts the block that has read the counter; the last one moves it on.
__device__ inline void countOn(MotionStatus& status, long long step) {
  __syncthreads();
  if (threadIdx.x != 0) return;
  __threadfence();
  if (atomicAdd(&status.blocks, 1) != static_cast<int>(gridDim.x) - 1) return;
  status.blocks = 0;
  status.step = step;
}

}  // namespace

// Finish: the last B of the step that status->step counts. Start: the next step up to its forces.
template <bool Langevin, bool Finish, bool Start>
__global__ void __launch_bounds__(motionThreads) moveAtoms(MotionArguments a) {
  const int i = blockIdx.x * motionThreads + threadIdx.x;
  // Threads beyond the last atom follow it, and store nothing.
  const int last = a.batch.atoms - 1, own = i < last ? i : last;
  const Atom atom(a, own, a.batch.systemOf[own]);
  // Noise is drawn while the kernel before runs, for the step that is most likely the one.
  const long long guess = *static_cast<const volatile long long*>(&a.status->step);
  FourNormals xi{};
  if (Start && Langevin) xi = atom.noise(guess + 1);
  awaitKernelBefore();
  const long long step = *static_cast<const volatile long long*>(&a.status->step);
  if (a.overflow && i == 0) a.status->overflow = *a.overflow;
  if (!goesOn(*a.status, a.overflow, step, Finish)) return;
  if (Start) countOn(*a.status, step + 1);
  if (i <= last) {
    const Triple f = load(a.forces, i);
    Triple v = load(a.velocities, i);
    if (Finish) {
      atom.kick(v, f);
      atom.check(f, v, step);
    }
    if (Start) {
      const Triple from = load(a.positions, i);
      Triple x = from;
      atom.kick(v, f);
      if (Langevin) {
        if (step != guess) xi = atom.noise(step + 1);
        atom.drift(x, v, 0.5 * a.timestep);
        atom.thermalize(v, xi);
      }
      atom.drift(x, v, Langevin ? 0.5 * a.timestep : a.timestep);
      atom.arrive(from, x, step + 1);
      atom.clear();
    }
    store(a.velocities, i, v);
  }
}

namespace {

// Takes the velocity of the centre of mass off a system whose block this is.
__device__ inline void removeDrift(const MotionArguments& a, int begin, int end) {
  constexpr int warps = motionThreadsOfSystem / 32;
  __shared__ double sums[4][warps];
  double sum[4] = {};
  for (int i = begin + threadIdx.x; i < end; i += motionThreadsOfSystem) {
    const double mass = 1 / a.inverseMasses[i];
    const Triple v = load(a.velocities, i);
    for (int k = 0; k < 3; ++k) sum[k] += mass * v.v[k];
    sum[3] += mass;
  }
  for (int k = 0; k < 4; ++k) {
    for (int w = 16; w; w /= 2) sum[k] += __shfl_xor_sync(0xffffffffu, sum[k], w);
    if (threadIdx.x % 32 == 0) sums[k][threadIdx.x / 32] = sum[k];
  }
  __syncthreads();
  double total[4] = {};
  for (int k = 0; k < 4; ++k)
    for (int w = 0; w < warps; ++w) total[k] += sums[k][w];
  for (int i = begin + threadIdx.x; i < end; i += motionThreadsOfSystem)
    for (int k = 0; k < 3; ++k) a.velocities[3ll * i + k] -= total[k] / total[3];
  __syncthreads();
}

// The parts of a step for a system whose block this is, with its centre of mass kept at rest.
__device__ inline void finishSystem(const MotionArguments& a, int s, int begin, int end,
                                    long long step) {
  for (int i = begin + threadIdx.x; i < end; i += motionThreadsOfSystem) {
    const Atom atom(a, i, s);
    const Triple f = load(a.forces, i);
    Triple v = load(a.velocities, i);
    atom.kick(v, f);
    atom.check(f, v, step);
    store(a.velocities, i, v);
  }
  removeDrift(a, begin, end);
}

// Positions half-way wait in the forces, which have done their work by then.
template <bool Langevin>
__device__ inline void startSystem(const MotionArguments& a, int s, int begin, int end,
                                   long long step) {
  for (int i = begin + threadIdx.x; i < end; i += motionThreadsOfSystem) {
    const Atom atom(a, i, s);
    Triple v = load(a.velocities, i), x = load(a.positions, i);
    atom.kick(v, load(a.forces, i));
    if (Langevin) {
      atom.drift(x, v, 0.5 * a.timestep);
      atom.thermalize(v, atom.noise(step));
    }
    store(a.velocities, i, v);
    store(a.forces, i, x);
  }
  removeDrift(a, begin, end);
  for (int i = begin + threadIdx.x; i < end; i += motionThreadsOfSystem) {
    const Atom atom(a, i, s);
    Triple x = load(a.forces, i);
    atom.drift(x, load(a.velocities, i), Langevin ? 0.5 * a.timestep : a.timestep);
    atom.arrive(load(a.positions, i), x, step);
    atom.clear();
  }
}

}  // namespace

// moveAtoms with every system's centre of mass kept at rest: a block for each system.
template <bool Langevin, bool Finish, bool Start>
__global__ void __launch_bounds__(motionThreadsOfSystem) moveSystems(MotionArguments a) {
  awaitKernelBefore();
  const long long step = a.status->step;
  if (a.overflow && blockIdx.x == 0 && threadIdx.x == 0) a.status->overflow = *a.overflow;
  if (!goesOn(*a.status, a.overflow, step, Finish)) return;
  const int s = blockIdx.x, begin = a.batch.offsets[s], end = a.batch.offsets[s + 1];
  if (Finish) finishSystem(a, s, begin, end, step);
  if (Start) {
    countOn(*a.status, step + 1);
    startSystem<Langevin>(a, s, begin, end, step + 1);
  }
}

// Tempering::exchange, a block for each ladder. Shared: (rungs) system at each rung, (rungs) factor
// on each system's velocities.
__global__ void __launch_bounds__(exchangeThreads) exchangeRungs(ExchangeArguments a) {
  extern __shared__ double shared[];
  double* factor = shared;
  int* at = reinterpret_cast<int*>(shared + a.rungs);
  const long long step = a.status->step;
  if (!goesOn(*a.status, a.overflow, step, false)) return;
  const int first = blockIdx.x * a.rungs;
  for (int k = threadIdx.x; k < a.rungs; k += blockDim.x) {
    at[a.rung[first + k]] = k;
    factor[k] = 1;
  }
  __syncthreads();
  const int parity = static_cast<int>((step / a.every) & 1) ^ 1;
  for (int low = parity + 2 * threadIdx.x; low + 1 < a.rungs; low += 2 * blockDim.x) {
    const int p = at[low], q = at[low + 1];
    const double gain =
        (1 / a.ladder[low] - 1 / a.ladder[low + 1]) * (a.energy[first + p] - a.energy[first + q]);
    const PhiloxBlock draw =
        philoxAt(a.seed, Stream::exchange, static_cast<unsigned long long>(step), a.replica[first],
                 static_cast<unsigned>(low));
    atomicAdd(reinterpret_cast<unsigned long long*>(a.attempted + low), 1ull);
    if (!(gain >= 0 || uniform(draw[0]) < exp(gain))) continue;
    atomicAdd(reinterpret_cast<unsigned long long*>(a.accepted + low), 1ull);
    a.rung[first + p] = low + 1;
    a.rung[first + q] = low;
    a.kT[first + p] = a.ladder[low + 1];
    a.kT[first + q] = a.ladder[low];
    const double up = sqrt(a.ladder[low + 1] / a.ladder[low]);
    factor[p] = up;
    factor[q] = 1 / up;
  }
  __syncthreads();
  // A warp per system: one after the other by the whole block took 0.2 ms for 128 of 269 atoms.
  for (int k = threadIdx.x / 32; k < a.rungs; k += exchangeThreads / 32) {
    if (factor[k] == 1) continue;
    const long long begin = 3ll * a.offsets[first + k], end = 3ll * a.offsets[first + k + 1];
#pragma unroll 4
    for (long long j = begin + threadIdx.x % 32; j < end; j += 32) a.velocities[j] *= factor[k];
  }
}

}  // namespace mdlab

#pragma once
// Shared by host and device code: plain types only.
#ifdef __CUDACC__
#define MDLAB_EVERYWHERE __host__ __device__ inline
#else
#include <math.h>
#define MDLAB_EVERYWHERE inline
#endif

namespace mdlab {

// Philox 4x32-10, the counter-based generator of Salmon, Moraes, Dror, Shaw, "Parallel random
// numbers: as easy as 1, 2, 3" (SC 2011). A draw is a pure function of (key, counter): the same on
// every backend.
struct PhiloxBlock {
  unsigned words[4];
  MDLAB_EVERYWHERE unsigned operator[](int k) const { return words[k]; }
};

MDLAB_EVERYWHERE PhiloxBlock philox(PhiloxBlock c, unsigned long long key) {
  unsigned k0 = static_cast<unsigned>(key), k1 = static_cast<unsigned>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const unsigned long long p0 = 0xD2511F53ull * c.words[0], p1 = 0xCD9E8D57ull * c.words[2];
    c = {{static_cast<unsigned>(p1 >> 32) ^ c.words[1] ^ k0, static_cast<unsigned>(p1),
          static_cast<unsigned>(p0 >> 32) ^ c.words[3] ^ k1, static_cast<unsigned>(p0)}};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

// What a draw is for; part of its counter, so that no two purposes share numbers.
enum class Stream : unsigned { velocities = 0, thermostat = 1, exchange = 2 };

// Counter = (particle within its system, system, low 32 bits of step, stream << 24 | next 24 bits
// of step). A replica's noise depends on its own index, never on the batch it sits in.
MDLAB_EVERYWHERE PhiloxBlock philoxAt(unsigned long long seed, Stream stream,
                                      unsigned long long step, unsigned system, unsigned particle) {
  return philox(
      {{particle, system, static_cast<unsigned>(step),
        static_cast<unsigned>(stream) << 24 | (static_cast<unsigned>(step >> 32) & 0xFFFFFFu)}},
      seed);
}

// Uniform in (0, 1), never 0 or 1.
MDLAB_EVERYWHERE double uniform(unsigned word) { return (word + 0.5) * 0x1p-32; }

struct FourNormals {
  double values[4];
  MDLAB_EVERYWHERE double operator[](int k) const { return values[k]; }
};

// Four independent standard normals of one block (Box-Muller on both pairs).
MDLAB_EVERYWHERE FourNormals normals(const PhiloxBlock& b) {
  const double r0 = sqrt(-2.0 * log(uniform(b[0]))), r1 = sqrt(-2.0 * log(uniform(b[2])));
#ifdef __CUDA_ARCH__  // the same within a rounding, without the reduction of large angles
  double s0, c0, s1, c1;
  sincospi(2 * uniform(b[1]), &s0, &c0);
  sincospi(2 * uniform(b[3]), &s1, &c1);
  return {{r0 * c0, r0 * s0, r1 * c1, r1 * s1}};
#else
  constexpr double tau = 6.283185307179586476925286766559;
  const double a0 = tau * uniform(b[1]), a1 = tau * uniform(b[3]);
  return {{r0 * cos(a0), r0 * sin(a0), r1 * cos(a1), r1 * sin(a1)}};
#endif
}

}  // namespace mdlab

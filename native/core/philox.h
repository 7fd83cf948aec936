#pragma once
#include <array>
#include <cmath>
#include <cstdint>

namespace mdlab {

// Philox 4x32-10, the counter-based generator of Salmon, Moraes, Dror, Shaw, "Parallel random
// numbers: as easy as 1, 2, 3" (SC 2011). A draw is a pure function of (key, counter): the same on
// every backend.
using PhiloxBlock = std::array<std::uint32_t, 4>;

inline PhiloxBlock philox(PhiloxBlock c, std::uint64_t key) {
  std::uint32_t k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k1, static_cast<std::uint32_t>(p0)};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

// What a draw is for; part of its counter, so that no two purposes share numbers.
enum class Stream : std::uint32_t { velocities = 0, thermostat = 1, exchange = 2 };

// Counter = (particle within its system, system, low 32 bits of step, stream << 24 | next 24 bits
// of step). A replica's noise depends on its own index, never on the batch it sits in.
inline PhiloxBlock philoxAt(std::uint64_t seed, Stream stream, std::uint64_t step,
                            std::uint32_t system, std::uint32_t particle) {
  return philox({particle, system, static_cast<std::uint32_t>(step),
                 static_cast<std::uint32_t>(stream) << 24 |
                     (static_cast<std::uint32_t>(step >> 32) & 0xFFFFFFu)},
                seed);
}

// Uniform in (0, 1), never 0 or 1.
inline double uniform(std::uint32_t word) { return (word + 0.5) * 0x1p-32; }

// Four independent standard normals of one block (Box-Muller on both pairs).
inline std::array<double, 4> normals(const PhiloxBlock& b) {
  constexpr double tau = 6.283185307179586476925286766559;
  const double r0 = std::sqrt(-2.0 * std::log(uniform(b[0]))), a0 = tau * uniform(b[1]);
  const double r1 = std::sqrt(-2.0 * std::log(uniform(b[2]))), a1 = tau * uniform(b[3]);
  return {r0 * std::cos(a0), r0 * std::sin(a0), r1 * std::cos(a1), r1 * std::sin(a1)};
}

}  // namespace mdlab

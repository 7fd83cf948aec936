#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace mdlab {

// Parallel tempering (Swendsen and Wang 1986; Hukushima and Nemoto 1996; molecular dynamics:
// Sugita and Okamoto 1999) over ladders: systems l·T .. l·T+T−1 are one ladder of T temperatures
// and exchange among themselves. Configurations stay where they are; temperatures move.
struct Tempering {
  std::int64_t every = 0;               // steps between attempts; 0: no exchanges
  std::vector<double> kT;               // (T) eV, the ladder's rungs
  std::vector<std::int32_t> rung;       // (systems) the rung a system is at now
  std::vector<std::int64_t> attempted;  // (T−1) for neighbouring rungs, over all ladders
  std::vector<std::int64_t> accepted;   // (T−1)

  bool dueAfter(std::int64_t step) const { return every > 0 && step % every == 0; }

  // One attempt after `step`: pairs (0,1),(2,3).. at even attempts, (1,2),(3,4).. at odd ones.
  // Accepts with min(1, exp((1/kT_a − 1/kT_b)(U_a − U_b))) and then swaps the two systems' rungs,
  // their kT and scales their velocities by √(new/old). `replica` (systems) names the draws of
  // Philox stream `exchange`.
  void exchange(std::int64_t step, std::uint64_t seed, std::span<const double> energy,
                std::span<const std::uint32_t> replica, std::span<const std::int32_t> offsets,
                std::span<double> systemKT, std::span<double> velocities);
};

}  // namespace mdlab

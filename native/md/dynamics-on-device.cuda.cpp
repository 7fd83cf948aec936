#include "md/dynamics-on-device.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <limits>

#include "core/cancel.h"
#include "core/error.h"
#include "md/force-evaluator.h"
#include "md/motion-on-device.h"

namespace mdlab {
namespace {

constexpr double chunkSeconds = 0.03;
constexpr int mostReplays = 10;  // of one chunk whose list does not fit

// The turns of a potential and of its terms.
struct Turns {
  explicit Turns(DevicePotential& potential) : own(potential), ofTerms(potential) {}
  PotentialTurn own;
  TermTurns ofTerms;
};

}  // namespace

DynamicsOnDevice::DynamicsOnDevice(std::shared_ptr<DevicePotential> potential, Topology topology,
                                   DynamicsOptions options)
    : Dynamics(std::move(topology), std::move(options)), potential_(std::move(potential)) {
  checkFit(*potential_, topology_, options_.skin);
}

DynamicsOnDevice::~DynamicsOnDevice() = default;

void DynamicsOnDevice::buildListAt(std::span<const double> positions) {
  listBuiltAt_.assign(positions.begin(), positions.end());
}

void DynamicsOnDevice::advance(std::int64_t steps) {
  heldStep_ = step_;
  const std::int64_t target = heldStep_ + steps;
  potential_->device().use();
  try {
    begin();
    while (step_ < target) {
      throwIfCancelled();
      takeChunk(target - step_);
    }
    if (heldStep_ != step_) download(false);
  } catch (const Error& error) {
    if (error.code() == "EDEVICE") {
      motion_.reset();
      step_ = heldStep_;
    } else if (heldStep_ != step_) {
      download(false);
    }
    throw;
  }
}

// Brings the device to the host's state, and energy and forces to the positions.
void DynamicsOnDevice::begin() {
  if (motion_ && !stale_ && forcesValid_) return;
  const Turns turns(*potential_);
  if (!motion_) {
    motion_ = std::make_unique<MotionOnDevice>(*potential_, topology_, options_);
    stale_ = true;
  }
  if (stale_) motion_->upload(step_, state_, options_, listBuiltAt_);
  stale_ = false;
  if (forcesValid_) return;
  motion_->prepare();
  motion_->evaluate();
  download(false);
  for (std::int32_t s = 0; s < topology_.systems(); ++s)
    if (!std::isfinite(state_.energy[s]))
      numeric("potential: the energy of system " + std::to_string(s) + " is not finite");
  for (std::int32_t i = 0; i < topology_.atoms(); ++i) {
    const double* f = &state_.forces[3 * static_cast<std::size_t>(i)];
    if (!std::isfinite(f[0] + f[1] + f[2]))
      numeric("potential: the force on atom " + std::to_string(i) + " is not finite");
  }
  forcesValid_ = true;
}

// A chunk of at most `most` steps.
void DynamicsOnDevice::takeChunk(std::int64_t most) {
  const Turns turns(*potential_);
  const std::int64_t from = step_, steps = std::min(most, chunk_);
  motion_->prepare();
  const auto start = std::chrono::steady_clock::now();
  motion_->keep();
  MotionStatus status{};
  try {
    for (int replays = 0;; ++replays) {
      motion_->enqueue(from, steps);
      status = motion_->status();
      if (!status.overflow) break;
      if (replays == mostReplays)
        throw Error("EINVALID", "neighbor list: does not fit on the device after " +
                                    std::to_string(mostReplays) + " enlargements; raise the skin");
      motion_->putBack(from, true);
    }
    if (status.failed != std::numeric_limits<long long>::max()) {
      const std::int64_t good = status.failed / 2 - 1;  // the last whole step
      motion_->putBack(from, false);
      motion_->enqueue(from, good - from);
      motion_->status();
      step_ = good;
    } else {
      step_ = from + steps;
    }
  } catch (const Error& error) {
    if (error.code() == "EDEVICE") throw;
    download(true);
    motion_.reset();
    throw;
  }
  if (status.failed != std::numeric_limits<long long>::max()) blame(status);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  const double fitting = static_cast<double>(steps) * chunkSeconds / took.count();
  chunk_ = std::clamp(static_cast<std::int64_t>(fitting), std::int64_t{1}, 4 * steps);
}

void DynamicsOnDevice::blame(const MotionStatus& status) {
  download(false);
  Divergence told{Divergence::distance, step_ + 1, 0, 0, {}};
  if (status.failed % 2 == 0) {
    told.atom = static_cast<std::int32_t>(0xffffffffu - (status.farthest & 0xffffffffu));
    told.moved = std::bit_cast<float>(static_cast<std::uint32_t>(status.farthest >> 32));
  } else if (status.badForce < topology_.atoms()) {
    told.what = Divergence::force;
    told.atom = status.badForce;
  } else {
    told.what = Divergence::energy;
    told.atom = topology_.offsets[status.badEnergy];
  }
  diverged(told);
}

// Brings the host to the device's state, or to the one that was kept.
void DynamicsOnDevice::download(bool kept) {
  motion_->download(kept, state_, options_, listBuiltAt_);
  listRebuilds_ = motion_->listRebuilds();
  heldStep_ = step_;
}

}  // namespace mdlab

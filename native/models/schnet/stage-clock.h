#pragma once
#include <chrono>
#include <vector>

#include "core/cancel.h"
#include "core/stage-time.h"

namespace mdlab {

// Wall time by stage; two clock reads per stage of a whole batch, so it is always on.
class StageClock {
 public:
  void reset() { times_.clear(); }
  const std::vector<StageTime>& times() const { return times_; }

  // Runs body and adds its time to the stage of this name. A stage is also where a run can stop.
  template <class Body>
  void time(const char* name, const Body& body) {
    throwIfCancelled();
    const auto start = std::chrono::steady_clock::now();
    body();
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    for (StageTime& s : times_)
      if (s.stage == name) {
        s.seconds += spent.count();
        return;
      }
    times_.push_back({name, spent.count()});
  }

 private:
  std::vector<StageTime> times_;
};

}  // namespace mdlab

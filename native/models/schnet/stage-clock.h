#pragma once
#include <chrono>
#include <string>
#include <vector>

#include "core/cancel.h"
#include "models/schnet/schnet.h"

namespace mdlab {

// Wall time by stage; two clock reads per stage of a whole batch, so it is always on.
class StageClock {
 public:
  void reset() { stages_.clear(); }
  const std::vector<StageTime>& stages() const { return stages_; }

  // Runs body and adds its time to the stage of this name. A stage is also where a run can stop.
  template <class Body>
  void time(const char* name, const Body& body) {
    throwIfCancelled();
    const auto start = std::chrono::steady_clock::now();
    body();
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    for (StageTime& s : stages_)
      if (s.name == name) {
        s.seconds += spent.count();
        return;
      }
    stages_.push_back({name, spent.count()});
  }

 private:
  std::vector<StageTime> stages_;
};

}  // namespace mdlab

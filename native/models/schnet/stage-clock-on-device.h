#pragma once
#include <memory>
#include <string>
#include <vector>

#include "cuda/device.h"
#include "models/schnet/schnet.h"

namespace mdlab {

// StageClock on a stream: events around stages, read after the stream has been waited for. Off (as
// within a captured graph) it costs nothing.
class StageClockOnDevice {
 public:
  void turn(bool on) {
    on_ = on;
    if (on) used_ = 0;
  }
  const std::vector<StageTime>& stages() const { return stages_; }

  template <class Body>
  void time(cuda::Stream& stream, const char* name, const Body& body) {
    if (!on_) return body();
    if (used_ == spans_.size()) spans_.push_back({name, std::make_unique<cuda::Timer>(stream)});
    Span& span = spans_[used_++];
    span.name = name;
    span.timer->start();
    body();
    span.timer->stop();
  }

  // Call once the stream is idle.
  void read() {
    stages_.clear();
    for (std::size_t k = 0; k < used_; ++k) {
      const double seconds = spans_[k].timer->seconds();
      StageTime* same = nullptr;
      for (StageTime& s : stages_)
        if (s.name == spans_[k].name) same = &s;
      if (same)
        same->seconds += seconds;
      else
        stages_.push_back({spans_[k].name, seconds});
    }
  }

 private:
  struct Span {
    const char* name;
    std::unique_ptr<cuda::Timer> timer;
  };
  bool on_ = false;
  std::size_t used_ = 0;
  std::vector<Span> spans_;
  std::vector<StageTime> stages_;
};

}  // namespace mdlab

#pragma once
#include <memory>
#include <vector>

#include "core/stage-time.h"
#include "cuda/device.h"

namespace mdlab::cuda {

// Times each kernel that is enqueued on a stream, by events around it; read once the stream has
// been waited for. Kernels that are timed do not overlap. Off (as within a captured graph) it costs
// nothing.
class KernelClock {
 public:
  void turn(bool on) {
    on_ = on;
    if (on) used_ = 0;
  }
  // Of all launches of a kernel within a stage, in the order of the first.
  const std::vector<StageTime>& times() const { return times_; }

  // Kernels that body enqueues on the stream belong to this stage.
  template <class Body>
  void time(Stream& stream, const char* stage, const Body& body) {
    if (!on_) return body();
    stage_ = stage;
    const Carried carried(stream, *this);
    body();
  }

  // Call once the stream is idle.
  void read();

 private:
  friend class KernelTimed;
  struct Span {
    const char *stage, *kernel;
    std::unique_ptr<Timer> timer;
  };
  struct Carried {
    Carried(Stream& on, KernelClock& clock) : stream(on) { stream.setClock(&clock); }
    ~Carried() { stream.setClock(nullptr); }
    Stream& stream;
  };
  Timer& next(Stream& stream, const char* kernel);

  bool on_ = false;
  const char* stage_ = "";
  std::size_t used_ = 0;
  std::vector<Span> spans_;
  std::vector<StageTime> times_;
};

// Around one kernel, which the clock of the stream times where there is one.
class KernelTimed {
 public:
  KernelTimed(Stream& stream, const char* kernel)
      : timer_(stream.clock() ? &stream.clock()->next(stream, kernel) : nullptr) {
    if (timer_) timer_->start();
  }
  // Call once it is enqueued.
  void stop() {
    if (timer_) timer_->stop();
  }

 private:
  Timer* timer_;
};

}  // namespace mdlab::cuda

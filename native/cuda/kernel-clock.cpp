#include "cuda/kernel-clock.h"

#include <algorithm>

namespace mdlab::cuda {

Timer& KernelClock::next(Stream& stream, const char* kernel) {
  if (used_ == spans_.size()) spans_.push_back({nullptr, nullptr, std::make_unique<Timer>(stream)});
  Span& span = spans_[used_++];
  span.stage = stage_;
  span.kernel = kernel;
  return *span.timer;
}

void KernelClock::read() {
  times_.clear();
  for (std::size_t k = 0; k < used_; ++k) {
    const Span& span = spans_[k];
    const auto same = std::ranges::find_if(times_, [&](const StageTime& t) {
      return t.stage == span.stage && t.kernel == span.kernel;
    });
    StageTime& of =
        same == times_.end() ? times_.emplace_back(StageTime{span.stage, 0, span.kernel}) : *same;
    of.seconds += span.timer->seconds();
    ++of.launches;
  }
}

}  // namespace mdlab::cuda

#pragma once
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>

namespace mdlab {

// Lets host threads in one at a time, in the order they came. A plain mutex goes to whoever asks at
// the right moment, which is often the thread that has just given it back: one that works without a
// pause keeps every other out.
class Turnstile {
 public:
  void lock();
  // Throws Cancelled when asked to stop while it waits.
  void lockUnlessCancelled();
  void unlock();

 private:
  std::uint64_t join();

  std::mutex mutex_;
  std::condition_variable moved_;
  std::deque<std::uint64_t> tickets_;  // the first is let in
  std::uint64_t last_ = 0;
};

}  // namespace mdlab

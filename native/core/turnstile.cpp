#include "core/turnstile.h"

#include <chrono>

#include "core/cancel.h"

namespace mdlab {

std::uint64_t Turnstile::join() {
  tickets_.push_back(last_);
  return last_++;
}

void Turnstile::lock() {
  std::unique_lock lock(mutex_);
  const std::uint64_t mine = join();
  moved_.wait(lock, [&] { return tickets_.front() == mine; });
}

void Turnstile::lockUnlessCancelled() {
  constexpr std::chrono::milliseconds betweenLooks{5};
  std::unique_lock lock(mutex_);
  const std::uint64_t mine = join();
  while (!moved_.wait_for(lock, betweenLooks, [&] { return tickets_.front() == mine; }))
    if (cancelRequested()) {
      std::erase(tickets_, mine);  // not the first: nobody else is let in by this
      throw Cancelled();
    }
}

void Turnstile::unlock() {
  {
    std::lock_guard lock(mutex_);
    tickets_.pop_front();
  }
  moved_.notify_all();
}

}  // namespace mdlab

#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <memory>

namespace mdlab {

constexpr int maximumThreads = 256;

// One pool of threads serves the process: threads = cores unless setThreads() says otherwise
// (1..maximumThreads). Calls from several host threads take turns in the order they came, so the
// machine is never oversubscribed. threads() and setThreads() never wait and may be called
// anywhere.
int threads();
void setThreads(int count);

// Calls body(begin, end, worker) over [0, count) in pieces of at most `grain`. Pieces are handed
// out dynamically: a result must not depend on which worker computes it. `worker` is below
// maximumThreads, but not below what threads() says: another thread may set that at any time. The
// first exception of a piece is rethrown here after all workers have stopped. Throws Cancelled
// before the next piece once a cancel is requested; helpers see the caller's CancelScope. A call
// from inside a body runs serially, piece by piece, in the calling worker.
void parallelFor(std::int64_t count, std::int64_t grain,
                 const std::function<void(std::int64_t, std::int64_t, int)>& body);

// What each worker of loops keeps from piece to piece, made when it first asks.
template <class T>
class PerWorker {
 public:
  template <class... Arguments>
  T& at(int worker, const Arguments&... arguments) {
    auto& slot = slots_.at(worker);
    if (!slot) slot = std::make_unique<T>(arguments...);
    return *slot;
  }

 private:
  std::array<std::unique_ptr<T>, maximumThreads> slots_;
};

}  // namespace mdlab

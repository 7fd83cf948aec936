#pragma once
#include <cstdint>
#include <functional>

namespace mdlab {

// One pool of threads serves the process: threads = cores unless setThreads() says otherwise
// (1..256). Calls from several host threads take turns in the order they came, so the machine is
// never oversubscribed. threads() and setThreads() never wait and may be called anywhere.
int threads();
void setThreads(int count);

// Calls body(begin, end, worker) over [0, count) in pieces of at most `grain`. Pieces are handed
// out dynamically: a result must not depend on which worker computes it. `worker` is below what
// threads() last returned on the calling thread, whatever setThreads() another thread has called
// since: size workspaces by threads() shortly before. The first exception of a piece is rethrown
// here after all workers have stopped. Throws Cancelled before the next piece once a cancel is
// requested; helpers see the caller's CancelScope. A call from inside a body runs serially in the
// calling worker, as one piece.
void parallelFor(std::int64_t count, std::int64_t grain,
                 const std::function<void(std::int64_t, std::int64_t, int)>& body);

}  // namespace mdlab

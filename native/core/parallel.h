#pragma once
#include <cstdint>
#include <functional>

namespace mdlab {

// One pool of threads serves the process: threads = cores unless setThreads() says otherwise
// (1..256). Calls from several host threads take turns, so the machine is never oversubscribed.
int threads();
void setThreads(int count);

// Calls body(begin, end, worker) over [0, count) in pieces of at most `grain`, worker in [0,
// threads()). Pieces are handed out dynamically: a result must not depend on which worker computes
// it. The first exception of a piece is rethrown here after all workers have stopped. Throws
// Cancelled soon after a cancel request. A call from inside a body runs serially in the calling
// worker.
void parallelFor(std::int64_t count, std::int64_t grain,
                 const std::function<void(std::int64_t, std::int64_t, int)>& body);

}  // namespace mdlab

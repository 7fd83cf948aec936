#include "core/parallel.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "core/cancel.h"
#include "core/turnstile.h"

namespace mdlab {
namespace {

using Body = std::function<void(std::int64_t, std::int64_t, int)>;

thread_local int insideWorker = -1;

struct Job {
  std::int64_t count, grain;
  const Body* body;
  const CancelFlag* cancel;        // of the calling thread
  std::atomic<std::int64_t> next;  // first index not handed out
  std::atomic<bool> stop;
  std::mutex errorMutex;
  std::exception_ptr error;
};

void work(Job& job, int worker) {
  insideWorker = worker;
  const CancelScope scope(job.cancel);
  try {
    while (!job.stop.load(std::memory_order_relaxed)) {
      const std::int64_t begin = job.next.fetch_add(job.grain, std::memory_order_relaxed);
      if (begin >= job.count) break;
      throwIfCancelled();
      (*job.body)(begin, std::min(begin + job.grain, job.count), worker);
    }
  } catch (...) {
    std::lock_guard lock(job.errorMutex);
    if (!job.error) job.error = std::current_exception();
    job.stop = true;
  }
  insideWorker = -1;
}

// Helpers sleep until a job opens. A helper that wakes after the job has closed finds none and
// sleeps on, so a short loop never waits for a slow riser.
class Pool {
 public:
  explicit Pool(int wanted) : wanted_(wanted) {
    try {
      for (int w = 1; w < wanted; ++w) helpers_.emplace_back([this, w] { loop(w); });
    } catch (const std::system_error&) {
      // The system grants no more threads: work with those there are.
    }
  }
  ~Pool() {
    {
      std::lock_guard lock(mutex_);
      quit_ = true;
    }
    wake_.notify_all();
    for (auto& t : helpers_) t.join();
  }
  int wanted() const { return wanted_; }

  void run(Job& job) {
    {
      std::lock_guard lock(mutex_);
      job_ = &job;
      ++generation_;
    }
    wake_.notify_all();
    work(job, 0);
    std::unique_lock lock(mutex_);
    job_ = nullptr;
    done_.wait(lock, [this] { return active_ == 0; });
  }

 private:
  void loop(int worker) {
    std::uint64_t seen = 0;
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [&] { return quit_ || generation_ != seen; });
      if (quit_) return;
      seen = generation_;
      Job* job = job_;
      if (job == nullptr) continue;
      ++active_;
      lock.unlock();
      work(*job, worker);
      lock.lock();
      if (--active_ == 0) done_.notify_one();
    }
  }

  int wanted_;
  std::vector<std::thread> helpers_;
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  Job* job_ = nullptr;
  int active_ = 0;
  std::uint64_t generation_ = 0;
  bool quit_ = false;
};

// Both leaked on purpose: helpers may be asleep in them while the process exits.
Turnstile& turnstile() {
  static auto* only = new Turnstile;
  return *only;
}
Pool* pool = nullptr;  // touched only by the thread that is through the turnstile

std::atomic<int> wanted{0};

}  // namespace

int threads() {
  const int set = wanted.load(std::memory_order_relaxed);
  if (set > 0) return set;
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, maximumThreads);
}

void setThreads(int count) {
  if (count < 1 || count > maximumThreads)
    invalid("threads: must be 1.." + std::to_string(maximumThreads) + ", received " +
            std::to_string(count));
  wanted = count;
}

void parallelFor(std::int64_t count, std::int64_t grain, const Body& body) {
  if (count <= 0) return;
  grain = std::max<std::int64_t>(1, grain);
  if (insideWorker >= 0) {
    for (std::int64_t begin = 0; begin < count; begin += grain) {
      throwIfCancelled();
      body(begin, std::min(begin + grain, count), insideWorker);
    }
    return;
  }
  const int size = threads();
  Job job{count, grain, &body, attachedCancelFlag(), {0}, {false}, {}, {}};
  if (count <= grain || size == 1) {
    work(job, 0);
  } else {
    std::lock_guard turn(turnstile());
    if (pool == nullptr || pool->wanted() != size) {
      delete pool;
      pool = nullptr;
      pool = new Pool(size);
    }
    pool->run(job);
  }
  if (job.error) std::rethrow_exception(job.error);
}

}  // namespace mdlab

#include "core/parallel.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/cancel.h"

namespace mdlab {
namespace {

thread_local int insideWorker = -1;

struct Job {
  Job(std::int64_t n, std::int64_t piece,
      const std::function<void(std::int64_t, std::int64_t, int)>* f)
      : count(n), grain(piece), body(f) {}
  std::int64_t count, grain;
  const std::function<void(std::int64_t, std::int64_t, int)>* body;
  std::atomic<std::int64_t> next{0};
  std::atomic<bool> stop{false};
  std::mutex errorMutex;
  std::exception_ptr error;
};

void work(Job& job, int worker, bool watchCancel) {
  insideWorker = worker;
  try {
    while (!job.stop.load(std::memory_order_relaxed)) {
      const std::int64_t begin = job.next.fetch_add(job.grain);
      if (begin >= job.count) break;
      // Only the calling thread knows its job's flag; its exception stops the others.
      if (watchCancel) throwIfCancelled();
      (*job.body)(begin, std::min(begin + job.grain, job.count), worker);
    }
  } catch (...) {
    std::lock_guard lock(job.errorMutex);
    if (!job.error) job.error = std::current_exception();
    job.stop = true;
  }
  insideWorker = -1;
}

class Pool {
 public:
  explicit Pool(int size) {
    for (int w = 1; w < size; ++w) helpers_.emplace_back([this, w] { loop(w); });
  }
  ~Pool() {
    {
      std::lock_guard lock(mutex_);
      quit_ = true;
    }
    wake_.notify_all();
    for (auto& t : helpers_) t.join();
  }
  int size() const { return static_cast<int>(helpers_.size()) + 1; }

  void run(Job& job) {
    {
      std::lock_guard lock(mutex_);
      job_ = &job;
      busy_ = static_cast<int>(helpers_.size());
      ++generation_;
    }
    wake_.notify_all();
    work(job, 0, true);
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return busy_ == 0; });
    job_ = nullptr;
  }

 private:
  void loop(int worker) {
    std::uint64_t seen = 0;
    for (;;) {
      Job* job;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [&] { return quit_ || generation_ != seen; });
        if (quit_) return;
        seen = generation_;
        job = job_;
      }
      work(*job, worker, false);
      {
        std::lock_guard lock(mutex_);
        if (--busy_ == 0) done_.notify_one();
      }
    }
  }

  std::vector<std::thread> helpers_;
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  Job* job_ = nullptr;
  int busy_ = 0;
  std::uint64_t generation_ = 0;
  bool quit_ = false;
};

std::mutex turn;  // one parallel region at a time
int wanted = 0;
// Leaked on purpose: joining threads while the process exits (or dlclose runs) can deadlock.
Pool* pool = nullptr;

int defaultThreads() { return std::max(1u, std::thread::hardware_concurrency()); }

}  // namespace

int threads() {
  std::lock_guard lock(turn);
  return wanted > 0 ? wanted : defaultThreads();
}

void setThreads(int count) {
  if (count < 1 || count > 256)
    invalid("threads: must be 1..256, received " + std::to_string(count));
  std::lock_guard lock(turn);
  wanted = count;
}

void parallelFor(std::int64_t count, std::int64_t grain,
                 const std::function<void(std::int64_t, std::int64_t, int)>& body) {
  if (count <= 0) return;
  grain = std::max<std::int64_t>(1, grain);
  if (insideWorker >= 0) {
    body(0, count, insideWorker);
    return;
  }
  std::lock_guard lock(turn);
  const int size = wanted > 0 ? wanted : defaultThreads();
  if (!pool || pool->size() != size) {
    delete pool;
    pool = new Pool(size);
  }
  Job job(count, grain, &body);
  pool->run(job);
  if (job.error) std::rethrow_exception(job.error);
}

}  // namespace mdlab

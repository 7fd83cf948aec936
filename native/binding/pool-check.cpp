#include <algorithm>
#include <atomic>
#include <chrono>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include "binding/binding.h"
#include "core/buffer.h"
#include "core/parallel.h"
#include "core/turnstile.h"

// A loop over the thread pool whose answer is known, for tests of the pool.
namespace mdlab::binding {
namespace {

// Two threads that pass a turnstile `count` times each without a pause: how many times in a row one
// of them got through at most.
std::int64_t longestRow(std::int64_t count) {
  Turnstile turnstile;
  std::latch started(2);
  std::int64_t row = 0, longest = 0;
  int last = 0;
  const auto pass = [&](int who) {
    started.arrive_and_wait();
    for (std::int64_t k = 0; k < count; ++k) {
      turnstile.lockUnlessCancelled();
      std::this_thread::sleep_for(std::chrono::microseconds(100));
      row = last == who ? row + 1 : 1;
      last = who;
      longest = std::max(longest, row);
      turnstile.unlock();
    }
  };
  std::thread other(pass, 1);
  pass(2);
  other.join();
  return longest;
}

Napi::Value answer(Napi::Env env, double sum, double workers) {
  auto out = Napi::Object::New(env);
  out.Set("sum", sum);
  out.Set("workers", workers);
  return out;
}

// poolCheck(count, grain, how) -> {sum: of 0..count-1, workers: how many took part}. how: "sum";
// "nested": each index from a loop inside the loop; "throw": the middle index throws; "sleep": 1 ms
// per piece; "repeat": 5000 more loops follow without a pause. No loop: "allocate" holds a buffer
// of count numbers and gives its bytes as sum; "turns" gives longestRow().
Napi::Value jsPoolCheck(const Napi::CallbackInfo& info) {
  const std::int64_t count = info[0].ToNumber().Int64Value();
  const std::int64_t grain = info[1].ToNumber().Int64Value();
  const std::string how = info[2].ToString();
  if (how == "allocate") {
    const std::size_t before = bufferBytes();
    const Buffer<double> buffer(count);
    return answer(info.Env(), static_cast<double>(bufferBytes() - before), 0);
  }
  if (how == "turns") return answer(info.Env(), static_cast<double>(longestRow(count)), 2);
  std::vector<double> sums(maximumThreads);
  std::vector<char> used(maximumThreads);
  const auto add = [&](std::int64_t begin, std::int64_t end, int worker) {
    used.at(worker) = 1;
    for (std::int64_t i = begin; i < end; ++i) sums.at(worker) += static_cast<double>(i);
  };
  parallelFor(count, grain, [&](std::int64_t begin, std::int64_t end, int worker) {
    if (how == "throw" && begin <= count / 2 && count / 2 < end)
      invalid("poolCheck: index must not be the middle one, received " + std::to_string(count / 2));
    if (how == "sleep") std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (how == "nested")
      parallelFor(end - begin, 1, [&](std::int64_t b, std::int64_t e, int inner) {
        if (threads() < 1) invalid("poolCheck: threads() must answer inside a loop");
        if (e - b > 1) invalid("poolCheck: pieces must be as small inside a loop");
        add(begin + b, begin + e, inner);
      });
    else
      add(begin, end, worker);
  });
  std::atomic<std::int64_t> extra{0};
  for (int k = 0; how == "repeat" && k < 5000; ++k)
    parallelFor(count, grain, [&](std::int64_t begin, std::int64_t end, int) {
      for (; begin < end; ++begin) extra.fetch_add(begin, std::memory_order_relaxed);
    });
  double sum = 0, workers = 0;
  for (const double s : sums) sum += s;
  for (const char u : used) workers += u;
  return answer(info.Env(), sum, workers);
}

}  // namespace

void exportPoolCheck(Napi::Env env, Napi::Object exports) {
  exports.Set("poolCheck", Napi::Function::New<Guarded<jsPoolCheck>>(env, "poolCheck"));
}

}  // namespace mdlab::binding

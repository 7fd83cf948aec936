#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "binding/binding.h"
#include "core/buffer.h"
#include "core/parallel.h"

// A loop over the thread pool whose answer is known, for tests of the pool.
namespace mdlab::binding {
namespace {

// poolCheck(count, grain, how) -> {sum: of 0..count-1, workers: how many took part}. how: "sum";
// "nested": each index from a loop inside the loop; "throw": the middle index throws; "sleep": 1 ms
// per piece; "repeat": 5000 more loops follow without a pause. "allocate": no loop; holds a buffer
// of count numbers and gives its bytes as sum.
Napi::Value jsPoolCheck(const Napi::CallbackInfo& info) {
  const std::int64_t count = info[0].ToNumber().Int64Value();
  const std::int64_t grain = info[1].ToNumber().Int64Value();
  const std::string how = info[2].ToString();
  if (how == "allocate") {
    const std::size_t before = bufferBytes();
    const Buffer<double> buffer(count);
    auto held = Napi::Object::New(info.Env());
    held.Set("sum", static_cast<double>(bufferBytes() - before));
    held.Set("workers", 0);
    return held;
  }
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
  auto out = Napi::Object::New(info.Env());
  double sum = 0, workers = 0;
  for (const double s : sums) sum += s;
  for (const char u : used) workers += u;
  out.Set("sum", sum);
  out.Set("workers", workers);
  return out;
}

}  // namespace

void exportPoolCheck(Napi::Env env, Napi::Object exports) {
  exports.Set("poolCheck", Napi::Function::New<Guarded<jsPoolCheck>>(env, "poolCheck"));
}

}  // namespace mdlab::binding

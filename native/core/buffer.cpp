#include "core/buffer.h"

#include <atomic>
#include <string>

#include "core/error.h"

namespace mdlab {
namespace {
constexpr std::align_val_t alignment{64};
std::atomic<std::size_t> held{0}, peak{0};
}  // namespace

std::size_t bufferBytes() { return held; }
std::size_t bufferPeakBytes() { return peak; }
void resetBufferPeak() { peak = held.load(); }

namespace detail {

void* allocateTracked(std::size_t bytes) {
  void* memory = ::operator new(bytes, alignment, std::nothrow);
  if (!memory)
    throw Error("ENOMEM", "memory: could not allocate " + std::to_string(bytes) + " bytes with " +
                              std::to_string(held.load()) +
                              " bytes held; use fewer replicas or atoms, or another pipeline");
  const std::size_t now = held.fetch_add(bytes) + bytes;
  std::size_t seen = peak.load();
  while (now > seen && !peak.compare_exchange_weak(seen, now)) {
  }
  return memory;
}

void freeTracked(void* memory, std::size_t bytes) noexcept {
  if (!memory) return;
  ::operator delete(memory, alignment);
  held.fetch_sub(bytes);
}

}  // namespace detail
}  // namespace mdlab

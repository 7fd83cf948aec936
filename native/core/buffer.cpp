#include "core/buffer.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <atomic>
#include <limits>
#include <string>

#include "core/error.h"

namespace mdlab {
namespace {
// Large arrays ask for huge pages: a fresh 500 MB array else costs 130,000 page faults, and random
// access to it a TLB miss each.
constexpr std::size_t hugePage = std::size_t{2} << 20;
std::align_val_t alignmentOf(std::size_t bytes) {
  return std::align_val_t{bytes >= 2 * hugePage ? hugePage : 64};
}
std::atomic<std::size_t> held{0}, peak{0};
}  // namespace

std::size_t bufferBytes() { return held; }
std::size_t bufferPeakBytes() { return peak; }
void resetBufferPeak() { peak = held.load(); }

namespace detail {

void* allocateTracked(std::size_t count, std::size_t size) {
  const std::size_t bytes = count * size;
  const bool fits = count <= std::numeric_limits<std::ptrdiff_t>::max() / size;
  void* memory = fits ? ::operator new(bytes, alignmentOf(bytes), std::nothrow) : nullptr;
  if (!memory)
    throw Error("ENOMEM", "memory: could not allocate " + std::to_string(count) + " values of " +
                              std::to_string(size) + " bytes with " + std::to_string(held.load()) +
                              " bytes held; use fewer replicas or atoms, or another pipeline");
#ifdef __linux__
  if (bytes >= 2 * hugePage) madvise(memory, bytes / hugePage * hugePage, MADV_HUGEPAGE);
#endif
  const std::size_t now = held.fetch_add(bytes) + bytes;
  std::size_t seen = peak.load();
  while (now > seen && !peak.compare_exchange_weak(seen, now)) {
  }
  return memory;
}

void freeTracked(void* memory, std::size_t bytes) noexcept {
  if (!memory) return;
  ::operator delete(memory, alignmentOf(bytes));
  held.fetch_sub(bytes);
}

}  // namespace detail
}  // namespace mdlab

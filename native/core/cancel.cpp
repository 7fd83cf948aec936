#include "core/cancel.h"

namespace mdlab {
namespace {
std::atomic<bool> everything{false};
thread_local const CancelFlag* current = nullptr;
}  // namespace

void requestCancel() { everything.store(true, std::memory_order_relaxed); }
void clearCancel() { everything.store(false, std::memory_order_relaxed); }

bool cancelRequested() {
  return everything.load(std::memory_order_relaxed) ||
         (current != nullptr && current->load(std::memory_order_relaxed));
}

const CancelFlag* attachedCancelFlag() { return current; }

CancelScope::CancelScope(const CancelFlag* flag) : previous_(current) { current = flag; }
CancelScope::~CancelScope() { current = previous_; }

}  // namespace mdlab

#pragma once
#include <atomic>

#include "core/error.h"

namespace mdlab {

// Thrown where a run was asked to stop; code EINTERRUPTED.
struct Cancelled : Error {
  Cancelled() : Error("EINTERRUPTED", "interrupted: the run was asked to stop") {}
};

// One running job's own stop flag (an AbortSignal in JavaScript).
using CancelFlag = std::atomic<bool>;

// The process-wide flag: set by requestCancel() from any thread or any JavaScript environment that
// loaded this addon (the kernel's watchdog does), cleared before each notebook cell.
void requestCancel();
void clearCancel();

// True when the process-wide flag, or the flag attached to this thread, is set.
bool cancelRequested();
inline void throwIfCancelled() {
  if (cancelRequested()) throw Cancelled();
}

// The flag attached to this thread, or null.
const CancelFlag* attachedCancelFlag();

// Attaches a job's flag to the calling thread for the scope's life.
class CancelScope {
 public:
  explicit CancelScope(const CancelFlag* flag);
  ~CancelScope();
  CancelScope(const CancelScope&) = delete;
  CancelScope& operator=(const CancelScope&) = delete;

 private:
  const CancelFlag* previous_;
};

}  // namespace mdlab

#pragma once
#include <string>

namespace mdlab {

// Bytes the system can still give this process without swapping; 0 when it does not say.
double freeMemory();

// Throws Error(ENOMEM) naming asked, free and a remedy when an evaluation would need `bytes` and
// fewer are free; `reusable` bytes are held already. Small needs pass unasked.
void requireMemory(const std::string& subject, double bytes, double reusable);

}  // namespace mdlab

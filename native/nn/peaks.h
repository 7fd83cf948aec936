#pragma once
#include <cstdint>

// What this machine can do at most, measured: the yardstick of every benchmark.
namespace mdlab {

// Multiply-adds on all threads from registers alone, flop/s.
template <class T>
double peakFlops();

// Bytes/s of all threads together: each sums its own `bytes` again and again (read), or
// a = b + s·c over three arrays of `bytes` each (triad, counting three transfers per element).
double readBandwidth(std::int64_t bytes);
double triadBandwidth(std::int64_t bytes);

}  // namespace mdlab

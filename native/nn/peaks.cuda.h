#pragma once

// Arguments of the kernels in peaks.cu: plain types, pointers are device addresses.
namespace mdlab {

struct PeakArguments {
  const float* from;  // (count)
  float* to;          // (count)
  long long count;
  int rounds;
  int never;  // 0: what a thread computed is written only where this is not
};

}  // namespace mdlab

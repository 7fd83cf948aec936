#pragma once
// Shared by host and device code: plain types only.

namespace mdlab {

struct SelfTestArguments {
  int* values;  // (count)
  int count;
  int crash;  // reads an address that is nobody's
};

}  // namespace mdlab

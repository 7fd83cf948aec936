#pragma once
#include "cuda/device.h"

namespace mdlab {

// What a device can do at most, measured: bytes/s and operations/s (a multiply-add is two).
struct DevicePeaks {
  double memory = 0;  // bytes read alone, or read and written by a copy: the more of the two
  double l2 = 0;      // reads of a quarter of L2
  double shared = 0;  // reads without bank conflicts, all multiprocessors
  double float32 = 0, float64 = 0;
  double tf32 = 0, bfloat16 = 0, float16 = 0, int8 = 0;  // tensor cores, by mma.sync
};

// Takes about a tenth of a second and half a gigabyte. Throws Error(ENOMEM) where that is not free.
DevicePeaks devicePeaks(cuda::Device& device);

}  // namespace mdlab

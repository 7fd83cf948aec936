#pragma once
#include <string>
#include <vector>

#include "cuda/kernel.h"
#include "models/schnet/baseline.cuda.h"
#include "models/schnet/flash.cuda.h"
#include "models/schnet/schnet.h"

namespace mdlab {

// The basis of `f` with K = width, everything else unset.
EdgeBasis edgeBasisOf(const FlashBasis& f, int width);

// The operations of baseline.cu over arrays of edges, loaded for one element type and activation.
class EdgeOperations {
 public:
  EdgeOperations(bool half, Activation activation) : half_(half), activation_(activation) {}
  void load(cuda::Device& device);
  // Of the evaluation: `count` is a device address, `capacity` what the arrays hold.
  void setEdges(const int* count, std::int64_t capacity) {
    count_ = count;
    capacity_ = capacity;
  }

  // `o` without `edges`; `op` one of edgeop::.
  void run(cuda::Stream& stream, int op, EdgeOperation o) const;
  void sum(cuda::Stream& stream, EdgeSum s) const;
  // Zeroes out and adds by atomics.
  void scatter(cuda::Stream& stream, EdgeAggregate a) const;
  void segments(cuda::Stream& stream, EdgeAggregate a) const;
  void geometry(cuda::Stream& stream, const EdgeGeometry& g) const;
  void envelope(cuda::Stream& stream, EdgeBasis b) const;
  void basis(cuda::Stream& stream, EdgeBasis b, bool reverse) const;
  void slope(cuda::Stream& stream, EdgeSlope s) const;
  void forces(cuda::Stream& stream, EdgeForces f, bool segments) const;

 private:
  template <class A>
  void launch(cuda::Stream& stream, int kernel, A a, cuda::Dim3 grid, cuda::Dim3 block) const;
  template <class A>
  void overEdges(cuda::Stream& stream, int kernel, A a, int perBlock, cuda::Dim3 block) const;

  bool half_;
  Activation activation_;
  std::vector<std::string> names_;
  cuda::KernelModule module_;
  const int* count_ = nullptr;
  std::int64_t capacity_ = 0;
};

}  // namespace mdlab

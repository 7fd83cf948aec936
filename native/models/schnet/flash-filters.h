#pragma once
#include "cuda/device.h"
#include "models/schnet/flash.cuda.h"
#include "models/schnet/schnet.h"
#include "nn/packed-operands.h"

namespace mdlab {

// The filter networks of all blocks in the operand format of `options`, and the basis, as the
// kernels of flash.cu take them.
class FlashFilters {
 public:
  FlashFilters(const SchnetConfig& config, const SchnetParameters& parameters,
               const SchnetOptions& options);
  // Copies to the device on first use.
  void upload(cuda::Stream& stream);

  TileFormat format() const { return format_; }
  int basisStride() const { return K_; }   // K in whole steps of depth
  int filterStride() const { return F_; }  // F likewise
  const FlashBasis& basis() const { return basis_; }
  const FlashNetwork& network(int block) const { return networks_[block]; }
  std::size_t weightBytes() const;  // of one block, both layers
  double bytes() const;             // of all, on the device

 private:
  struct Scales {
    double hidden, slope;  // what activations and their slopes are multiplied by
  };
  void makeBasis(const RadialBasis& basis);
  Scales scalesOf(const SchnetConfig& config, const SchnetBlock& block) const;
  void addBlock(const SchnetConfig& config, const SchnetBlock& block, bool perChannel);

  int K_, F_;
  TileFormat format_;
  FlashBasis basis_{};
  std::vector<FlashNetwork> networks_;
  std::vector<std::uint32_t> words_;
  std::vector<float> floats_;
  std::vector<std::size_t> wordAt_, floatAt_;  // of each block
  cuda::DeviceBuffer<std::uint32_t> deviceWords_;
  cuda::DeviceBuffer<float> deviceFloats_;
};

}  // namespace mdlab

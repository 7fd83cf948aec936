#pragma once
#include <memory>
#include <string>
#include <vector>

#include "cuda/kernel.h"
#include "models/schnet/interaction-on-device.h"
#include "models/schnet/node-network.cuda.h"

namespace mdlab {

// NodeNetwork on a device: everything of SchNet that sees one atom at a time, one kernel between
// each two interactions. Rows of features are featureStride() long.
class NodeNetworkOnDevice {
 public:
  // Configuration and parameters must outlive it. `half`: 16-bit weights and activations, one
  // product each; else two halves each, as good as float32.
  NodeNetworkOnDevice(cuda::Device& device, const SchnetConfig& config,
                      const SchnetParameters& parameters, bool half);

  // Sizes all arrays, picks the kernels, and reads the types: y of the first block is made here.
  void prepare(cuda::Stream& stream, const DeviceBatch& batch, bool gradient);
  const float* y(int block) const { return y_.at(block).data(); }  // (atoms,F)
  float* m() const { return m_.data(); }                           // (atoms,F)
  float* gradY() const { return gradY_.data(); }                   // (atoms,F)

  // After the messages m of a block that is not the last: x, and y of the next.
  void update(cuda::Stream& stream, const DeviceBatch& batch, int block);
  // After those of the last: energies of atoms, and with gradient m <- dE/dm.
  void top(cuda::Stream& stream, const DeviceBatch& batch);
  // After gradY of a block that is not the first: m <- dE/dm of the one before. `energy` is added
  // to when not null.
  void reverse(cuda::Stream& stream, const DeviceBatch& batch, int block, double* energy);
  // Adds the systems' energies, for where no reverse() does.
  void energies(cuda::Stream& stream, const DeviceBatch& batch, double* energy);

  double bytes(double atoms) const;

 private:
  struct Matrix {
    cuda::DeviceBuffer<std::uint16_t> narrow, wide;
    cuda::DeviceBuffer<float> bias;
    NodeMatrix view{};
  };
  // How atoms are cut into tiles; `size`: what the kernels are compiled for.
  struct Tiling {
    bool wide = false;
    int size = 0, rows = 0, blocks = 0;
  };
  struct Block {
    Matrix lin1, lin2, lin, lin1Reverse, lin2Reverse, linReverse;
  };
  void upload(cuda::Stream& stream);
  Tiling wideTiling(std::int64_t atoms) const;
  Tiling narrowTiling(std::int64_t atoms) const;
  void compile(const Tiling& tiling);
  NodeMatrix view(const Matrix& matrix) const;
  cuda::Geometry geometry(int extraBlocks, int widest) const;
  NodeEnergyArguments energyArguments(const DeviceBatch& batch, double* energy) const;

  cuda::Device& device_;
  const SchnetConfig& config_;
  const SchnetParameters& parameters_;
  bool half_, canBeWide_, gradient_ = false, uploaded_ = false;
  int H_, F_, widest_;
  Tiling tiling_;
  float embeddingNorm_ = 0, lastNorm_ = 0;
  std::vector<Block> blocks_;
  std::vector<Matrix> head_, headReverse_;
  cuda::DeviceBuffer<float> embedding_, rows_, last_;
  cuda::DeviceBuffer<float> x_, m_, gradY_, bound_, atomEnergy_;
  std::vector<cuda::DeviceBuffer<float>> y_, slope_, headSlope_;
  cuda::KernelModule module_;
  cuda::Kernel<NodeUpdateArguments> updateKernel_;
  cuda::Kernel<NodeTopArguments> topKernel_, topReverseKernel_;
  cuda::Kernel<NodeReverseArguments> reverseKernel_;
  cuda::Kernel<NodeEnergyArguments> energyKernel_;
  cuda::Kernel<NodeEmbedArguments> embedKernel_;
};

}  // namespace mdlab

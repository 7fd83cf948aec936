#pragma once
#include <memory>

#include "cuda/device.h"
#include "models/schnet/schnet.h"
#include "neighbors/device-list.h"
#include "system/device-batch.h"

namespace mdlab {

// Step 3 of schnet.h and its reverse on a device; features are float (atoms, featureStride(F)),
// padding channels are 0. All but prepare() are capturable.
class InteractionOnDevice {
 public:
  virtual ~InteractionOnDevice() = default;
  virtual bool needsList(const DeviceBatch& batch) const = 0;
  virtual void prepare(cuda::Stream& stream, const DeviceBatch& batch, std::int64_t edges,
                       bool gradient) = 0;
  // Called first in every evaluation: geometry of this step's positions.
  virtual void begin(cuda::Stream& stream, const DeviceBatch& batch,
                     const DeviceListView* list) = 0;
  // m_i = Σ_j y_j ⊙ W(r_ij).
  virtual void forward(cuda::Stream& stream, int block, const float* y, float* m) = 0;
  // gradY_j = Σ_i gradM_i ⊙ W(r_ij), unless null, and keeps dE/dr for the forces.
  virtual void reverse(cuda::Stream& stream, int block, const float* y, const float* gradM,
                       float* gradY) = 0;
  // Adds forces and virial, in eV and Å.
  virtual void finish(cuda::Stream& stream, const DeviceEvaluation& out) = 0;
  // Bytes of all arrays that grow with edges or atoms.
  virtual double estimate(double edges, double atoms) const = 0;
  virtual const TableReport* table() const { return nullptr; }
};

// Channels are padded to whole warps.
constexpr int featureStride(int channels) { return (channels + 31) / 32 * 32; }

std::unique_ptr<InteractionOnDevice> makeTableOnDevice(cuda::Device& device,
                                                       const SchnetConfig& config,
                                                       const SchnetParameters& parameters,
                                                       const SchnetOptions& options);
std::unique_ptr<InteractionOnDevice> makeFlashOnDevice(cuda::Device& device,
                                                       const SchnetConfig& config,
                                                       const SchnetParameters& parameters,
                                                       const SchnetOptions& options);
std::unique_ptr<InteractionOnDevice> makeBaselineOnDevice(cuda::Device& device,
                                                          const SchnetConfig& config,
                                                          const SchnetParameters& parameters,
                                                          const SchnetOptions& options);

}  // namespace mdlab

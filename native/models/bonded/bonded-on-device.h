#pragma once
#include <memory>

#include "models/bonded/bonded.h"
#include "models/device-potential.h"

namespace mdlab {

// The device twin of Bonded: the same terms, in double but for the repulsion, whose differences
// keep all digits of a float (relative error of its forces about 3e-7).
class BondedOnDevice final : public DevicePotential {
 public:
  // Throws what Bonded does.
  BondedOnDevice(cuda::Device& device, std::shared_ptr<Bonded> terms);
  ~BondedOnDevice() override;

  double cutoff() const override { return 0; }
  bool needsList(const DeviceBatch&) const override { return false; }
  void checkBatch(const Batch& batch) const override { terms_->checkBatch(batch); }
  // Says which particles are at fault, as the host does.
  void explain(const Batch& batch, std::int32_t system) const override;
  void prepare(cuda::Stream& stream, const DeviceBatch& batch, std::int64_t edges, bool forces,
               bool virial) override;
  void enqueue(cuda::Stream& stream, const DeviceBatch& batch, const DeviceListView* list,
               const DeviceEvaluation& out) override;

  // The same terms on the host, for what is asked rarely.
  Bonded& onHost() const { return *terms_; }

 private:
  struct OnDevice;
  std::shared_ptr<Bonded> terms_;
  std::unique_ptr<OnDevice> onDevice_;
};

}  // namespace mdlab

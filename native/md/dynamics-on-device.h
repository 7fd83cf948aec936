#pragma once
#include "md/dynamics.h"
#include "models/device-potential.h"

namespace mdlab {

class MotionOnDevice;

// Steps on the GPU of a potential: list, forces and integrator follow one another there, replayed
// as graphs, in chunks of about 30 ms between which stop requests are heard. The host's state is
// brought up to date where advance() ends. A list that outgrows its room, or a step that goes
// wrong, is found at the end of its chunk: the state kept from before it is put back and the steps
// are taken again, so that none is lost and the bits are those of a run that had room from the
// start. Where the device is lost the state is that of the last advance() that ended well.
class DynamicsOnDevice final : public Dynamics {
 public:
  DynamicsOnDevice(std::shared_ptr<DevicePotential> potential, Topology topology,
                   DynamicsOptions options);
  ~DynamicsOnDevice() override;

  void advance(std::int64_t steps) override;
  std::span<const double> listBuiltAt() const override { return listBuiltAt_; }
  std::int64_t listRebuilds() const override { return listRebuilds_; }
  bool onDevice() const override { return true; }

 private:
  void changed() override { stale_ = true; }
  void buildListAt(std::span<const double> positions) override;
  void begin();
  void takeChunk(std::int64_t most);
  void download(bool kept);
  [[noreturn]] void blame(const struct MotionStatus& status);

  std::shared_ptr<DevicePotential> potential_;
  std::unique_ptr<MotionOnDevice> motion_;
  std::vector<double> listBuiltAt_;
  std::int64_t listRebuilds_ = 0;
  bool stale_ = true;          // the device does not have the host's state
  std::int64_t heldStep_ = 0;  // of the host's state
  std::int64_t chunk_ = 4;     // steps between looks at the host
};

}  // namespace mdlab

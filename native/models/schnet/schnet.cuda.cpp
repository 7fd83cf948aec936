#include "core/error.h"
#include "cuda/kernel-clock.h"
#include "models/device-potential.h"
#include "models/schnet/node-network-on-device.h"
#include "neighbors/neighbor-list.h"

// The order of one evaluation on a device, shared by all pipelines: node layers here, message
// passing behind InteractionOnDevice.
namespace mdlab {

namespace {

std::unique_ptr<InteractionOnDevice> makeInteraction(cuda::Device& device,
                                                     const SchnetConfig& config,
                                                     const SchnetParameters& parameters,
                                                     const SchnetOptions& options) {
  if (options.pipeline == SchnetPipeline::table)
    return makeTableOnDevice(device, config, parameters, options);
  if (isFlash(options)) return makeFlashOnDevice(device, config, parameters, options);
  return makeBaselineOnDevice(device, config, parameters, options);
}

class SchnetOnDevice final : public DevicePotential, public SchnetReport {
 public:
  SchnetOnDevice(cuda::Device& device, const SchnetConfig& config,
                 const SchnetParameters& parameters, const SchnetOptions& options)
      : DevicePotential(device), config_(config), parameters_(parameters), options_(options) {
    release();
  }

  // Parts made anew hold nothing that grows with a batch.
  void release() override {
    clock_ = {};
    interaction_.reset();
    node_ = std::make_unique<NodeNetworkOnDevice>(device(), config_, parameters_,
                                                  options_.techniques.weights16);
    interaction_ = makeInteraction(device(), config_, parameters_, options_);
  }

  double cutoff() const override { return config_.cutoff(); }
  const std::vector<StageTime>& times() const override { return clock_.times(); }
  const TableReport* table() const override { return interaction_->table(); }
  double estimate(double edges, double atoms) const override {
    return interaction_->estimate(edges, atoms) + node_->bytes(atoms);
  }

  bool needsList(const DeviceBatch& batch) const override { return interaction_->needsList(batch); }
  bool joins() const override { return true; }
  void checkBatch(const Batch& batch) const override { checkTypes(batch, config_); }

  void prepare(cuda::Stream& stream, const DeviceBatch& batch, std::int64_t edges, bool forces,
               bool virial) override {
    node_->prepare(stream, batch, forces || virial);
    interaction_->prepare(stream, batch, edges, forces || virial);
  }

  void enqueue(cuda::Stream& stream, const DeviceBatch& batch, const DeviceListView* list,
               const DeviceEvaluation& out) override {
    if (batch.atoms == 0) return;
    const bool gradient = out.forces || out.virial;
    const auto time = [&](const char* name, const auto& body) { clock_.time(stream, name, body); };
    time("geometry", [&] { interaction_->begin(stream, batch, list); });
    const int last = config_.blocks - 1;
    for (int l = 0; l <= last; ++l) {
      time("message", [&] { interaction_->forward(stream, l, node_->y(l), node_->m()); });
      if (l < last) time("node", [&] { node_->update(stream, batch, l); });
    }
    time("head", [&] { node_->top(stream, batch); });
    if (!gradient || last == 0) stream.join();
    if (gradient) {
      for (int l = last; l >= 0; --l) {
        // Nothing below the first block depends on positions.
        float* gradY = l > 0 ? node_->gradY() : nullptr;
        time("message reverse",
             [&] { interaction_->reverse(stream, l, node_->y(l), node_->m(), gradY); });
        if (l == 0) break;
        // Where other terms' results are waited for the kernel starts late: one that has nothing
        // to do before.
        if (l == 1) stream.join();
        time("node reverse",
             [&] { node_->reverse(stream, batch, l, l == 1 ? out.energy : nullptr); });
      }
      time("forces", [&] { interaction_->finish(stream, out); });
    }
    if (out.energy && (!gradient || last == 0))
      time("head", [&] { node_->energies(stream, batch, out.energy); });
  }

  void explain(const Batch& batch, std::int32_t system) const override {
    NeighborList touching;
    buildNeighborList(batch, 1e-10 * config_.lengthUnit, 0, {}, touching);
    for (std::int32_t i = 0; i < batch.atoms(); ++i)
      if (touching.rowStart[i] < touching.rowStart[i + 1])
        atomsCoincide(batch, i, touching.column[touching.rowStart[i]]);
    numeric("schnet: energy and forces must be finite, those of system " + std::to_string(system) +
            " are not; check its geometry and the model's weights");
  }

  void timeKernels(bool on) override { clock_.turn(on); }
  void readKernelTimes() override { clock_.read(); }

 private:
  SchnetConfig config_;
  SchnetParameters parameters_;
  SchnetOptions options_;
  std::unique_ptr<NodeNetworkOnDevice> node_;
  std::unique_ptr<InteractionOnDevice> interaction_;
  cuda::KernelClock clock_;
};

}  // namespace

std::shared_ptr<DevicePotential> makeSchnetCuda(cuda::Device& device, const SchnetConfig& config,
                                                const SchnetParameters& parameters,
                                                const SchnetOptions& options) {
  device.use();
  return std::make_shared<SchnetOnDevice>(device, config, parameters, options);
}

}  // namespace mdlab

#include "models/schnet/baseline.h"
#include "models/schnet/flash.h"
#include "models/schnet/memory.h"
#include "models/schnet/node-network.h"
#include "models/schnet/table.h"

// The order of one evaluation, shared by all cpu pipelines: node layers here, message passing
// behind the Interaction interface.
namespace mdlab {
namespace {

template <class T>
class SchnetCpu final : public Schnet {
 public:
  SchnetCpu(const SchnetConfig& config, const SchnetParameters& parameters,
            const SchnetOptions& options)
      : config_(config),
        options_(options),
        node_(config, parameters, options.techniques.weights16),
        basis_(config.basis) {
    for (const SchnetBlock& b : parameters.blocks)
      filters_.emplace_back(config_, b, basis_, options.techniques.weights16);
    const InteractionContext<T> context{config_, options_, filters_, basis_, clock_};
    if (options.pipeline == SchnetPipeline::table)
      interaction_ = makeTable(context, parameters);
    else if (isFlash(options))
      interaction_ = makeFlash(context);
    else
      interaction_ = makeBaseline(context);
  }

  double cutoff() const override { return config_.cutoff(); }
  void checkBatch(const Batch& batch) const override { checkTypes(batch, config_); }
  const std::vector<StageTime>& times() const override { return clock_.times(); }
  const TableReport* table() const override { return interaction_->table(); }
  double estimate(double edges, double atoms) const override {
    return interaction_->estimate(edges, atoms) + node_.bytes(atoms) +
           atoms * (sizeof(T) * node_.filters() + sizeof(double));
  }

  void evaluate(const Batch& batch, const NeighborList* list, const Evaluation& out) override {
    if (!list) invalid("schnet: needs a neighbour list, received none");
    if (batch.atoms() == 0) return;
    checkBatch(batch);
    clock_.reset();
    requireMemory("schnet", estimate(static_cast<double>(list->edges()), batch.atoms()),
                  bufferBytes());
    const bool gradient = !out.forces.empty() || !out.virial.empty();
    clock_.time("geometry", [&] { interaction_->prepare(batch, *list, gradient); });
    forward(batch, out, gradient);
    if (gradient) reverse(batch, out);
    checkFinite(batch, out);
  }

 private:
  void forward(const Batch& batch, const Evaluation& out, bool gradient) {
    clock_.time("node", [&] { node_.embed(batch); });
    for (int l = 0; l < config_.blocks; ++l) {
      interaction_->forward(l, node_.y(l), node_.m());
      clock_.time("node", [&] { node_.update(l); });
    }
    atomEnergy_.reset(batch.atoms());
    clock_.time("head", [&] { node_.head(atomEnergy_.span(), gradient); });
    for (std::int32_t s = 0; s < batch.systems(); ++s) {
      double sum = 0;
      for (std::int32_t i = batch.offsets[s]; i < batch.offsets[s + 1]; ++i) sum += atomEnergy_[i];
      out.energy[s] += sum * config_.energyUnit;
    }
  }

  void reverse(const Batch& batch, const Evaluation& out) {
    gradY_.reset(std::size_t(batch.atoms()) * node_.filters());
    for (int l = config_.blocks; l-- > 0;) {
      clock_.time("node reverse", [&] { node_.reverseUpdate(l); });
      // Nothing below the first block depends on positions.
      T* gradY = l > 0 ? gradY_.data() : nullptr;
      interaction_->reverse(l, node_.y(l), node_.m(), gradY);
      if (gradY) clock_.time("node reverse", [&] { node_.reverseLin1(l, gradY); });
    }
    interaction_->finish(out);
  }

  SchnetConfig config_;
  SchnetOptions options_;
  StageClock clock_;
  NodeNetwork<T> node_;
  RadialBasisTile<T> basis_;
  std::vector<FilterNetwork<T>> filters_;
  std::unique_ptr<Interaction<T>> interaction_;
  Buffer<double> atomEnergy_;
  Buffer<T> gradY_;
};

}  // namespace

template <class T>
std::shared_ptr<Schnet> makeSchnetCpu(const SchnetConfig& config,
                                      const SchnetParameters& parameters,
                                      const SchnetOptions& options) {
  return std::make_shared<SchnetCpu<T>>(config, parameters, options);
}
template std::shared_ptr<Schnet> makeSchnetCpu<float>(const SchnetConfig&, const SchnetParameters&,
                                                      const SchnetOptions&);
template std::shared_ptr<Schnet> makeSchnetCpu<double>(const SchnetConfig&, const SchnetParameters&,
                                                       const SchnetOptions&);

}  // namespace mdlab

#include "models/schnet/table.cuda.h"

#include <algorithm>

#include "core/error.h"
#include "cuda/kernel.h"
#include "cuda/listed-kernels.h"
#include "models/schnet/table-on-device.h"
#include "models/schnet/tournament.h"

namespace mdlab {
namespace {

constexpr const char* file = "models/schnet/table.cu";

std::string filterName(bool packed, int perLane) {
  return std::string(packed ? "mdlab::PackedFilter<" : "mdlab::SplineFilter<") +
         std::to_string(perLane) + ">";
}
std::string forwardName(const std::string& filter) { return "mdlab::tableForward<" + filter + ">"; }
std::string reverseName(const std::string& filter, bool withY) {
  return "mdlab::tableReverse<" + filter + ", " + (withY ? "true" : "false") + ">";
}
std::vector<std::string> kernelNames(const std::string& filter) {
  return {"mdlab::tableBegin", "mdlab::tableFinish",      "mdlab::tableVirial",
          forwardName(filter), reverseName(filter, true), reverseName(filter, false)};
}
const cuda::ListedKernels listed1(file, kernelNames(filterName(false, 1))),
    listed2(file, kernelNames(filterName(false, 2))),
    packed1(file, kernelNames(filterName(true, 1))),
    packed2(file, kernelNames(filterName(true, 2)));

// The path over a neighbour list of directed pairs.
class ListTable final : public InteractionOnDevice {
 public:
  explicit ListTable(FilterTables& tables)
      : tables_(tables), perLane_(tables.channelsPerLane(mostWarps * tableForwardArea)) {
    if (perLane_ == 0)
      throw Error("EUNSUPPORTED", "schnet: a filter table of " +
                                      std::to_string(tables.grid().intervals) +
                                      " intervals must fit the GPU's shared memory of " +
                                      std::to_string(tables.device().info().sharedPerBlock) +
                                      " bytes; raise the tolerance");
  }

  bool needsList(const DeviceBatch&) const override { return true; }

  void prepare(cuda::Stream& stream, const DeviceBatch& batch, std::int64_t edges,
               bool gradient) override {
    if (!forward_.function) {
      const std::string filter = filterName(tables_.packed(), perLane_);
      module_ = cuda::KernelModule(tables_.device(), file, kernelNames(filter));
      begin_ = module_.kernel<TableBegin>("mdlab::tableBegin");
      finish_ = module_.kernel<TableFinish>("mdlab::tableFinish");
      virial_ = module_.kernel<TableVirial>("mdlab::tableVirial");
      forward_ = module_.kernel<TableMessage>(forwardName(filter));
      for (const bool withY : {false, true})
        reverse_[withY] = module_.kernel<TableReverse>(reverseName(filter, withY));
    }
    tables_.upload(stream, perLane_);
    slots_ = edges + 8 * (std::int64_t{batch.atoms} + 1);
    place_.reset(stream, slots_);
    atom_.reset(stream, slots_);
    unit_.reset(stream, slots_);
    count_.reset(stream, batch.atoms);
    if (gradient) {
      slope_.reset(stream, slots_ * tables_.slices(perLane_));
      rowVirial_.reset(stream, 6 * std::size_t(batch.atoms));
    }
    forwardLaunch_ = launchFor(forward_.function, mostWarps, tableForwardArea, batch.atoms);
    reverseLaunch_ =
        launchFor(reverse_[1].function, mostReverseWarps, tableReverseArea, batch.atoms);
  }

  void begin(cuda::Stream& stream, const DeviceBatch& batch, const DeviceListView* list) override {
    batch_ = batch;
    rows_ = {batch.atoms, list->rowStart, count_.data(), place_.data(), atom_.data(), unit_.data()};
    first_ = true;
    cuda::launch(stream, begin_, {cuda::blocksFor(batch.atoms, 4), {128}},
                 {batch, *list, tables_.grid(), rows_, tables_.emptyPlace()});
  }

  void forward(cuda::Stream& stream, int block, const float* y, float* m) override {
    cuda::launch(stream, forward_, forwardLaunch_.geometry,
                 {rows_, slicesOf(block), forwardLaunch_.parts, y, m});
  }

  void reverse(cuda::Stream& stream, int block, const float* y, const float* gradM,
               float* gradY) override {
    cuda::launch(stream, reverse_[gradY != nullptr], reverseLaunch_.geometry,
                 {rows_, slicesOf(block), reverseLaunch_.parts, !first_, y, gradM, gradY,
                  slope_.data(), slots_});
    first_ = false;
  }

  void finish(cuda::Stream& stream, const DeviceEvaluation& out) override {
    double* rowVirial = out.virial ? rowVirial_.data() : nullptr;
    cuda::launch(stream, finish_, {cuda::blocksFor(batch_.atoms, 4), {128}},
                 {rows_, tables_.grid(), slope_.data(), slots_, tables_.slices(perLane_),
                  tables_.slopeFactor() * tables_.energyUnit(), out.forces, rowVirial});
    if (rowVirial)
      cuda::launch(stream, virial_, {{static_cast<unsigned>(batch_.systems)}, {256}},
                   {batch_, rowVirial, out.virial});
  }

  double estimate(double edges, double atoms) const override {
    const double perSlot = sizeof(unsigned) + sizeof(int) + sizeof(TableDirection) +
                           sizeof(float) * tables_.slices(perLane_);
    return (edges + 8 * atoms) * perSlot + atoms * (sizeof(int) + 6 * sizeof(double));
  }

 private:
  static constexpr int mostWarps = 32, mostReverseWarps = 24;
  struct Launch {
    cuda::Geometry geometry;
    int parts = 1;
  };

  // Blocks that are all on the device at once, the same number for every slice; where there are
  // fewer rows than warps, several warps share a row.
  Launch launchFor(cuda::FunctionHandle* function, int warps, int area, int atoms) const {
    const int slices = tables_.slices(perLane_);
    Launch l;
    l.geometry.sharedBytes = tables_.sliceBytes(perLane_) + std::size_t(warps) * area;
    const int resident =
        tables_.device().info().multiprocessors *
        std::max(1, cuda::activeBlocks(function, 32 * warps, l.geometry.sharedBytes));
    const int groups = std::max(1, std::min(resident / slices, atoms));
    const int rows = (atoms + groups - 1) / groups;  // of a block
    l.parts = std::clamp(warps / rows, 1, 8);
    l.geometry.block = {static_cast<unsigned>(32 * (warps / l.parts) * l.parts)};
    l.geometry.grid = {static_cast<unsigned>(groups * slices)};
    l.geometry.overlap = true;  // the table is copied while the kernel before drains
    return l;
  }

  TableSlices slicesOf(int block) const {
    return {tables_.block(block, perLane_), tables_.scales(block), tables_.rows(),
            tables_.slices(perLane_), tables_.features()};
  }

  FilterTables& tables_;
  int perLane_;
  cuda::KernelModule module_;
  cuda::Kernel<TableBegin> begin_;
  cuda::Kernel<TableMessage> forward_;
  cuda::Kernel<TableReverse> reverse_[2];  // without and with gradY
  cuda::Kernel<TableFinish> finish_;
  cuda::Kernel<TableVirial> virial_;
  Launch forwardLaunch_, reverseLaunch_;
  DeviceBatch batch_{};
  TableRows rows_{};
  std::int64_t slots_ = 0;
  bool first_ = true;
  cuda::DeviceBuffer<unsigned> place_;
  cuda::DeviceBuffer<int> atom_, count_;
  cuda::DeviceBuffer<TableDirection> unit_;
  cuda::DeviceBuffer<float> slope_;
  cuda::DeviceBuffer<double> rowVirial_;
};

// The pipeline: for each batch the path that suits it.
class TableOnDevice final : public InteractionOnDevice {
 public:
  TableOnDevice(cuda::Device& device, const SchnetConfig& config,
                const SchnetParameters& parameters, const SchnetOptions& options)
      : tables_(device, config, parameters, options),
        overList_(makeListTable(tables_)),
        overTeams_(makeTournament(tables_)) {}

  bool needsList(const DeviceBatch& batch) const override {
    return tables_.packed() || !tournamentTakes(tables_, batch);
  }
  void prepare(cuda::Stream& stream, const DeviceBatch& batch, std::int64_t edges,
               bool gradient) override {
    path_ = needsList(batch) ? overList_.get() : overTeams_.get();
    path_->prepare(stream, batch, edges, gradient);
  }
  void begin(cuda::Stream& stream, const DeviceBatch& batch, const DeviceListView* list) override {
    path_->begin(stream, batch, list);
  }
  void forward(cuda::Stream& stream, int block, const float* y, float* m) override {
    path_->forward(stream, block, y, m);
  }
  void reverse(cuda::Stream& stream, int block, const float* y, const float* gradM,
               float* gradY) override {
    path_->reverse(stream, block, y, gradM, gradY);
  }
  void finish(cuda::Stream& stream, const DeviceEvaluation& out) override {
    path_->finish(stream, out);
  }
  double estimate(double edges, double atoms) const override {
    return (path_ ? path_ : overList_.get())->estimate(edges, atoms) + tables_.bytes();
  }
  const TableReport* table() const override { return &tables_.report(); }

 private:
  FilterTables tables_;
  std::unique_ptr<InteractionOnDevice> overList_, overTeams_;
  InteractionOnDevice* path_ = nullptr;
};

}  // namespace

std::unique_ptr<InteractionOnDevice> makeListTable(FilterTables& tables) {
  return std::make_unique<ListTable>(tables);
}

std::unique_ptr<InteractionOnDevice> makeTableOnDevice(cuda::Device& device,
                                                       const SchnetConfig& config,
                                                       const SchnetParameters& parameters,
                                                       const SchnetOptions& options) {
  return std::make_unique<TableOnDevice>(device, config, parameters, options);
}

}  // namespace mdlab

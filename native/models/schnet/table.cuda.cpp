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

std::string filterName(SchnetEntries entries, int perLane) {
  const std::string lane = std::to_string(perLane);
  switch (entries) {
    case SchnetEntries::float16:
      return "mdlab::PackedFilter<" + lane + ", mdlab::PackedDigits::half>";
    case SchnetEntries::int16:
      return "mdlab::PackedFilter<" + lane + ", mdlab::PackedDigits::fixed>";
    case SchnetEntries::float32:
      break;
  }
  return "mdlab::SplineFilter<" + lane + ">";
}
std::string forwardName(const std::string& filter) { return "mdlab::tableForward<" + filter + ">"; }
std::string reverseName(const std::string& filter, bool withY, bool owned) {
  return "mdlab::tableReverse<" + filter + (withY ? ", true" : ", false") +
         (owned ? ", true>" : ", false>");
}
std::vector<std::string> kernelNames(const std::string& filter, bool owned) {
  return {"mdlab::tableBegin",
          "mdlab::tableFinish",
          "mdlab::tableVirial",
          forwardName(filter),
          reverseName(filter, true, owned),
          reverseName(filter, false, owned)};
}
const cuda::ListedKernels listed[] = {
    {file, kernelNames(filterName(SchnetEntries::float32, 1), false)},
    {file, kernelNames(filterName(SchnetEntries::float32, 1), true)},
    {file, kernelNames(filterName(SchnetEntries::float32, 2), false)},
    {file, kernelNames(filterName(SchnetEntries::float32, 2), true)},
    {file, kernelNames(filterName(SchnetEntries::float16, 1), false)},
    {file, kernelNames(filterName(SchnetEntries::float16, 1), true)},
    {file, kernelNames(filterName(SchnetEntries::float16, 2), false)},
    {file, kernelNames(filterName(SchnetEntries::float16, 2), true)},
    {file, kernelNames(filterName(SchnetEntries::int16, 1), false)},
    {file, kernelNames(filterName(SchnetEntries::int16, 1), true)},
    {file, kernelNames(filterName(SchnetEntries::int16, 2), false)},
    {file, kernelNames(filterName(SchnetEntries::int16, 2), true)}};

// The path over a neighbour list of directed pairs.
class ListTable final : public InteractionOnDevice {
 public:
  explicit ListTable(FilterTables& tables)
      : tables_(tables),
        perLane_(tables.channelsPerLane(mostWarps * tableForwardArea + tableBlockArea)) {
    if (perLane_ == 0)
      throw Error("EUNSUPPORTED", "schnet: a filter table of " +
                                      std::to_string(tables.grid().intervals) +
                                      " intervals must fit the GPU's shared memory of " +
                                      std::to_string(tables.device().info().sharedPerBlock) +
                                      " bytes; raise the tolerance");
  }

  // Small systems take all pairs: looking at them costs less than asking whether a list still
  // holds.
  bool needsList(const DeviceBatch& batch) const override {
    return !batch.open || !rowsUpTo(allPairsRows, batch) || batch.largest > mostOfAll;
  }

  void prepare(cuda::Stream& stream, const DeviceBatch& batch, std::int64_t edges,
               bool gradient) override {
    const bool allPairs = !needsList(batch);
    if (!forward_.function || allPairs != allPairs_) {
      allPairs_ = allPairs;
      const std::string filter = filterName(tables_.entries(), perLane_);
      module_ = cuda::KernelModule(tables_.device(), file, kernelNames(filter, allPairs));
      begin_ = module_.kernel<TableBegin>("mdlab::tableBegin");
      finish_ = module_.kernel<TableFinish>("mdlab::tableFinish");
      virial_ = module_.kernel<TableVirial>("mdlab::tableVirial");
      forward_ = module_.kernel<TableMessage>(forwardName(filter));
      for (const bool withY : {false, true})
        reverse_[withY] = module_.kernel<TableReverse>(reverseName(filter, withY, allPairs));
    }
    tables_.upload(stream, perLane_);
    longest_ = allPairs ? (batch.largest + 7) / 8 * 8 : 0;
    slots_ = longest_ > 0 ? std::int64_t{batch.atoms} * longest_
                          : edges + 8 * (std::int64_t{batch.atoms} + 1);
    place_.reset(stream, slots_);
    atom_.reset(stream, slots_);
    unit_.reset(stream, slots_);
    count_.reset(stream, batch.atoms);
    owned_.reset(stream, batch.atoms);
    if (gradient) {
      slope_.reset(stream, slots_ * tables_.slices(perLane_));
      rowVirial_.reset(stream, 6 * std::size_t(batch.atoms));
    }
    forwardGeometry_ = geometryOf(forward_.function, mostWarps, fewWarps, tableForwardArea, batch);
    reverseGeometry_ = geometryOf(reverse_[1].function, mostReverseWarps, fewReverseWarps,
                                  tableReverseArea, batch);
    rowWarps_ = allPairs || rowsUpTo(blockRows, batch)
                    ? std::clamp((batch.largest + 31) / 32, 1, tableRowWarps)
                    : 1;
    rowGeometry_ = rowWarps_ > 1 ? cuda::Geometry{{static_cast<unsigned>(batch.atoms)},
                                                  {static_cast<unsigned>(32 * rowWarps_)}}
                                 : cuda::Geometry{cuda::blocksFor(batch.atoms, 4), {128}};
    rowGeometry_.overlap = true;
    passed_.reset(stream, std::size_t(32) * perLane_ *
                              std::max(forwardGeometry_.grid.x, reverseGeometry_.grid.x));
    passed_.zero(stream);
  }

  void begin(cuda::Stream& stream, const DeviceBatch& batch, const DeviceListView* list) override {
    batch_ = batch;
    const DeviceListView view = longest_ > 0 ? DeviceListView{} : *list;
    rows_ = {batch.atoms,
             view.rowStart,
             longest_,
             count_.data(),
             longest_ > 0 ? owned_.data() : nullptr,
             place_.data(),
             atom_.data(),
             unit_.data()};
    first_ = true;
    old_ = false;
    cuda::launch(stream, begin_, rowGeometry_,
                 {batch, view, tables_.grid(), rows_, tables_.emptyPlace(), rowWarps_});
  }

  void forward(cuda::Stream& stream, int block, const float* y, float* m) override {
    cuda::launch(stream, forward_, forwardGeometry_,
                 {rows_, slicesOf(block), old_, passed_.data(), y, m});
    old_ = true;
  }

  void reverse(cuda::Stream& stream, int block, const float* y, const float* gradM,
               float* gradY) override {
    // Where only slopes are wanted only pairs that are owned are looked at.
    TableRows rows = rows_;
    if (!gradY && rows.owned) rows.count = rows.owned;
    cuda::launch(stream, reverse_[gradY != nullptr], reverseGeometry_,
                 {rows, slicesOf(block), old_, !first_, passed_.data(), y, gradM, gradY,
                  slope_.data(), slots_});
    first_ = false;
    old_ = true;
  }

  void finish(cuda::Stream& stream, const DeviceEvaluation& out) override {
    double* rowVirial = out.virial ? rowVirial_.data() : nullptr;
    cuda::launch(stream, finish_, rowGeometry_,
                 {rows_, tables_.grid(), slope_.data(), slots_, tables_.slices(perLane_),
                  tables_.slopeFactor() * tables_.energyUnit(), out.forces, rowVirial, rowWarps_});
    if (rowVirial)
      cuda::launch(stream, virial_, {{static_cast<unsigned>(batch_.systems)}, {256}, 0, 1, true},
                   {batch_, rowVirial, out.virial});
  }

  double estimate(double edges, double atoms) const override {
    const double perSlot = sizeof(unsigned) + sizeof(int) + sizeof(TableDirection) +
                           sizeof(float) * tables_.slices(perLane_);
    const double slots = longest_ > 0 ? atoms * longest_ : edges + 8 * atoms;
    return slots * perSlot + atoms * (sizeof(int) + 6 * sizeof(double));
  }

 private:
  static constexpr int mostWarps = 32, mostReverseWarps = 24;
  static_assert(mostWarps * tableForwardArea + tableBlockArea <= FilterTables::besideSlice);
  static_assert(mostReverseWarps * tableReverseArea + tableBlockArea <= FilterTables::besideSlice);
  // Few rows: so many that blocks of the kernels between find room beside, and the next message's
  // block waits there with its table copied. Measured for one system of 269 atoms on one H200: a
  // step takes 0.126 ms, 0.138 with 24 warps forward.
  static constexpr int fewWarps = 20, fewReverseWarps = 15;
  // Rows a multiprocessor: few; up to which each has a block in the kernels before and after
  // messages; up to which small systems take all pairs.
  static constexpr int fewRows = 3, blockRows = 16, allPairsRows = 96;
  static constexpr int mostOfAll = 512;  // atoms of a system that may take all pairs

  bool rowsUpTo(int most, const DeviceBatch& batch) const {
    return batch.atoms <= most * tables_.device().info().multiprocessors;
  }

  // Blocks that are all on the device at once, the same number for every slice.
  cuda::Geometry geometryOf(cuda::FunctionHandle* function, int most, int few, int area,
                            const DeviceBatch& batch) const {
    const int slices = tables_.slices(perLane_);
    const auto with = [&](int warps) {
      cuda::Geometry g;
      g.sharedBytes = tables_.sliceBytes(perLane_) + std::size_t(warps) * area + tableBlockArea;
      const int resident = tables_.device().info().multiprocessors *
                           std::max(1, cuda::activeBlocks(function, 32 * warps, g.sharedBytes));
      const int groups = std::max(1, std::min(resident / slices, batch.atoms));
      g.block = {static_cast<unsigned>(32 * warps)};
      g.grid = {static_cast<unsigned>(slices * groups)};
      g.overlap = true;  // the table is copied while the kernel before drains
      return g;
    };
    const cuda::Geometry g = with(most);
    const int inEight = tableRowsInEight * static_cast<int>(g.grid.x) / slices;
    return batch.atoms > inEight && rowsUpTo(fewRows, batch) ? with(few) : g;
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
  cuda::Geometry forwardGeometry_, reverseGeometry_, rowGeometry_;
  int rowWarps_ = 1;
  DeviceBatch batch_{};
  TableRows rows_{};
  std::int64_t slots_ = 0;
  bool allPairs_ = false;  // what the kernels are for
  int longest_ = 0;        // slots of a row that takes all pairs
  bool first_ = true;      // reverse since begin()
  bool old_ = false;       // rows: another kernel has followed begin()'s
  cuda::DeviceBuffer<unsigned> place_, passed_;
  cuda::DeviceBuffer<int> atom_, count_, owned_;
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
    return !overTeams(batch) && overList_->needsList(batch);
  }
  void prepare(cuda::Stream& stream, const DeviceBatch& batch, std::int64_t edges,
               bool gradient) override {
    path_ = overTeams(batch) ? overTeams_.get() : overList_.get();
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
  bool overTeams(const DeviceBatch& batch) const {
    return !tables_.packed() && tournamentTakes(tables_, batch);
  }

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

#include "models/schnet/tournament.h"

#include <algorithm>

#include "cuda/kernel.h"
#include "cuda/listed-kernels.h"
#include "models/schnet/table.cuda.h"
#include "models/schnet/tournament.cuda.h"

namespace mdlab {
namespace {

constexpr const char* file = "models/schnet/tournament.cu";
constexpr int mostWarps = 19;  // of a block: what the kernels' registers leave room for

std::string forwardName(int perLane) {
  return "mdlab::tournamentForward<" + std::to_string(perLane) + ">";
}
std::string reverseName(int perLane, bool withY) {
  return "mdlab::tournamentReverse<" + std::to_string(perLane) + ", " + (withY ? "true" : "false") +
         ">";
}
std::vector<std::string> kernelNames(int perLane) {
  return {"mdlab::tournamentBegin", "mdlab::tournamentFinish", forwardName(perLane),
          reverseName(perLane, true), reverseName(perLane, false)};
}
const cuda::ListedKernels listed1(file, kernelNames(1)), listed2(file, kernelNames(2));

// How a batch is played: the smallest odd number of teams of 16 that holds its largest system.
struct Plan {
  int teams = 0, perLane = 0, together = 1;
  bool sumsShared = false;
  Plan(const FilterTables& tables, const DeviceBatch& batch) {
    teams = (batch.largest + Tournament::members - 1) / Tournament::members;
    teams += teams % 2 == 0;
    if (teams > mostWarps) return;
    // Two channels a lane halve what is spent on each pair; sums that have no room beside such a
    // slice grow in device memory.
    perLane = tables.channelsPerLane(0);
    if (perLane == 0) return;
    sumsShared =
        tables.sliceBytes(perLane) + perLane * sumBytes() <= tables.device().info().sharedPerBlock;
    // Several small systems share a block's table, once every multiprocessor has a block.
    const int multiprocessors = tables.device().info().multiprocessors;
    const int slices = tables.slices(perLane);
    while ((together + 1) * teams <= mostWarps &&
           batch.systems * slices >= (together + 1) * multiprocessors &&
           sharedBytes(tables, together + 1) <= tables.device().info().sharedPerBlock)
      ++together;
  }
  std::size_t sumBytes() const { return sizeof(float) * 32 * teams * Tournament::members; }
  std::size_t sharedBytes(const FilterTables& tables, int systems) const {
    return tables.sliceBytes(perLane) + (sumsShared ? systems * perLane * sumBytes() : 0);
  }
};

class TournamentTable final : public InteractionOnDevice {
 public:
  explicit TournamentTable(FilterTables& tables) : tables_(tables) {}

  bool needsList(const DeviceBatch&) const override { return false; }

  void prepare(cuda::Stream& stream, const DeviceBatch& batch, std::int64_t,
               bool gradient) override {
    const Plan plan(tables_, batch);
    if (plan.perLane != perLane_) {
      perLane_ = plan.perLane;
      module_ = cuda::KernelModule(tables_.device(), file, kernelNames(perLane_));
      begin_ = module_.kernel<TournamentBegin>("mdlab::tournamentBegin");
      finish_ = module_.kernel<TournamentFinish>("mdlab::tournamentFinish");
      forward_ = module_.kernel<TournamentMessage>(forwardName(perLane_));
      for (const bool withY : {false, true})
        reverse_[withY] = module_.kernel<TournamentReverse>(reverseName(perLane_, withY));
    }
    if (!virial_.function) {
      virialModule_ =
          cuda::KernelModule(tables_.device(), "models/schnet/table.cu", {"mdlab::tableVirial"});
      virial_ = virialModule_.kernel<TableVirial>("mdlab::tableVirial");
    }
    tables_.upload(stream, perLane_);
    slices_ = tables_.slices(perLane_);
    together_ = plan.together;
    sumsShared_ = plan.sumsShared;
    places_.tournament.teams = plan.teams;
    const std::int64_t tiles =
        std::int64_t{batch.systems} * plan.teams * places_.tournament.rounds();
    pairs_ = tiles * Tournament::tile;
    place_.reset(stream, pairs_);
    places_.place = place_.data();
    if (gradient) {
      slope_.reset(stream, pairs_ * slices_);
      rowVirial_.reset(stream, 6 * std::size_t(batch.atoms));
    }
    const int blocks = (batch.systems + together_ - 1) / together_ * slices_;
    geometry_ = {{static_cast<unsigned>(blocks)},
                 {static_cast<unsigned>(32 * plan.teams * together_)},
                 plan.sharedBytes(tables_, together_)};
  }

  void begin(cuda::Stream& stream, const DeviceBatch& batch, const DeviceListView*) override {
    batch_ = batch;
    first_ = true;
    cuda::launch(stream, begin_,
                 {{static_cast<unsigned>(pairs_ / Tournament::tile)}, {Tournament::tile}},
                 {batch, tables_.grid(), places_});
  }

  void forward(cuda::Stream& stream, int block, const float* y, float* m) override {
    cuda::launch(stream, forward_, geometry_,
                 {batch_, places_, tables_.block(block, perLane_), tables_.rows(), slices_,
                  together_, tables_.features(), sumsShared_, y, m});
  }

  void reverse(cuda::Stream& stream, int block, const float* y, const float* gradM,
               float* gradY) override {
    cuda::launch(
        stream, reverse_[gradY != nullptr], geometry_,
        {batch_, places_, tables_.block(block, perLane_), tables_.rows(), slices_, together_,
         tables_.features(), sumsShared_, !first_, y, gradM, gradY, slope_.data(), pairs_});
    first_ = false;
  }

  void finish(cuda::Stream& stream, const DeviceEvaluation& out) override {
    double* rowVirial = out.virial ? rowVirial_.data() : nullptr;
    cuda::launch(stream, finish_, {cuda::blocksFor(batch_.atoms, 4), {128}},
                 {batch_, tables_.grid(), places_, slope_.data(), pairs_, slices_,
                  tables_.energyUnit(), out.forces, rowVirial});
    if (rowVirial)
      cuda::launch(stream, virial_, {{static_cast<unsigned>(batch_.systems)}, {256}},
                   {batch_, rowVirial, out.virial});
  }

  double estimate(double, double atoms) const override {
    const double pairsOfAtom = places_.tournament.rounds() * Tournament::members;
    return atoms *
           (pairsOfAtom * (sizeof(unsigned) + sizeof(float) * slices_) + 6 * sizeof(double));
  }

 private:
  FilterTables& tables_;
  int perLane_ = 0, slices_ = 0, together_ = 1, sumsShared_ = 1;
  TournamentPlaces places_{};
  cuda::Geometry geometry_;
  cuda::KernelModule module_, virialModule_;
  cuda::Kernel<TournamentBegin> begin_;
  cuda::Kernel<TournamentMessage> forward_;
  cuda::Kernel<TournamentReverse> reverse_[2];  // without and with gradY
  cuda::Kernel<TournamentFinish> finish_;
  cuda::Kernel<TableVirial> virial_;
  DeviceBatch batch_{};
  std::int64_t pairs_ = 0;
  bool first_ = true;
  cuda::DeviceBuffer<unsigned> place_;
  cuda::DeviceBuffer<float> slope_;
  cuda::DeviceBuffer<double> rowVirial_;
};

}  // namespace

std::unique_ptr<InteractionOnDevice> makeTournament(FilterTables& tables) {
  return std::make_unique<TournamentTable>(tables);
}

// Blocks of few warps, fewer warps than half the device holds, or systems of very different sizes
// waste more than evaluating pairs in both directions costs (measured on one H200: 32 systems of
// 269 atoms take as long either way).
bool tournamentTakes(const FilterTables& tables, const DeviceBatch& batch) {
  if (!batch.open || batch.systems == 0) return false;
  const Plan plan(tables, batch);
  if (plan.perLane == 0 || plan.teams * plan.together < 12) return false;
  const std::int64_t warps = std::int64_t{batch.systems} * tables.slices(plan.perLane) * plan.teams;
  return 2 * warps >= 17 * tables.device().info().multiprocessors &&
         batch.atoms >= 0.6 * batch.systems * batch.largest;
}

}  // namespace mdlab

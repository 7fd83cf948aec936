#include "models/schnet/tournament.h"

#include <algorithm>

#include "cuda/kernel.h"
#include "cuda/listed-kernels.h"
#include "models/schnet/table.cuda.h"
#include "models/schnet/tournament.cuda.h"

namespace mdlab {
namespace {

constexpr const char* file = "models/schnet/tournament.cu";
constexpr int fewWarps = Tournament::fewWarps, mostWarps = Tournament::mostWarps;

// What the kernels are compiled for.
struct Shape {
  int perLane = 0, warps = fewWarps, columns = 2;
  bool operator==(const Shape&) const = default;
  std::string forward() const {
    return "mdlab::tournamentForward<" + std::to_string(perLane) + ", " + std::to_string(warps) +
           ">";
  }
  std::string reverse(bool withY) const {
    return "mdlab::tournamentReverse<" + std::to_string(perLane) + ", " + std::to_string(warps) +
           ", " + std::to_string(columns) + (withY ? ", true>" : ", false>");
  }
  static std::string finish(bool virial) {
    return std::string("mdlab::tournamentFinish<") + (virial ? "true>" : "false>");
  }
  std::vector<std::string> names() const {
    return {"mdlab::tournamentBegin",
            finish(false),
            finish(true),
            forward(),
            reverse(true),
            reverse(false)};
  }
};
const cuda::ListedKernels listed[] = {{file, Shape{1, fewWarps, 2}.names()},
                                      {file, Shape{1, mostWarps, 1}.names()},
                                      {file, Shape{2, fewWarps, 1}.names()},
                                      {file, Shape{2, fewWarps, 2}.names()},
                                      {file, Shape{2, mostWarps, 2}.names()}};

// How a batch is played: the smallest odd number of teams that holds its largest system.
struct Plan {
  Shape shape;
  int teams = 0, together = 1;
  bool sumsShared = false;

  Plan(const FilterTables& tables, const DeviceBatch& batch) {
    teams = (batch.largest + Tournament::members - 1) / Tournament::members;
    teams += teams % 2 == 0;
    if (teams > mostWarps || !fits(tables)) return;
    // Several small systems share a block's table, once every multiprocessor has a block.
    const int multiprocessors = tables.device().info().multiprocessors;
    const int slices = tables.slices(shape.perLane);
    while ((together + 1) * teams <= shape.warps &&
           batch.systems * slices >= (together + 1) * multiprocessors &&
           sharedBytes(tables, together + 1) <= tables.device().info().sharedPerBlock)
      ++together;
  }
  std::size_t sharedBytes(const FilterTables& tables, int systems) const {
    const int rows = tables.rows() - Tournament::tableTail, rounds = Tournament{teams}.rounds();
    const int perWarp = std::max(
        Tournament::preparedBytes(Tournament::forwardRows(shape.warps),
                                  Tournament::members / Tournament::forwardRows(shape.warps),
                                  false),
        Tournament::preparedBytes(Tournament::reverseRows(shape.warps), shape.columns, true));
    const int sums = sumsShared ? Tournament::members * channelBytes() : 0;
    return std::size_t(rows) * channelBytes() +
           std::size_t(systems) * teams * (sums + perWarp + Tournament::handoverBytes * rounds);
  }

 private:
  std::size_t channelBytes() const { return sizeof(float) * 32 * shape.perLane; }
  // The best that the shared memory has room for. Two channels a lane halve what is spent on each
  // pair; next come sums in shared memory, which grow in device memory else; then two columns.
  bool fits(const FilterTables& tables) {
    shape.warps = teams > fewWarps ? mostWarps : fewWarps;
    for (shape.perLane = 2; shape.perLane > 0; --shape.perLane)
      for (const bool shared : {true, false})
        for (shape.columns = 2; shape.columns > 0; --shape.columns) {
          sumsShared = shared;
          if (tables.features() % (32 * shape.perLane) == 0 &&
              sharedBytes(tables, 1) <= tables.device().info().sharedPerBlock)
            return true;
        }
    return false;
  }
};

class TournamentTable final : public InteractionOnDevice {
 public:
  explicit TournamentTable(FilterTables& tables) : tables_(tables) {}

  bool needsList(const DeviceBatch&) const override { return false; }

  void prepare(cuda::Stream& stream, const DeviceBatch& batch, std::int64_t,
               bool gradient) override {
    const Plan plan(tables_, batch);
    perLane_ = plan.shape.perLane;
    if (plan.shape != shape_) {
      module_ = cuda::KernelModule(tables_.device(), file, plan.shape.names());
      begin_ = module_.kernel<TournamentBegin>("mdlab::tournamentBegin");
      for (const bool virial : {false, true})
        finish_[virial] = module_.kernel<TournamentFinish>(Shape::finish(virial));
      forward_ = module_.kernel<TournamentMessage>(plan.shape.forward());
      for (const bool withY : {false, true})
        reverse_[withY] = module_.kernel<TournamentReverse>(plan.shape.reverse(withY));
      shape_ = plan.shape;  // last: a compile that fails is tried again
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
                 plan.sharedBytes(tables_, together_),
                 1,
                 true};  // tables are copied while the kernel before drains
  }

  void begin(cuda::Stream& stream, const DeviceBatch& batch, const DeviceListView*) override {
    batch_ = batch;
    first_ = true;
    cuda::launch(stream, begin_, {perTeam(), {Tournament::tile}, 0, 1, true},
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
    cuda::launch(
        stream, finish_[rowVirial != nullptr],
        {perTeam(), {unsigned(places_.tournament.teams * Tournament::members)}, 0, 1, true},
        {batch_, tables_.grid(), places_, slope_.data(), pairs_, slices_, tables_.energyUnit(),
         out.forces, rowVirial});
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
  cuda::Dim3 perTeam() const {
    return {static_cast<unsigned>(batch_.systems * places_.tournament.teams)};
  }

  FilterTables& tables_;
  Shape shape_;
  int perLane_ = 0, slices_ = 0, together_ = 1, sumsShared_ = 1;
  TournamentPlaces places_{};
  cuda::Geometry geometry_;
  cuda::KernelModule module_, virialModule_;
  cuda::Kernel<TournamentBegin> begin_;
  cuda::Kernel<TournamentMessage> forward_;
  cuda::Kernel<TournamentReverse> reverse_[2];  // without and with gradY
  cuda::Kernel<TournamentFinish> finish_[2];    // without and with the virial
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

// Blocks of few warps, few blocks, or systems of very different sizes waste more than evaluating
// pairs in both directions costs. Steps of 269 atoms on one H200: a tournament of 32 systems takes
// 1.69 ms, of 64 1.86; rows of all pairs 1.17 for 24 systems, 1.52 for 32, 1.94 for 40. They meet
// at 35, which is 9 warps a multiprocessor.
bool tournamentTakes(const FilterTables& tables, const DeviceBatch& batch) {
  if (!batch.open || batch.systems == 0) return false;
  // The kernels count features with 32 bits.
  if (double(batch.atoms) * tables.features() >= 4294967296.0) return false;
  const Plan plan(tables, batch);
  if (plan.shape.perLane == 0 || plan.teams * plan.together < 12) return false;
  const std::int64_t warps =
      std::int64_t{batch.systems} * tables.slices(plan.shape.perLane) * plan.teams;
  return warps >= 9 * tables.device().info().multiprocessors &&
         batch.atoms >= 0.6 * batch.systems * batch.largest;
}

}  // namespace mdlab

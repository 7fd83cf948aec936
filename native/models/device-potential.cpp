#include "models/device-potential.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <string>

#include "core/cancel.h"
#include "core/error.h"
#include "neighbors/lattice.h"

namespace mdlab {
namespace {

using Clock = std::chrono::steady_clock;

// Adds values that must be finite.
bool addFinite(std::span<const double> values, std::span<double> to) {
  bool finite = true;
  for (std::size_t k = 0; k < to.size(); ++k) {
    to[k] += values[k];
    finite &= std::isfinite(values[k]);
  }
  return finite;
}

// A capture that comes after an error must not find the clock running.
struct KernelsTimed {
  explicit KernelsTimed(DevicePotential& of) : potential(of) { potential.timeKernels(true); }
  ~KernelsTimed() { potential.timeKernels(false); }
  DevicePotential& potential;
};

}  // namespace

// What evaluate() has on the device between calls.
struct DevicePotential::Host {
  explicit Host(cuda::Device& device) : stream(device) {}
  cuda::Stream stream;
  BatchOnDevice batch;
  std::optional<VerletListOnDevice> list;
  cuda::DeviceBuffer<double> results;  // energy, forces, virial
  std::vector<double> values;
  DeviceEvaluation out{};
};

DevicePotential::DevicePotential(cuda::Device& device) : device_(device) {}

DevicePotential::~DevicePotential() = default;

void DevicePotential::prepareFor(const void* user, cuda::Stream& stream, const DeviceBatch& batch,
                                 std::int64_t edges, bool forces, bool virial) {
  user_ = nullptr;
  try {
    prepare(stream, batch, edges, forces, virial);
  } catch (const Error& error) {
    if (error.code() == "ENOMEM") release();
    throw;
  }
  user_ = user;
  for (const auto& term : terms()) term->user_ = user;
}

bool DevicePotential::preparedFor(const void* user) const {
  const auto mine = [&](const auto& term) { return term->user_ == user; };
  return user_ == user && std::ranges::all_of(terms(), mine);
}

// Brings a batch to the device, builds its list where one is read, and sizes everything.
const DeviceListView* DevicePotential::stage(const Batch& batch, bool forces, bool virial) try {
  checkBatch(batch);
  device_.use();
  if (!host_) host_ = std::make_unique<Host>(device_);
  Host& h = *host_;
  const auto start = Clock::now();
  // What a list would refuse is refused where none is built, too.
  if (cutoff() > 0) checkedLattices(batch, cutoff(), 0);
  h.batch.upload(h.stream, batch);
  const DeviceBatch& view = h.batch.view();
  const bool listed = cutoff() > 0 && needsList(view);
  edges_ = 0;
  if (listed) {
    if (!h.list) h.list.emplace(device_, cutoff(), 0.0);
    h.list->build(h.stream, view);
    edges_ = h.list->edges(h.stream);
  }
  listSeconds_ = std::chrono::duration<double>(Clock::now() - start).count();
  throwIfCancelled();

  prepareFor(this, h.stream, view, listed ? h.list->capacity() : 0, forces, virial);
  const std::size_t systems = view.systems, atoms = view.atoms;
  h.results.reset(h.stream, systems + (forces ? 3 * atoms : 0) + (virial ? 9 * systems : 0));
  double* at = h.results.data();
  h.out = {at, forces ? at + systems : nullptr,
           virial ? at + systems + (forces ? 3 * atoms : 0) : nullptr};
  return listed ? &h.list->view() : nullptr;
} catch (const Error& error) {
  // What was half made must not hold the memory that a smaller batch needs.
  if (error.code() == "ENOMEM") {
    release();
    host_.reset();
  }
  throw;
}

void DevicePotential::evaluate(const Batch& batch, const NeighborList*, const Evaluation& out) {
  if (batch.atoms() == 0) return;
  const TermTurns turns(*this);
  const bool forces = !out.forces.empty(), virial = !out.virial.empty();
  const DeviceListView* list = stage(batch, forces, virial);
  Host& h = *host_;
  h.results.zero(h.stream);
  {
    const KernelsTimed timed(*this);
    enqueueAside(h.stream, h.batch.view(), h.out);
    enqueue(h.stream, h.batch.view(), list, h.out);
  }
  h.values.resize(h.results.size());
  h.results.download(h.stream, h.values);
  readKernelTimes();
  throwIfCancelled();
  const std::size_t systems = batch.systems();
  const std::span<const double> all(h.values);
  bool finite = addFinite(all, out.energy);
  if (forces) finite &= addFinite(all.subspan(systems), out.forces);
  if (virial) finite &= addFinite(all.last(9 * systems), out.virial);
  if (!finite) blame(batch, all);
}

// Names the first system whose energy or force is not finite.
void DevicePotential::blame(const Batch& batch, std::span<const double> values) const {
  const std::size_t systems = batch.systems(), atoms = batch.atoms();
  const bool forces = values.size() >= systems + 3 * atoms;
  for (std::size_t s = 0; s < systems; ++s) {
    const auto system = static_cast<std::int32_t>(s);
    if (!std::isfinite(values[s])) {
      explain(batch, system);
      numeric("potential: the energy of system " + std::to_string(s) + " is not finite");
    }
    for (std::int32_t i = batch.offsets[s]; forces && i < batch.offsets[s + 1]; ++i) {
      const double* f = &values[systems + 3 * static_cast<std::size_t>(i)];
      if (!std::isfinite(f[0] + f[1] + f[2])) {
        explain(batch, system);
        numeric("potential: the force on atom " + std::to_string(i - batch.offsets[s]) +
                " of system " + std::to_string(s) + " is not finite");
      }
    }
  }
  numeric("potential: the virial is not finite");
}

TermTurns::TermTurns(const DevicePotential& potential) {
  std::vector<DevicePotential*> all;
  for (const auto& term : potential.terms()) all.push_back(term.get());
  std::ranges::sort(all, std::less<>{});
  all.erase(std::ranges::unique(all).begin(), all.end());
  for (DevicePotential* p : all) turns_.push_back(std::make_unique<PotentialTurn>(*p));
}

namespace {

class SumOnDevice final : public DevicePotential {
 public:
  SumOnDevice(cuda::Device& device, std::vector<std::shared_ptr<DevicePotential>> terms)
      : DevicePotential(device), terms_(std::move(terms)) {}

  double cutoff() const override {
    double largest = 0;
    for (const auto& term : terms_) largest = std::max(largest, term->cutoff());
    return largest;
  }
  void prepare(cuda::Stream& stream, const DeviceBatch& batch, std::int64_t edges, bool forces,
               bool virial) override {
    for (const auto& term : terms_) term->prepare(stream, batch, edges, forces, virial);
  }
  bool needsList(const DeviceBatch& batch) const override {
    return std::ranges::any_of(terms_, [&](const auto& term) { return term->needsList(batch); });
  }
  void enqueue(cuda::Stream& stream, const DeviceBatch& batch, const DeviceListView* list,
               const DeviceEvaluation& out) override {
    for (const auto& term : terms_) {
      if (isAside(*term)) continue;
      if (!term->joins()) stream.join();
      term->enqueue(stream, batch, list, out);
    }
    stream.join();
  }
  void enqueueAside(cuda::Stream& stream, const DeviceBatch& batch,
                    const DeviceEvaluation& out) override {
    if (std::ranges::none_of(terms_, [&](const auto& term) { return isAside(*term); })) return;
    stream.branch([&](cuda::Stream& beside) {
      for (const auto& term : terms_)
        if (isAside(*term)) term->enqueue(beside, batch, nullptr, out);
    });
  }
  void checkBatch(const Batch& batch) const override {
    for (const auto& term : terms_) term->checkBatch(batch);
  }
  std::span<const std::shared_ptr<DevicePotential>> terms() const override { return terms_; }
  void explain(const Batch& batch, std::int32_t system) const override {
    for (const auto& term : terms_) term->explain(batch, system);
  }
  void timeKernels(bool on) override {
    for (const auto& term : terms_) term->timeKernels(on);
  }
  void readKernelTimes() override {
    for (const auto& term : terms_) term->readKernelTimes();
  }
  void release() override {
    for (const auto& term : terms_) term->release();
  }

 private:
  // Bonded terms, beside one that leaves them the time.
  bool isAside(const DevicePotential& term) const {
    return term.cutoff() == 0 && !term.joins() &&
           std::ranges::any_of(terms_, [](const auto& other) { return other->joins(); });
  }

  std::vector<std::shared_ptr<DevicePotential>> terms_;
};

}  // namespace

std::shared_ptr<DevicePotential> sumOnDevice(std::vector<std::shared_ptr<DevicePotential>> terms) {
  if (terms.empty()) invalid("sum: needs at least one potential, received none");
  std::vector<std::shared_ptr<DevicePotential>> flat;
  for (const auto& term : terms) {
    if (&term->device() != &terms[0]->device())
      invalid("sum: terms must compute on one GPU, received GPUs " +
              std::to_string(terms[0]->device().info().index) + " and " +
              std::to_string(term->device().info().index));
    const auto inner = term->terms();
    if (inner.empty())
      flat.push_back(term);
    else
      flat.insert(flat.end(), inner.begin(), inner.end());
  }
  auto& device = flat[0]->device();
  return std::make_shared<SumOnDevice>(device, std::move(flat));
}

}  // namespace mdlab

#pragma once
#include <memory>
#include <vector>

#include "cuda/device.h"
#include "models/potential.h"
#include "neighbors/verlet-list-on-device.h"
#include "system/batch-on-device.h"

namespace mdlab {

// A potential that computes on a GPU. As a Potential it takes host arrays and builds its own list
// (the one given is ignored); inside a run on the device only prepare() and enqueue() are used.
class DevicePotential : public Potential {
 public:
  explicit DevicePotential(cuda::Device& device);
  ~DevicePotential() override;
  cuda::Device& device() const { return device_; }

  // Sizes workspaces for this batch and lists of up to `edges` directed pairs, and reads the types;
  // may synchronise, compile and allocate. Called before enqueue() whenever the batch's shape or
  // types, the list's capacity or what is wanted changes. Throws Error(ENOMEM) naming asked and
  // free.
  virtual void prepare(cuda::Stream& stream, const DeviceBatch& batch, std::int64_t edges,
                       bool forces, bool virial) = 0;
  // Whether enqueue() reads a neighbour list for this batch (small systems may take all pairs).
  virtual bool needsList(const DeviceBatch& batch) const = 0;
  // Enqueues one evaluation that adds to `out`: capturable, no synchronisation, own rows in fixed
  // order (no float atomics), so two runs give the same bits.
  virtual void enqueue(cuda::Stream& stream, const DeviceBatch& batch, const DeviceListView* list,
                       const DeviceEvaluation& out) = 0;
  // Called before enqueue() with the same results, and before the list is brought up to date: what
  // reads no list may go on a branch of the stream, beside what follows.
  virtual void enqueueAside(cuda::Stream&, const DeviceBatch&, const DeviceEvaluation&) {}
  // Whether enqueue() joins the stream's branch before it touches results: until then another term
  // may be adding to them.
  virtual bool joins() const { return false; }
  // Throws Error(ENUMERIC) saying what is wrong with a system whose results are not finite, where
  // this potential knows more than that.
  virtual void explain(const Batch& /*batch*/, std::int32_t /*system*/) const {}
  // Whether enqueue() times its kernels from here on (not within a capture); the clock is read once
  // the stream has been waited for.
  virtual void timeKernels(bool) {}
  virtual void readKernelTimes() {}
  // Gives back all that prepare() and timed kernels made, after memory ran out; the stream they
  // were made with is still there.
  virtual void release() {}
  // The terms of a sum, none of them a sum; none for a single term.
  virtual std::span<const std::shared_ptr<DevicePotential>> terms() const { return {}; }

  // prepare() for a user, any address. Users take turns: what one has captured of enqueue() is
  // stale once this potential or one of its terms is prepared for another.
  void prepareFor(const void* user, cuda::Stream& stream, const DeviceBatch& batch,
                  std::int64_t edges, bool forces, bool virial);
  bool preparedFor(const void* user) const;

  double listCutoff() const final { return 0; }
  void evaluate(const Batch& batch, const NeighborList* list, const Evaluation& out) final;
  // Seconds of the list's build within the last evaluate().
  double listSeconds() const { return listSeconds_; }
  std::int64_t edges() const { return edges_; }

 private:
  const DeviceListView* stage(const Batch& batch, bool forces, bool virial);
  [[noreturn]] void blame(const Batch& batch, std::span<const double> values) const;

  cuda::Device& device_;
  const void* user_ = nullptr;
  double listSeconds_ = 0;
  std::int64_t edges_ = 0;
  struct Host;
  std::unique_ptr<Host> host_;
};

// The turns of a sum's terms, in an order that all sums share. Whoever holds the turn of a device
// potential and enqueues it holds these too.
class TermTurns {
 public:
  explicit TermTurns(const DevicePotential& potential);

 private:
  std::vector<std::unique_ptr<PotentialTurn>> turns_;
};

// Terms that all compute on one device, as one potential. Throws Error(EINVALID) where they do not.
std::shared_ptr<DevicePotential> sumOnDevice(std::vector<std::shared_ptr<DevicePotential>> terms);

}  // namespace mdlab

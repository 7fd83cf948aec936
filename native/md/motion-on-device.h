#pragma once
#include <memory>
#include <optional>

#include "cuda/kernel.h"
#include "md/dynamics.cuda.h"
#include "md/dynamics.h"
#include "models/device-potential.h"

namespace mdlab {

// What a run has on its device: the state, a copy of it to go back to, the neighbour list, and the
// steps as graphs. Whoever calls holds the potential's turn.
class MotionOnDevice {
 public:
  MotionOnDevice(DevicePotential& potential, const Topology& topology,
                 const DynamicsOptions& options);

  // Puts a state there. `listBuiltAt`: where the list was built that it goes on with, or empty.
  void upload(std::int64_t step, const State& state, const DynamicsOptions& options,
              std::span<const double> listBuiltAt);
  // Makes ready for evaluate() and enqueue(), also after another has used the potential.
  void prepare();
  // Energy, forces and virial of the positions; waits.
  void evaluate();
  // Remembers the state; putBack() returns to it, growing the list before where it was too small.
  void keep();
  void putBack(std::int64_t step, bool grow);
  // Steps after `from`, exchanges included.
  void enqueue(std::int64_t from, std::int64_t steps);
  // Waits and tells how the steps went.
  MotionStatus status();

  // Copies the state, or the one kept, to the host.
  void download(bool kept, State& state, DynamicsOptions& options,
                std::vector<double>& listBuiltAt);
  std::int64_t listRebuilds() { return list_ ? list_->rebuilds(stream_) : 0; }

 private:
  // Where the parts of the state begin in one array of doubles; whole numbers lie in it as bits.
  struct Layout {
    std::size_t positions, velocities, forces, energy, virial, kT, attempted, accepted, rung, end;
    Layout(const Topology& topology, const DynamicsOptions& options);
    // visit(begin, array) for every part, in the state or in the options.
    template <class State, class Options, class Visit>
    void each(State& state, Options& options, const Visit& visit) const;
  };
  struct Kernels {
    cuda::KernelModule module;
    cuda::Kernel<MotionArguments> start, middle, finish;
    cuda::Kernel<ExchangeArguments> exchange;
    Kernels(cuda::Device& device, bool langevin, bool removeDrift);
  };

  void writeStatus(std::int64_t step);
  void buildList(const double* positions);
  void clearGraphs();
  void enqueueEvaluation();
  void move(cuda::Kernel<MotionArguments> kernel);
  void exchange();
  void enqueueSteps(std::int64_t steps);

  DevicePotential& potential_;
  const Topology& topology_;
  const Tempering& tempering_;
  bool removeDrift_;
  cuda::Stream stream_;
  Layout layout_;
  Kernels kernels_;
  BatchOnDevice batchOnDevice_;
  DeviceBatch batch_{};
  cuda::DeviceBuffer<double> values_, kept_, builtAt_, inverseMasses_, ladder_;
  cuda::DeviceBuffer<unsigned> replica_;
  cuda::DeviceBuffer<MotionStatus> status_;
  std::optional<VerletListOnDevice> list_;
  bool ready_ = false;  // the potential is prepared for this list
  MotionArguments arguments_{};
  ExchangeArguments exchangeArguments_{};
  cuda::Graph first_, one_, many_;
  std::vector<double> host_;
};

}  // namespace mdlab

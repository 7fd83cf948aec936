#include "nn/peaks.cuda.h"

#include <algorithm>

#include "cuda/kernel.h"
#include "cuda/listed-kernels.h"
#include "nn/peaks-on-device.h"

namespace mdlab {
namespace {

constexpr int threads = 256;
const char* const file = "nn/peaks.cu";
const std::vector<std::string> kernels{
    "mdlab::copyPeak",
    "mdlab::readPeak",
    "mdlab::sharedPeak",
    "mdlab::multiplyAddPeak<float>",
    "mdlab::multiplyAddPeak<double>",
    "mdlab::tensorPeak<mdlab::PeakFormat::tf32>",
    "mdlab::tensorPeak<mdlab::PeakFormat::bfloat16>",
    "mdlab::tensorPeak<mdlab::PeakFormat::half16>",
    "mdlab::tensorPeak<mdlab::PeakFormat::int8>",
};
const cuda::ListedKernels listed(file, kernels);

}  // namespace

DevicePeaks devicePeaks(cuda::Device& device) {
  cuda::Stream stream(device);
  const cuda::KernelModule module(device, file, kernels);
  constexpr std::int64_t large = 1 << 27;  // 512 MiB, many times any L2
  const cuda::DeviceBuffer<float> from(stream, large), to(stream, large);
  from.zero(stream);
  to.zero(stream);
  // As many blocks as are resident at once, a few times over for those that end early.
  const unsigned blocks = 8u * static_cast<unsigned>(device.info().multiprocessors);
  cuda::Timer timer(stream);

  // Work per second: the fastest of some launches of `blocks`, which do `work` together.
  const auto rate = [&](const std::string& name, const PeakArguments& arguments, double work) {
    const auto kernel = module.kernel<PeakArguments>("mdlab::" + name);
    double best = 1e300;
    for (int k = 0; k < 8; ++k) {
      timer.start();
      cuda::launch(stream, kernel, {{blocks}, {threads}}, arguments);
      timer.stop();
      best = std::min(best, timer.seconds());
    }
    return work / best;
  };
  const auto compute = [&](const std::string& name, int rounds, double perThreadAndRound) {
    return rate(name, {from.data(), to.data(), large, rounds, 0},
                perThreadAndRound * rounds * threads * blocks);
  };
  const auto tensor = [&](const std::string& format, double depth) {
    // 8 tiles of 16×8 a warp and round.
    const double operations = 8 * 2 * 16 * 8 * depth;
    return compute("tensorPeak<mdlab::PeakFormat::" + format + ">", 2048, operations / 32);
  };

  DevicePeaks p;
  // Reading alone goes further than copying: memory that turns from one to the other rests between.
  p.memory = std::max(
      rate("copyPeak", {from.data(), to.data(), large, 1, 0}, 2.0 * large * sizeof(float)),
      rate("readPeak", {from.data(), to.data(), large, 1, 0}, 1.0 * large * sizeof(float)));
  const auto quarter = static_cast<std::int64_t>(device.info().l2 / 4 / sizeof(float));
  const std::int64_t cached = std::clamp<std::int64_t>(quarter, 1 << 16, large);
  p.l2 = rate("readPeak", {from.data(), to.data(), cached, 64, 0}, 64.0 * cached * sizeof(float));
  p.shared = compute("sharedPeak", 1024, 8 * 16);
  p.float32 = compute("multiplyAddPeak<float>", 4096, 2 * 16);
  p.float64 = compute("multiplyAddPeak<double>", 1024, 2 * 16);
  p.tf32 = tensor("tf32", 8);
  p.bfloat16 = tensor("bfloat16", 16);
  p.float16 = tensor("half16", 16);
  p.int8 = tensor("int8", 32);
  return p;
}

}  // namespace mdlab

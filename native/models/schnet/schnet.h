#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/stage-time.h"
#include "models/potential.h"
#include "nn/activation.h"
#include "nn/hermite-table.h"
#include "nn/packed-cubic.h"
#include "nn/radial-basis.h"

// SchNet (Schütt et al., J. Chem. Phys. 148, 241722 (2018)) as CGSchNet uses it (Husic et al.
// 2020). With H hidden features per atom, F filter channels, K radial functions, per block l:
//   1. y_j = lin1 x_j                                 (H → F, no bias)
//   2. W(r) = C(r) · filter2 act(filter1 φ(r) + b)    (K → F → F), C inside φ too
//   3. m_i = Σ_{j→i} y_j ⊙ W(r_ij)
//   4. x_i += lin act(lin2 m_i + b2) + b              (F → H → H)
// starting from x_i = embedding[type_i]; E = Σ_i head(x_i), an MLP without bias on its last layer.
// Forces are the exact −∇E, envelope included.
namespace mdlab {

class DevicePotential;
namespace cuda {
class Device;
}

struct SchnetConfig {
  int types = 0, hidden = 0, filters = 0, blocks = 0;
  Activation activation = Activation::tanh;
  std::vector<int> head;  // hidden widths of the output MLP, may be empty
  RadialBasis basis;      // in the model's length unit
  double lengthUnit = 1;  // Å per model length
  double energyUnit = 1;  // eV per model energy

  double cutoff() const { return basis.cutoff.upper * lengthUnit; }  // Å
};

// One linear layer, out = weight · in (+ bias). Row-major (out,in) as torch keeps it.
struct Linear {
  int in = 0, out = 0;
  std::vector<double> weight, bias;  // bias empty: none
  std::vector<double> columns;       // the weight transposed, (in,out)
};

struct SchnetBlock {
  Linear lin1, lin2, lin, filter1, filter2;
};

struct SchnetParameters {
  std::vector<double> embedding;  // (types,H)
  std::vector<SchnetBlock> blocks;
  std::vector<Linear> head;
};

// Cuts one flat array into layers: embedding, then per block lin1.w, lin2.w, lin2.b, filter1.w,
// filter1.b, filter2.w, lin.w, lin.b, then per head layer w and (but for the last) b.
// Throws Error(EINVALID) when the count does not fit the configuration.
SchnetParameters schnetParameters(const SchnetConfig& config, std::span<const double> flat);

enum class SchnetPipeline { baseline, flash, table };

// Which of the FlashSchNet techniques replace the baseline's operations.
struct SchnetTechniques {
  bool radialBasis = false;     // distance, envelope and basis in one pass, no intermediates
  bool messagePassing = false;  // filter, gather, multiply, reduce in one pass, no (edges,F) array
  bool aggregation = false;     // compressed-row segment sums instead of scatter-add
  bool weights16 = false;       // half-precision weights (scale per channel) and activations
};

// How the operands of the filter network's products are held on a device's tensor cores; sums are
// single precision (32-bit integers for int8). `Channel`: a scale for every output.
enum class SchnetOperands {
  float32,  // as sums of two halves
  tf32,
  bfloat16,
  float16,
  float16Channel,
  int8,
  int8Channel
};

// How a table's numbers are held: in 16 bits as nn/packed-table.h says.
enum class SchnetEntries { float32, float16, int16 };

// Of entries of 16 bits.
inline std::optional<PackedDigits> digitsOf(SchnetEntries entries) {
  if (entries == SchnetEntries::float32) return {};
  return entries == SchnetEntries::float16 ? PackedDigits::half : PackedDigits::fixed;
}

struct SchnetOptions {
  SchnetPipeline pipeline = SchnetPipeline::table;
  SchnetTechniques techniques;                        // on top of baseline
  SchnetOperands operands = SchnetOperands::float32;  // of `flash` on a device
  SchnetEntries entries = SchnetEntries::float32;     // of `table`
  bool envelopeGradient = true;  // false: as the published FlashSchNet code, forces are not −∇E
  double tolerance = 1e-5;       // of the table's value and slope, relative to their RMS
};

// The first three techniques together are the flash pipeline.
inline bool isFlash(const SchnetOptions& options) {
  const auto& t = options.techniques;
  return options.pipeline == SchnetPipeline::flash ||
         (t.radialBasis && t.messagePassing && t.aggregation);
}

// The fourth technique is a choice of operands.
inline SchnetOperands operandsOf(const SchnetOptions& options) {
  return options.techniques.weights16 ? SchnetOperands::float16Channel : options.operands;
}

// What the table pipeline found out about its filters.
struct TableReport {
  std::int64_t intervals = 0;
  double bytes = 0;
  double tolerance = 0;  // asked for
  TableErrors errors;    // reached
};

// What a SchNet on any backend tells of itself.
class SchnetReport {
 public:
  virtual ~SchnetReport() = default;
  virtual const std::vector<StageTime>& times() const = 0;
  virtual const TableReport* table() const { return nullptr; }
  // Bytes an evaluation with forces allocates for this many directed edges and atoms.
  virtual double estimate(double edges, double atoms) const = 0;
};

class Schnet : public Potential, public SchnetReport {};

std::shared_ptr<Schnet> makeSchnetReference(SchnetConfig config, SchnetParameters parameters);
// T is float or double: the precision of features, filters and sums within an atom. Positions,
// energies and forces are double at the edge.
template <class T>
std::shared_ptr<Schnet> makeSchnetCpu(const SchnetConfig& config,
                                      const SchnetParameters& parameters,
                                      const SchnetOptions& options);

// The same on a GPU; also a SchnetReport.
std::shared_ptr<DevicePotential> makeSchnetCuda(cuda::Device& device, const SchnetConfig& config,
                                                const SchnetParameters& parameters,
                                                const SchnetOptions& options);

// Throws Error(EINVALID) naming the first atom whose type the embedding lacks.
void checkTypes(const Batch& batch, const SchnetConfig& config);
// Throws Error(ENUMERIC) naming the first system whose energy or force is not finite.
void checkFinite(const Batch& batch, const Evaluation& out);
// Throws Error(ENUMERIC): two atoms at one place have no direction between them.
[[noreturn]] void atomsCoincide(const Batch& batch, std::int32_t i, std::int32_t j);

}  // namespace mdlab

#include "models/schnet/schnet.h"

#include <optional>

#include "binding/binding.h"
#include "models/device-potential.h"

namespace mdlab::binding {
namespace {

int integer(const Napi::Object& o, const char* key) { return o.Get(key).ToNumber().Int32Value(); }
double number(const Napi::Object& o, const char* key) {
  return o.Get(key).ToNumber().DoubleValue();
}
bool flag(const Napi::Object& o, const char* key) { return o.Get(key).ToBoolean().Value(); }
std::string text(const Napi::Object& o, const char* key) {
  return o.Get(key).ToString().Utf8Value();
}

SchnetConfig configOf(const Napi::Object& o) {
  SchnetConfig c;
  c.types = integer(o, "types");
  c.hidden = integer(o, "hidden");
  c.filters = integer(o, "filters");
  c.blocks = integer(o, "blocks");
  c.activation = activationNamed(text(o, "activation"));
  const auto head = ints(o.Get("head"), "schnet.head");
  c.head.assign(head.begin(), head.end());
  c.basis.type =
      text(o, "basis") == "expnormal" ? RadialBasis::Type::expNormal : RadialBasis::Type::gaussian;
  c.basis.cutoff = {number(o, "lower"), number(o, "upper")};
  const auto centers = doubles(o.Get("centers"), "schnet.centers");
  const auto widths = doubles(o.Get("widths"), "schnet.widths");
  if (centers.size() != widths.size() || centers.empty())
    invalid("schnet.centers: must have as many entries as widths, and at least one");
  c.basis.centers.assign(centers.begin(), centers.end());
  c.basis.widths.assign(widths.begin(), widths.end());
  c.lengthUnit = number(o, "lengthUnit");
  c.energyUnit = number(o, "energyUnit");
  if (c.types < 1 || c.hidden < 1 || c.filters < 1 || c.blocks < 1 || !(c.basis.cutoff.upper > 0))
    invalid("schnet: types, hidden, filters and the cutoff must be positive");
  return c;
}

SchnetOptions optionsOf(const Napi::Object& o) {
  SchnetOptions options;
  const std::string pipeline = text(o, "pipeline");
  options.pipeline = pipeline == "baseline" ? SchnetPipeline::baseline
                     : pipeline == "flash"  ? SchnetPipeline::flash
                                            : SchnetPipeline::table;
  options.techniques = {flag(o, "radialBasis"), flag(o, "messagePassing"), flag(o, "aggregation"),
                        flag(o, "weights16")};
  options.operands = static_cast<SchnetOperands>(integer(o, "operands"));
  options.entries = static_cast<SchnetEntries>(integer(o, "entries"));
  options.envelopeGradient = flag(o, "envelopeGradient");
  options.tolerance = number(o, "tolerance");
  return options;
}

// schnet(config, parameters: Float64Array, options) -> potential
Napi::Value jsSchnet(const Napi::CallbackInfo& info) {
  const SchnetConfig config = configOf(info[0].As<Napi::Object>());
  SchnetParameters parameters = schnetParameters(config, doubles(info[1], "schnet.parameters"));
  const auto o = info[2].As<Napi::Object>();
  std::shared_ptr<Potential> model;
  if (text(o, "backend") == "reference")
    model = makeSchnetReference(config, std::move(parameters));
  else if (text(o, "backend") == "cuda")
    model =
        makeSchnetCuda(cuda::Device::open(integer(o, "device")), config, parameters, optionsOf(o));
  else if (text(o, "precision") == "float64")
    model = makeSchnetCpu<double>(config, parameters, optionsOf(o));
  else
    model = makeSchnetCpu<float>(config, parameters, optionsOf(o));
  return wrapPotential(info.Env(), model);
}

// ask(model), in its turn: an evaluation in a run's thread changes what it answers.
template <class Ask>
auto asked(const Napi::Value& value, const Ask& ask) {
  const auto potential = unwrapPotential(value);
  const auto* model = dynamic_cast<const SchnetReport*>(potential.get());
  if (!model) invalid("schnet: must be a SchNet potential");
  const PotentialTurn turn(*potential);
  return ask(*model);
}

// schnetTimes(potential) -> [{stage, seconds, kernel, launches}] of the last evaluation; on the
// host a stage has no kernel
Napi::Value jsSchnetTimes(const Napi::CallbackInfo& info) {
  const auto times = asked(info[0], [](const SchnetReport& model) { return model.times(); });
  auto out = Napi::Array::New(info.Env(), times.size());
  for (std::uint32_t k = 0; k < times.size(); ++k) {
    const StageTime& t = times[k];
    auto row = Napi::Object::New(info.Env());
    row.Set("stage", t.stage);
    row.Set("seconds", t.seconds);
    if (!t.kernel.empty()) {
      row.Set("kernel", t.kernel);
      row.Set("launches", t.launches);
    }
    out.Set(k, row);
  }
  return out;
}

// schnetTable(potential) -> report of the tabulated filters, or null
Napi::Value jsSchnetTable(const Napi::CallbackInfo& info) {
  const auto t = asked(info[0], [](const SchnetReport& model) {
    const TableReport* report = model.table();
    return report ? std::optional(*report) : std::nullopt;
  });
  if (!t) return info.Env().Null();
  auto out = Napi::Object::New(info.Env());
  out.Set("intervals", static_cast<double>(t->intervals));
  out.Set("bytes", t->bytes);
  out.Set("tolerance", t->tolerance);
  out.Set("worstError", t->errors.worst);
  out.Set("valueError", t->errors.value);
  out.Set("slopeError", t->errors.slope);
  out.Set("maxValueError", t->errors.maxValue);
  out.Set("maxSlopeError", t->errors.maxSlope);
  return out;
}

// schnetEstimate(potential, edges, atoms) -> bytes
Napi::Value jsSchnetEstimate(const Napi::CallbackInfo& info) {
  const double edges = info[1].ToNumber().DoubleValue(), atoms = info[2].ToNumber().DoubleValue();
  return Napi::Number::New(info.Env(), asked(info[0], [&](const SchnetReport& model) {
                             return model.estimate(edges, atoms);
                           }));
}

}  // namespace

void exportSchnet(Napi::Env env, Napi::Object exports) {
  exports.Set("schnet", Napi::Function::New<Guarded<jsSchnet>>(env, "schnet"));
  exports.Set("schnetTimes", Napi::Function::New<Guarded<jsSchnetTimes>>(env, "schnetTimes"));
  exports.Set("schnetEstimate",
              Napi::Function::New<Guarded<jsSchnetEstimate>>(env, "schnetEstimate"));
  exports.Set("schnetTable", Napi::Function::New<Guarded<jsSchnetTable>>(env, "schnetTable"));
}

}  // namespace mdlab::binding

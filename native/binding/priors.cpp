#include "binding/binding.h"
#include "models/bonded/bonded-on-device.h"

namespace mdlab::binding {
namespace {

template <class T>
T choice(const Napi::Value& value, std::initializer_list<std::pair<const char*, T>> names,
         const char* what) {
  const std::string text = value.ToString();
  for (const auto& [name, v] : names)
    if (text == name) return v;
  invalid(std::string(what) + ": unknown, received " + text);
}

BondedTerm termOf(const Napi::Object& o) {
  BondedTerm term;
  term.name = o.Get("name").ToString();
  term.coordinate = choice<BondedCoordinate>(o.Get("coordinate"),
                                             {{"distance", BondedCoordinate::distance},
                                              {"cosine", BondedCoordinate::cosine},
                                              {"angle", BondedCoordinate::angle},
                                              {"dihedral", BondedCoordinate::dihedral}},
                                             "bonded.coordinate");
  term.form = choice<BondedForm>(o.Get("form"),
                                 {{"harmonic", BondedForm::harmonic},
                                  {"polynomial", BondedForm::polynomial},
                                  {"repulsion", BondedForm::repulsion},
                                  {"fourier", BondedForm::fourier},
                                  {"restricted", BondedForm::restricted},
                                  {"ashbaughHatch", BondedForm::ashbaughHatch},
                                  {"screenedCoulomb", BondedForm::screenedCoulomb}},
                                 "bonded.form");
  const auto tuples = ints(o.Get("tuples"), "bonded.tuples");
  const auto parameters = doubles(o.Get("parameters"), "bonded.parameters");
  term.tuples.assign(tuples.begin(), tuples.end());
  term.parameters.assign(parameters.begin(), parameters.end());
  return term;
}

// createBonded([{atoms, terms: [{name, coordinate, form, tuples, parameters}]}], assignment?,
// device?): on the GPU of that index, else on the host
Napi::Value jsCreateBonded(const Napi::CallbackInfo& info) {
  const auto list = info[0].As<Napi::Array>();
  std::vector<BondedTopology> topologies;
  for (std::uint32_t t = 0; t < list.Length(); ++t) {
    const auto object = list.Get(t).As<Napi::Object>();
    const auto terms = object.Get("terms").As<Napi::Array>();
    BondedTopology topology;
    topology.atoms = object.Get("atoms").ToNumber();
    for (std::uint32_t k = 0; k < terms.Length(); ++k)
      topology.terms.push_back(termOf(terms.Get(k).As<Napi::Object>()));
    topologies.push_back(std::move(topology));
  }
  const auto assignment = ints(info[1], "bonded.assignment");
  auto bonded = std::make_shared<Bonded>(std::move(topologies),
                                         std::vector(assignment.begin(), assignment.end()));
  if (info[2].IsUndefined()) return wrapPotential(info.Env(), std::move(bonded));
  auto& device = cuda::Device::open(info[2].ToNumber().Int32Value());
  return wrapPotential(info.Env(), std::make_shared<BondedOnDevice>(device, std::move(bonded)));
}

// bondedTermEnergies(potential, batch) -> Float64Array (systems, terms)
Napi::Value jsBondedTermEnergies(const Napi::CallbackInfo& info) {
  const auto given = unwrapPotential(info[0]);
  const auto onDevice = std::dynamic_pointer_cast<BondedOnDevice>(given);
  auto* potential = onDevice ? &onDevice->onHost() : dynamic_cast<Bonded*>(given.get());
  if (!potential) invalid("bondedTermEnergies: must get a potential of bonded terms");
  const BatchArguments arguments = batchOf(info[1].As<Napi::Object>());
  const PotentialTurn turn(*given);
  auto out = Napi::Float64Array::New(
      info.Env(), potential->terms() * static_cast<std::size_t>(arguments.batch.systems()));
  potential->termEnergies(arguments.batch, {out.Data(), out.ElementLength()});
  return out;
}

}  // namespace

void exportPriors(Napi::Env env, Napi::Object exports) {
  exports.Set("createBonded", Napi::Function::New<Guarded<jsCreateBonded>>(env, "createBonded"));
  exports.Set("bondedTermEnergies",
              Napi::Function::New<Guarded<jsBondedTermEnergies>>(env, "bondedTermEnergies"));
}

}  // namespace mdlab::binding

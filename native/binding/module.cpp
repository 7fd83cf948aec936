#include "binding/binding.h"

namespace mdlab::binding {

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  exportCore(env, exports);
  exportCuda(env, exports);
  exportMd(env, exports);
  exportNeighbors(env, exports);
  exportNeighborsCuda(env, exports);
  exportPoolCheck(env, exports);
  exportPotential(env, exports);
  exportPriors(env, exports);

  exportSchnet(env, exports);
  exportNn(env, exports);
  exportDeviceTiming(env, exports);
  return exports;
}

NODE_API_MODULE(mdlab, initialise)

}  // namespace mdlab::binding

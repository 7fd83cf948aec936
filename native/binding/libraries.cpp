#include "binding/binding.h"

#if defined(_WIN32)
#include <windows.h>
#else
#include <dlfcn.h>
#endif

// Which shared libraries this machine can open at run time, and why not; `mdlab doctor` shows it.
namespace mdlab::binding {
namespace {

// openLibrary(name) -> undefined when it opens, else the loader's own words. Nothing stays open.
Napi::Value jsOpenLibrary(const Napi::CallbackInfo& info) {
  const std::string name = info[0].ToString();
#if defined(_WIN32)
  if (HMODULE library = LoadLibraryA(name.c_str())) {
    FreeLibrary(library);
    return info.Env().Undefined();
  }
  return Napi::String::New(info.Env(), "error " + std::to_string(GetLastError()));
#else
  if (void* library = dlopen(name.c_str(), RTLD_LAZY | RTLD_LOCAL)) {
    dlclose(library);
    return info.Env().Undefined();
  }
  return Napi::String::New(info.Env(), dlerror());
#endif
}

}  // namespace

void exportLibraries(Napi::Env env, Napi::Object exports) {
  exports.Set("openLibrary", Napi::Function::New<Guarded<jsOpenLibrary>>(env, "openLibrary"));
}

}  // namespace mdlab::binding

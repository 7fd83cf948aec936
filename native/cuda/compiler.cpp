#include "cuda/compiler.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>

#include "core/error.h"
#include "cuda/cubin-cache.h"
#include "cuda/driver.h"

namespace mdlab::cuda {
namespace {

namespace fs = std::filesystem;

struct Folders {
  std::string sources, cache;
};
std::mutex foldersMutex;
Folders sharedFolders;

Folders folders() {
  const std::lock_guard lock(foldersMutex);
  return sharedFolders;
}

struct Program;

// The part of NVIDIA's NVRTC that is used here.
struct Nvrtc {
  int (*version)(int* major, int* minor);
  const char* (*errorString)(int result);
  int (*numSupportedArchs)(int* count);
  int (*supportedArchs)(int* list);
  int (*createProgram)(Program**, const char* source, const char* name, int headers,
                       const char* const* headerSources, const char* const* headerNames);
  int (*addNameExpression)(Program*, const char* name);
  int (*compileProgram)(Program*, int options, const char* const* option);
  int (*logSize)(Program*, std::size_t*);
  int (*log)(Program*, char*);
  int (*cubinSize)(Program*, std::size_t*);
  int (*cubin)(Program*, char*);
  int (*loweredName)(Program*, const char* name, const char** lowered);
  int (*destroyProgram)(Program**);
};

Nvrtc load() {
  const Library library = openNvrtc();
  library.openBeside("libnvrtc-builtins.so");
  Nvrtc n{};
  const auto take = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(library.find(name));
  };
  take(n.version, "nvrtcVersion");
  take(n.errorString, "nvrtcGetErrorString");
  take(n.numSupportedArchs, "nvrtcGetNumSupportedArchs");
  take(n.supportedArchs, "nvrtcGetSupportedArchs");
  take(n.createProgram, "nvrtcCreateProgram");
  take(n.addNameExpression, "nvrtcAddNameExpression");
  take(n.compileProgram, "nvrtcCompileProgram");
  take(n.logSize, "nvrtcGetProgramLogSize");
  take(n.log, "nvrtcGetProgramLog");
  take(n.cubinSize, "nvrtcGetCUBINSize");
  take(n.cubin, "nvrtcGetCUBIN");
  take(n.loweredName, "nvrtcGetLoweredName");
  take(n.destroyProgram, "nvrtcDestroyProgram");
  return n;
}

const Nvrtc& nvrtc() {
  static const Nvrtc loaded = load();
  return loaded;
}

void checkNvrtc(int result, const std::string& what) {
  if (result != 0) throw Error("ECOMPILE", what + ": " + nvrtc().errorString(result));
}

std::string readText(const std::string& file) {
  const std::string folder = sourceFolder();
  std::ifstream in(fs::path(folder) / file, std::ios::binary);
  if (!in)
    throw Error("ENOTFOUND", "CUDA source: " + file + " is missing from " + folder +
                                 "; the installation is not whole");
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// Every file reached by #include "…", by its name there; names are relative to the source folder.
void collectHeaders(const std::string& text, std::map<std::string, std::string>& headers) {
  constexpr const char* mark = "#include \"";
  for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + 1)) {
    const std::size_t begin = at + std::char_traits<char>::length(mark);
    const std::string name = text.substr(begin, text.find('"', begin) - begin);
    if (headers.contains(name)) continue;
    const std::string header = headers[name] = readText(name);
    collectHeaders(header, headers);
  }
}

void requireArchitecture(const std::string& architecture) {
  int count = 0;
  checkNvrtc(nvrtc().numSupportedArchs(&count), "CUDA compiler");
  std::vector<int> known(static_cast<std::size_t>(count));
  checkNvrtc(nvrtc().supportedArchs(known.data()), "CUDA compiler");
  std::string list;
  for (const int k : known) {
    const std::string name = "sm_" + std::to_string(k);
    if (architecture == name || architecture == name + "a") return;
    list += " sm_" + std::to_string(k);
  }
  throw Error("EUNSUPPORTED", "CUDA compiler: NVRTC " + nvrtcVersion() +
                                  " must know the device's architecture " + architecture +
                                  ", it knows" + list + "; install a version that does");
}

struct Source {
  std::string file, text;
  std::map<std::string, std::string> headers;
};

Cubin build(const Source& source, const std::vector<std::string>& kernels,
            const std::vector<std::string>& options, const std::string& architecture) {
  requireArchitecture(architecture);
  std::vector<const char*> headerTexts, headerNames, optionTexts;
  for (const auto& [name, header] : source.headers) {
    headerNames.push_back(name.c_str());
    headerTexts.push_back(header.c_str());
  }
  for (const std::string& option : options) optionTexts.push_back(option.c_str());
  const Nvrtc& n = nvrtc();
  Program* program = nullptr;
  checkNvrtc(
      n.createProgram(&program, source.text.c_str(), source.file.c_str(),
                      static_cast<int>(headerNames.size()), headerTexts.data(), headerNames.data()),
      "CUDA source " + source.file);
  struct Destroy {
    Program*& program;
    ~Destroy() { nvrtc().destroyProgram(&program); }
  } destroy{program};
  for (const std::string& kernel : kernels)
    checkNvrtc(n.addNameExpression(program, kernel.c_str()), "kernel " + kernel);
  const int result =
      n.compileProgram(program, static_cast<int>(optionTexts.size()), optionTexts.data());
  Cubin out;
  std::size_t size = 0;
  checkNvrtc(n.logSize(program, &size), "CUDA compiler's log");
  out.log.resize(size);
  checkNvrtc(n.log(program, out.log.data()), "CUDA compiler's log");
  out.log.resize(size ? size - 1 : 0);
  if (result != 0)
    throw Error("ECOMPILE", "CUDA source " + source.file + " for " + architecture + ": " +
                                n.errorString(result) + "\n" + out.log);
  for (const std::string& kernel : kernels) {
    const char* lowered = nullptr;
    checkNvrtc(n.loweredName(program, kernel.c_str(), &lowered), "kernel " + kernel);
    out.names.emplace_back(lowered);
  }
  checkNvrtc(n.cubinSize(program, &size), "CUDA machine code of " + source.file);
  out.image.resize(size);
  checkNvrtc(n.cubin(program, out.image.data()), "CUDA machine code of " + source.file);
  return out;
}

}  // namespace

void setFolders(const std::string& sources, const std::string& cache) {
  const std::lock_guard lock(foldersMutex);
  sharedFolders = {sources, cache};
}
std::string sourceFolder() { return folders().sources; }

std::string nvrtcVersion() {
  int major = 0, minor = 0;
  checkNvrtc(nvrtc().version(&major, &minor), "CUDA compiler's version");
  return std::to_string(major) + "." + std::to_string(minor);
}

Cubin compile(const std::string& file, const std::vector<std::string>& kernels,
              const std::string& architecture) {
  Source source{file, readText(file), {}};
  collectHeaders(source.text, source.headers);
  // -default-device: functions of headers that host code shares need no annotation.
  const std::vector<std::string> options{"--gpu-architecture=" + architecture, "--std=c++20",
                                         "-default-device", "-lineinfo"};
  std::string key = nvrtcVersion() + '\0' + file + '\0' + source.text;
  for (const auto& [name, header] : source.headers) key += '\0' + name + '\0' + header;
  for (const auto* list : {&options, &kernels})
    for (const std::string& item : *list) key += '\0' + item;
  const CubinCache cache(folders().cache);
  if (auto kept = cache.read(key)) return *kept;
  Cubin made = build(source, kernels, options, architecture);
  cache.write(key, made);
  return made;
}

}  // namespace mdlab::cuda

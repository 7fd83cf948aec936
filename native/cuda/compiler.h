#pragma once
#include <string>
#include <vector>

namespace mdlab::cuda {

// Folders, told by lib/native.ts whenever a thread loads the addon: where the .cu and .h files are,
// and where cubins are kept per user.
void setFolders(const std::string& sources, const std::string& cache);
std::string sourceFolder();

// Machine code for one architecture and the names its kernels were given.
struct Cubin {
  std::vector<char> image;
  std::vector<std::string> names;  // lowered names, one per kernel asked for
  std::string log;
};

// Compiles one whole .cu file (path below the source folder) by NVRTC for "sm_90" etc.; `kernels`
// are C++ name expressions such as "mdlab::tableForward<128>". Cached under a key of the file, the
// headers it includes (transitively, by #include "..."), options, NVRTC's version and architecture,
// written by atomic rename; an entry that cannot be read or whose checksum is wrong is made anew.
// Throws Error(ENOTFOUND) without NVRTC, Error(ECOMPILE) with the compiler's log.
Cubin compile(const std::string& file, const std::vector<std::string>& kernels,
              const std::string& architecture);

// "13.0"; throws Error(ENOTFOUND) without NVRTC.
std::string nvrtcVersion();

}  // namespace mdlab::cuda

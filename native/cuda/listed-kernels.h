#pragma once
#include <string>
#include <vector>

namespace mdlab::cuda {

// Kernels of one .cu file by the names a representative model asks for. Each .cuda.cpp that loads a
// file lists it once, at namespace scope, so that a test compiles all of them without a GPU:
//   const cuda::ListedKernels listed("models/schnet/table.cu", kernelNames(128));
struct ListedKernels {
  ListedKernels(std::string sourceFile, std::vector<std::string> names);
  std::string file;
  std::vector<std::string> kernels;
};

// Everything listed; a file may stand there more than once.
std::vector<ListedKernels> listedKernels();

}  // namespace mdlab::cuda

#include "models/schnet/memory.h"

#include <cstdio>
#include <fstream>
#include <limits>

#include "core/error.h"

namespace mdlab {
namespace {

double firstNumber(const char* path) {
  std::ifstream file(path);
  double value = 0;
  return file >> value ? value : std::numeric_limits<double>::infinity();
}

std::string gigabytes(double bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g GB", bytes * 1e-9);
  return text;
}

}  // namespace

double freeMemory() {
  std::ifstream file("/proc/meminfo");
  double system = std::numeric_limits<double>::infinity();
  for (std::string key; file >> key;) {
    if (key == "MemAvailable:") {
      file >> system;
      system *= 1024;
      break;
    }
    file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  // A container's limit (cgroup v2) may be the tighter one.
  const double group =
      firstNumber("/sys/fs/cgroup/memory.max") - firstNumber("/sys/fs/cgroup/memory.current");
  const double least = group < system ? group : system;
  return least < std::numeric_limits<double>::infinity() ? least : 0;
}

void requireMemory(const std::string& subject, double bytes, double reusable) {
  if (bytes < 256e6) return;
  const double room = freeMemory();
  if (room <= 0 || bytes <= room + reusable) return;
  throw Error("ENOMEM", subject + ": this evaluation needs " + gigabytes(bytes) + ", " +
                            gigabytes(room) +
                            " are free; evaluate fewer replicas at a time, or use pipeline "
                            "'table' or 'flash'");
}

}  // namespace mdlab

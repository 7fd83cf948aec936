#include "cuda/cubin-cache.h"

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#if defined(_WIN32)
#include <process.h>
#define getpid _getpid
#else
#include <unistd.h>
#endif

namespace mdlab::cuda {
namespace {

namespace fs = std::filesystem;

// FNV-1a over 128 bits by two independent 64-bit lanes, as hexadecimal.
std::string digest(const std::string& text) {
  std::uint64_t a = 0xcbf29ce484222325u, b = 0x9ae16a3b2f90404fu;
  for (const char c : text) {
    a = (a ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    b = (b + static_cast<unsigned char>(c)) * 0x9e3779b97f4a7c15u;
    b ^= b >> 29;
  }
  char hex[33];
  std::snprintf(hex, sizeof hex, "%016llx%016llx", static_cast<unsigned long long>(a),
                static_cast<unsigned long long>(b));
  return hex;
}

void put(std::string& to, const std::string& piece) {
  to += std::to_string(piece.size()) + '\n' + piece;
}

// Takes a length-prefixed piece off the front; false where the text is too short.
bool take(const std::string& from, std::size_t& at, std::string& piece) {
  const std::size_t end = from.find('\n', at);
  if (end == std::string::npos || end - at > 12) return false;
  const auto length = static_cast<std::size_t>(std::strtoull(from.c_str() + at, nullptr, 10));
  if (length > from.size() - end - 1) return false;
  piece = from.substr(end + 1, length);
  at = end + 1 + length;
  return true;
}

}  // namespace

std::string CubinCache::fileOf(const std::string& key) const {
  return (fs::path(folder_) / (digest(key) + ".cubin")).string();
}

// A file is: digest of the rest, then key, names joined by lines, image.
std::optional<Cubin> CubinCache::read(const std::string& key) const {
  std::ifstream in(fileOf(key), std::ios::binary);
  if (!in) return std::nullopt;
  std::ostringstream stream;
  stream << in.rdbuf();
  const std::string text = stream.str();
  std::size_t at = 0;
  std::string sum, keptKey, names, image;
  if (!take(text, at, sum) || digest(text.substr(at)) != sum) return std::nullopt;
  if (!take(text, at, keptKey) || keptKey != key) return std::nullopt;
  if (!take(text, at, names) || !take(text, at, image)) return std::nullopt;
  Cubin cubin;
  std::istringstream lines(names);
  for (std::string name; std::getline(lines, name);) cubin.names.push_back(name);
  cubin.image.assign(image.begin(), image.end());
  return cubin;
}

void CubinCache::write(const std::string& key, const Cubin& cubin) const {
  static std::atomic<unsigned> count{0};
  std::string names, body, text;
  for (const std::string& name : cubin.names) names += name + '\n';
  put(body, key);
  put(body, names);
  put(body, {cubin.image.begin(), cubin.image.end()});
  put(text, digest(body));
  text += body;
  std::error_code failed;
  fs::create_directories(folder_, failed);
  const std::string file = fileOf(key);
  const fs::path temporary = file + "." + std::to_string(getpid()) + "." + std::to_string(count++);
  {
    std::ofstream out(temporary, std::ios::binary);
    out << text;
    if (!out.flush()) {
      fs::remove(temporary, failed);
      return;
    }
  }
  fs::rename(temporary, file, failed);
  if (failed) fs::remove(temporary, failed);
}

}  // namespace mdlab::cuda

#pragma once
#include <bit>
#include <cstdint>

// IEEE binary16 as bits, by integer arithmetic that vectorises anywhere.
namespace mdlab {

struct Half {
  std::uint16_t bits;
};

inline float fromHalf(Half h) {
  const std::uint32_t magnitude = std::uint32_t(h.bits & 0x7fffu) << 13;
  // Subnormal halves by subtraction of normal floats: products with denormals are slow.
  const float tiny = std::bit_cast<float>(magnitude + 0x38800000u) - 0x1p-14f;
  const float normal = std::bit_cast<float>(magnitude + 0x38000000u);
  const float infinite = std::bit_cast<float>(magnitude + 0x70000000u);
  const float value = magnitude < 0x00800000u ? tiny : magnitude >= 0x0f800000u ? infinite : normal;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) | std::uint32_t(h.bits & 0x8000u)
                                                                        << 16);
}

// Round to nearest even; beyond ±65504 the largest finite value, as saturating conversions do.
inline Half toHalf(float x) {
  const std::uint32_t u = std::bit_cast<std::uint32_t>(x), sign = u >> 16 & 0x8000u;
  const std::uint32_t magnitude = u & 0x7fffffffu;
  const std::uint32_t a = magnitude < 0x477fe000u ? magnitude : 0x477fe000u;  // 65504
  // Normal results: drop 13 bits. Subnormal ones (< 2^-14): adding ½ makes the adder round them.
  const std::uint32_t normal = (a + 0xfffu + (a >> 13 & 1u) - 0x38000000u) >> 13;
  const std::uint32_t tiny =
      std::bit_cast<std::uint32_t>(std::bit_cast<float>(a) + 0.5f) - 0x3f000000u;
  const std::uint32_t nan = magnitude > 0x7f800000u ? 0x7e00u : 0u;
  const std::uint32_t h = (a < 0x38800000u ? tiny : normal) | nan;
  return {static_cast<std::uint16_t>(sign | h)};
}

inline void roundToHalf(float* x, std::int64_t n) {
  for (std::int64_t k = 0; k < n; ++k) x[k] = fromHalf(toHalf(x[k]));
}

}  // namespace mdlab

/** 16-bit floats: IEEE 754 binary16 and bfloat16, to and from 32 bits (round to nearest, ties to even). */

const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

/** binary16 words widened. */
export function float32FromHalf(half: Uint16Array): Float32Array {
  const out = new Float32Array(half.length);
  for (let i = 0; i < half.length; i++) {
    const h = half[i]!;
    const exponent = (h >> 10) & 31;
    const fraction = h & 1023;
    const magnitude =
      exponent === 31
        ? fraction
          ? Number.NaN
          : Number.POSITIVE_INFINITY
        : exponent === 0
          ? fraction * 2 ** -24
          : (1024 + fraction) * 2 ** (exponent - 25);
    out[i] = h & 0x8000 ? -magnitude : magnitude;
  }
  return out;
}

/** Narrowed to binary16; beyond 65504 becomes infinity. */
export function halfFromFloat32(values: ArrayLike<number>): Uint16Array {
  const out = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    float[0] = values[i]!;
    const w = word[0]!;
    const sign = (w >>> 16) & 0x8000;
    const magnitude = w & 0x7fffffff;
    if (magnitude > 0x7f800000) out[i] = sign | 0x7e00;
    else if (magnitude >= 0x477ff000) out[i] = sign | 0x7c00;
    else if (magnitude >= 0x38800000) {
      const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
      out[i] = sign | ((rounded - 0x38000000) >>> 13);
    } else {
      // Subnormal: a whole number of 2^-24, rounded by hand.
      const scaled = Math.abs(float[0]!) * 2 ** 24;
      const low = Math.floor(scaled);
      const rest = scaled - low;
      out[i] = sign | (rest > 0.5 || (rest === 0.5 && low & 1) ? low + 1 : low);
    }
  }
  return out;
}

/** bfloat16 words widened. */
export function float32FromBfloat16(values: Uint16Array): Float32Array {
  const out = new Uint32Array(values.length);
  for (let i = 0; i < values.length; i++) out[i] = values[i]! << 16;
  return new Float32Array(out.buffer);
}

/** Narrowed to bfloat16. */
export function bfloat16FromFloat32(values: ArrayLike<number>): Uint16Array {
  const out = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    float[0] = values[i]!;
    const w = word[0]!;
    out[i] = (w & 0x7fffffff) > 0x7f800000 ? (w >>> 16) | 0x40 : (w + 0x7fff + ((w >>> 16) & 1)) >>> 16;
  }
  return out;
}

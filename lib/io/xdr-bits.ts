/** Bits, most significant first, and mixed-radix integers in them: the base of XTC's compression. */

/** Bits that `count` values take: the length of `count` in binary. */
export function bitLength(count: number): number {
  return count < 2 ** 32 ? 32 - Math.clz32(count) : BigInt(count).toString(2).length;
}

/** Bits of a triple with these ranges, coded as one number. */
export function tripleBits(sizes: readonly [number, number, number]): number {
  return (BigInt(sizes[0]) * BigInt(sizes[1]) * BigInt(sizes[2])).toString(2).length;
}

/** Takes bits from bytes; past the end `overrun` is set and zeros come. */
export class BitReader {
  /** With two bytes behind the end, so that the last bits are taken like any others. */
  private readonly bytes: Uint8Array;
  private readonly length: number;
  private index = 0;
  /** Bits of bytes[index] taken already, 0..7. */
  private taken = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = new Uint8Array(bytes.length + 2);
    this.bytes.set(bytes);
    this.length = bytes.length;
  }

  get overrun(): boolean {
    return this.index > this.length || (this.index === this.length && this.taken > 0);
  }

  /** `count` bits (0..8) as an unsigned number. */
  private few(count: number): number {
    const { index } = this;
    if (index >= this.length) {
      if (count > 0) this.index = this.length + 1;
      return 0;
    }
    const taken = this.taken + count;
    const word = (this.bytes[index]! << 8) | this.bytes[index + 1]!;
    this.index = index + (taken >> 3);
    this.taken = taken & 7;
    return (word >> (16 - taken)) & ((1 << count) - 1);
  }

  /** `count` bits (0..32) as an unsigned number. */
  bits(count: number): number {
    let out = 0;
    let left = count;
    for (; left > 8; left -= 8) out = out * 256 + this.few(8);
    return out * 2 ** left + this.few(left);
  }

  /** A triple below `sizes`, coded in `count` bits: bytes of (x·size1 + y)·size2 + z, the low byte first. */
  triple(count: number, sizes: readonly [number, number, number], out: Int32Array | number[]): void {
    if (count <= 30) {
      // The common case, in 32-bit integers.
      let value = 0;
      let shift = 0;
      for (; count - shift > 8; shift += 8) value |= this.few(8) << shift;
      value |= this.few(count - shift) << shift;
      const high = (value / sizes[2]) | 0;
      out[2] = value - high * sizes[2];
      const x = (high / sizes[1]) | 0;
      out[0] = x;
      out[1] = high - x * sizes[1];
      return;
    }
    if (count <= 48) {
      let value = 0;
      let scale = 1;
      for (let left = count; left > 0; left -= 8) {
        value += this.few(Math.min(8, left)) * scale;
        scale *= 256;
      }
      const high = Math.floor(value / sizes[2]);
      out[2] = value - high * sizes[2];
      out[0] = Math.floor(high / sizes[1]);
      out[1] = high - out[0]! * sizes[1];
      return;
    }
    let value = 0n;
    let shift = 0n;
    for (let left = count; left > 0; left -= 8) {
      value |= BigInt(this.few(Math.min(8, left))) << shift;
      shift += 8n;
    }
    const [, y, z] = sizes;
    out[2] = Number(value % BigInt(z));
    value /= BigInt(z);
    out[1] = Number(value % BigInt(y));
    out[0] = Number(BigInt.asIntN(64, value / BigInt(y)));
  }
}

/** Appends bits to bytes that grow. */
export class BitWriter {
  private bytes = new Uint8Array(1024);
  private length = 0;
  private held = 0;
  private value = 0;

  /** The low `count` bits (0..8) of a number. */
  private few(count: number, value: number): void {
    const held = this.held + count;
    this.value = (this.value << count) | (value & ((1 << count) - 1));
    if (held < 8) {
      this.held = held;
      return;
    }
    this.held = held - 8;
    if (this.length === this.bytes.length) {
      const larger = new Uint8Array(2 * this.length);
      larger.set(this.bytes);
      this.bytes = larger;
    }
    this.bytes[this.length++] = this.value >> this.held;
    this.value &= (1 << this.held) - 1;
  }

  /** `count` bits (0..32) of a whole number below 2^count. */
  bits(count: number, value: number): void {
    let left = count;
    for (; left > 8; left -= 8) this.few(8, Math.floor(value / 2 ** (left - 8)));
    this.few(left, value % 256);
  }

  triple(count: number, sizes: readonly [number, number, number], x: number, y: number, z: number): void {
    if (count <= 48) {
      let value = (x * sizes[1] + y) * sizes[2] + z;
      for (let left = count; left > 0; left -= 8) {
        const high = Math.floor(value / 256);
        this.few(Math.min(8, left), value - high * 256);
        value = high;
      }
      return;
    }
    let value = (BigInt(x) * BigInt(sizes[1]) + BigInt(y)) * BigInt(sizes[2]) + BigInt(z);
    for (let left = count; left > 0; left -= 8) {
      this.few(Math.min(8, left), Number(value & 255n));
      value >>= 8n;
    }
  }

  /** All bytes, the last one filled with zeros. */
  finish(): Uint8Array {
    if (this.held > 0) this.few(8 - this.held, 0);
    return this.bytes.subarray(0, this.length);
  }
}

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
  overrun = false;
  private at = 0;
  private held = 0;
  private value = 0;

  constructor(private readonly bytes: Uint8Array) {}

  /** `count` bits (0..32) as an unsigned number. */
  bits(count: number): number {
    let left = count;
    let out = 0;
    while (left > 0) {
      if (this.held === 0) {
        if (this.at === this.bytes.length) {
          this.overrun = true;
          return out * 2 ** left;
        }
        this.value = this.bytes[this.at++]!;
        this.held = 8;
      }
      const take = Math.min(left, this.held);
      this.held -= take;
      out = out * 2 ** take + ((this.value >> this.held) & ((1 << take) - 1));
      left -= take;
    }
    return out;
  }

  /** A triple below `sizes`, coded in `count` bits: bytes of (x·size1 + y)·size2 + z, the low byte first. */
  triple(count: number, sizes: readonly [number, number, number], out: Int32Array | number[]): void {
    if (count <= 48) {
      let value = 0;
      let scale = 1;
      for (let left = count; left > 0; left -= 8) {
        value += this.bits(Math.min(8, left)) * scale;
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
      value |= BigInt(this.bits(Math.min(8, left))) << shift;
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

  bits(count: number, value: number): void {
    for (let left = count; left > 0; ) {
      const take = Math.min(left, 8 - this.held);
      left -= take;
      this.value = (this.value << take) | (Math.floor(value / 2 ** left) & ((1 << take) - 1));
      this.held += take;
      if (this.held === 8) this.byte();
    }
  }

  triple(count: number, sizes: readonly [number, number, number], x: number, y: number, z: number): void {
    if (count <= 48) {
      let value = (x * sizes[1] + y) * sizes[2] + z;
      for (let left = count; left > 0; left -= 8) {
        const high = Math.floor(value / 256);
        this.bits(Math.min(8, left), value - high * 256);
        value = high;
      }
      return;
    }
    let value = (BigInt(x) * BigInt(sizes[1]) + BigInt(y)) * BigInt(sizes[2]) + BigInt(z);
    for (let left = count; left > 0; left -= 8) {
      this.bits(Math.min(8, left), Number(value & 255n));
      value >>= 8n;
    }
  }

  /** All bytes, the last one filled with zeros. */
  finish(): Uint8Array {
    if (this.held > 0) this.bits(8 - this.held, 0);
    return this.bytes.subarray(0, this.length);
  }

  private byte(): void {
    if (this.length === this.bytes.length) {
      const larger = new Uint8Array(2 * this.length);
      larger.set(this.bytes);
      this.bytes = larger;
    }
    this.bytes[this.length++] = this.value;
    this.value = 0;
    this.held = 0;
  }
}

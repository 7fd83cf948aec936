/** The little of a 2-D canvas that plotly's heatmaps need: filled rectangles and pixels, read back as a PNG. */
import { deflateSync } from 'node:zlib';

/** What plotly asks of a canvas element. */
export interface CanvasSize {
  width: number;
  height: number;
}

export class PixelContext {
  fillStyle = 'rgba(0,0,0,1)';
  private readonly canvas: CanvasSize;
  private pixels = new Uint8ClampedArray(0);

  constructor(canvas: CanvasSize) {
    this.canvas = canvas;
  }

  createImageData(width: number, height: number): { width: number; height: number; data: Uint8ClampedArray } {
    return { width, height, data: new Uint8ClampedArray(4 * width * height) };
  }

  putImageData(
    image: { width: number; height: number; data: Uint8ClampedArray },
    x: number,
    y: number,
  ): void {
    const pixels = this.sized();
    for (let row = 0; row < image.height; row++) {
      const from = 4 * row * image.width;
      pixels.set(image.data.subarray(from, from + 4 * image.width), 4 * ((y + row) * this.width + x));
    }
  }

  getImageData(x: number, y: number, width: number, height: number): { data: Uint8ClampedArray } {
    const pixels = this.sized();
    const data = new Uint8ClampedArray(4 * width * height);
    for (let row = 0; row < height; row++) {
      const from = 4 * ((y + row) * this.width + x);
      data.set(pixels.subarray(from, from + 4 * width), 4 * row * width);
    }
    return { data };
  }

  fillRect(x: number, y: number, width: number, height: number): void {
    const [r = 0, g = 0, b = 0, a = 1] = (this.fillStyle.match(/[\d.]+/g) ?? []).map(Number);
    const pixels = this.sized();
    const [x0, y0] = [Math.max(0, Math.round(x)), Math.max(0, Math.round(y))];
    const x1 = Math.min(this.width, Math.round(x + width));
    const y1 = Math.min(this.height, Math.round(y + height));
    for (let row = y0; row < y1; row++) {
      for (let column = x0; column < x1; column++)
        pixels.set([r, g, b, 255 * a], 4 * (row * this.width + column));
    }
  }

  toDataURL(): string {
    const { width, height, pixels } = this.enlarged();
    return `data:image/png;base64,${encodePng(width, height, pixels).toString('base64')}`;
  }

  /** Small canvases (one pixel per cell) as blocks of pixels, because not every SVG reader keeps pixels sharp. */
  private enlarged(): { width: number; height: number; pixels: Uint8ClampedArray } {
    const from = this.sized();
    const factor = Math.max(1, Math.floor(1000 / Math.max(1, this.width, this.height)));
    const [width, height] = [factor * this.width, factor * this.height];
    const pixels = new Uint32Array(width * height);
    const cells = new Uint32Array(from.buffer, from.byteOffset, this.width * this.height);
    for (let y = 0; y < height; y++) {
      const row = Math.floor(y / factor) * this.width;
      for (let x = 0; x < this.width; x++) {
        pixels.fill(cells[row + x]!, y * width + x * factor, y * width + (x + 1) * factor);
      }
    }
    return { width, height, pixels: new Uint8ClampedArray(pixels.buffer) };
  }

  private get width(): number {
    return Math.round(Number(this.canvas.width));
  }
  private get height(): number {
    return Math.round(Number(this.canvas.height));
  }
  /** The pixels, cleared when the canvas has another size than before. */
  private sized(): Uint8ClampedArray {
    const size = 4 * this.width * this.height;
    if (this.pixels.length !== size) this.pixels = new Uint8ClampedArray(size);
    return this.pixels;
  }
}

/** RGBA pixels as a PNG file (ISO/IEC 15948: signature, IHDR, IDAT without filters, IEND). */
function encodePng(width: number, height: number, rgba: Uint8Array | Uint8ClampedArray): Buffer {
  const rows = Buffer.alloc((4 * width + 1) * height);
  for (let y = 0; y < height; y++)
    rows.set(rgba.subarray(4 * width * y, 4 * width * (y + 1)), (4 * width + 1) * y + 1);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 6, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(name: string, data: Buffer): Buffer {
  const out = Buffer.alloc(12 + data.length);
  out.writeUInt32BE(data.length, 0);
  out.write(name, 4, 'latin1');
  data.copy(out, 8);
  out.writeUInt32BE(crc32(out.subarray(4, 8 + data.length)), 8 + data.length);
  return out;
}

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});

function crc32(bytes: Uint8Array): number {
  let c = 0xffffffff;
  for (const b of bytes) c = crcTable[(c ^ b) & 0xff]! ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

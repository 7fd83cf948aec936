import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DcdReader } from '../../lib/io/dcd.js';
import { type LoadedTrajectory, loadTrajectory, openTrajectory } from '../../lib/io/index.js';
import { memorySource } from '../../lib/io/source.js';
import { makeBox, orthorhombic, Structure } from '../../lib/structure/index.js';
import { dcdAngstrom, openDcd, triclinicDcd } from './golden.js';
import { bigEndian, bytes, file, refusal, scratch } from './tools.js';

const atoms = (n: number): Structure =>
  new Structure({ positions: new Float64Array(3 * n), symbols: Array.from({ length: n }, () => 'C') });
const read = (data: Uint8Array, n = 2): LoadedTrajectory =>
  loadTrajectory(file('x.dcd', data), { topology: atoms(n) });

interface Shape {
  pack?: typeof bytes;
  mark?: 'u32' | 'u64';
  frames?: number;
  fixed?: number;
  version?: number;
  cell?: number[] | undefined;
  fourth?: boolean;
  body?: Uint8Array[];
}

/** A DCD of two atoms, field by field. */
function dcd({
  pack = bytes,
  mark = 'u32',
  frames = 2,
  fixed = 0,
  version = 24,
  cell,
  fourth = false,
  body,
}: Shape): Uint8Array {
  const size = (n: number): number | bigint => (mark === 'u64' ? BigInt(n) : n);
  const record = (length: number, contents: Uint8Array): Uint8Array =>
    pack(mark, size(length), 'raw', contents, mark, size(length));
  const ints = (...values: number[]): Uint8Array => pack(...values.flatMap((v) => ['i32', v]));
  // NFILE NPRIV NSAVC NSTEP 0*4 NAMNF; DELTA; unit cell, fourth dimension, 0*7, version
  const control = pack('text', 'CORD', 'raw', ints(frames, 100, 10, 20, 0, 0, 0, 0, fixed));
  const delta = version === 0 ? pack('f64', 0.02) : pack('f32', 0.02, 'i32', cell ? 1 : 0);
  const tail = ints(fourth ? 1 : 0, 0, 0, 0, 0, 0, 0, 0, version);
  const head = record(84, Buffer.concat([control, delta, tail]));
  const titles = record(84, pack('i32', 1, 'text', 'A TITLE'.padEnd(80)));
  const axis = (a: number, b: number): Uint8Array => record(8, pack('f32', a, 'f32', b));
  const frame = (f: number): Uint8Array =>
    Buffer.concat([
      ...(cell && version !== 0 ? [record(48, pack(...cell.flatMap((c) => ['f64', c])))] : []),
      ...[axis(f + 1, f + 2), axis(f + 3, f + 4), axis(f + 5, f + 6.5)],
      ...(fourth ? [axis(0, 0)] : []),
    ]);
  return new Uint8Array(
    Buffer.concat([head, titles, record(4, ints(2)), ...(body ?? [frame(0), frame(10)])]),
  );
}

test('both byte orders, both record marks, CHARMM and X-PLOR, with cell and fourth dimension', () => {
  const shapes: Shape[] = [
    {},
    { pack: bigEndian },
    { mark: 'u64' },
    { pack: bigEndian, mark: 'u64' },
    { version: 0 },
    { fourth: true },
    { cell: [30, 0, 40, 0, 0, 50] },
    { pack: bigEndian, cell: [30, 90, 40, 90, 90, 50], fourth: true },
  ];
  for (const shape of shapes) {
    const run = read(dcd(shape));
    assert.is(run.length, 2);
    assert.equal([...run.frames[0]!.positions], [1, 3, 5, 2, 4, 6.5]);
    assert.equal([...run.frames[1]!.positions], [11, 13, 15, 12, 14, 16.5]);
    assert.equal(
      run.frames.map((f) => f.step),
      [100, 110],
    );
    assert.ok(Math.abs(run.frames[1]!.time! - 110 * 0.02 * 48.88821) < 1e-4);
    assert.equal(run.frames[0]!.box, shape.cell ? orthorhombic([30, 40, 50]) : null);
    assert.not(run.truncated);
  }
});

test('cells: cosines, degrees, and a symmetric matrix', () => {
  const box = (cell: number[]): number[] => [...read(dcd({ cell })).frames[0]!.box!.vectors];
  const cosines = box([
    30,
    Math.cos((100 * Math.PI) / 180),
    31,
    Math.cos((85 * Math.PI) / 180),
    Math.cos((80 * Math.PI) / 180),
    32,
  ]);
  const degrees = box([30, 100, 31, 85, 80, 32]);
  cosines.forEach((x, i) => {
    assert.ok(Math.abs(x - degrees[i]!) < 1e-9);
  });
  assert.ok(Math.abs(cosines[3]! - 31 * Math.cos((100 * Math.PI) / 180)) < 1e-9);
  assert.equal(box([30, -2, 31, -3, 4, 32]), [30, -2, -3, -2, 31, 4, -3, 4, 32]);
  assert.is(read(dcd({ cell: [0, 0, 0, 0, 0, 0] })).frames[0]!.box, null);
  assert.match(
    refusal(() => box([30, Number.NaN, 31, 0, 0, 32])),
    /frame 0 unit cell: must span a volume/,
  );
});

test("files of VMD's plugin", () => {
  const run = read(Buffer.from(triclinicDcd, 'base64'), 12);
  assert.equal(
    run.frames.flatMap((f) => [...f.positions]),
    [...Float32Array.from(dcdAngstrom)],
  );
  const [ax, , , bx, by] = run.frames[1]!.box!.vectors;
  assert.is(ax, 30.5);
  assert.ok(Math.abs(bx! - 31 * Math.cos((101 * Math.PI) / 180)) < 1e-5);
  assert.ok(Math.abs(Math.hypot(bx!, by!) - 31) < 1e-9);
  const open = read(Buffer.from(openDcd, 'base64'), 3);
  assert.is(open.length, 2);
  assert.is(open.frames[1]!.box, null);
  const second = dcdAngstrom.slice(36, 45);
  assert.equal([...open.frames[1]!.positions], [...Float32Array.from(second)]);
});

test('frames are counted from the size: a stale header, a cut at every byte', () => {
  const whole = dcd({ frames: 0 });
  assert.is(read(whole).length, 2);
  assert.not(read(whole).truncated);
  assert.ok(read(dcd({ frames: 9 })).truncated);
  const frameBytes = 3 * 16;
  const head = whole.length - 2 * frameBytes;
  for (let cut = head + frameBytes; cut < whole.length; cut++) {
    const part = read(whole.subarray(0, cut));
    assert.is(part.length, 1);
    assert.is(part.truncated, cut > head + frameBytes);
  }
  for (let cut = 0; cut < head + frameBytes; cut++) {
    if (cut === head) continue;
    assert.match(
      refusal(() => read(whole.subarray(0, cut))),
      /^x\.dcd: /,
      `cut at ${cut}`,
    );
  }
});

test('frames by index and in strides', () => {
  const reader = new DcdReader(memorySource('x.dcd', dcd({})));
  assert.is(reader.length, 2);
  assert.is(reader.frame(1).positions[0], 11);
  assert.is(reader.frame(0).positions[0], 1);
  const later = loadTrajectory(file('s.dcd', dcd({})), { topology: atoms(2), start: 1 });
  assert.equal(
    later.frames.map((f) => f.step),
    [110],
  );
});

test('written files: header fields by hand, the same numbers back', () => {
  const path = `${scratch}/w.dcd`;
  const topology = atoms(2).with({ box: makeBox([30, 0, 0, -5, 31, 0, 2, 6, 32]) });
  const out = openTrajectory(path, topology);
  for (let i = 0; i < 3; i++) {
    out.write({
      positions: Float64Array.of(i, 1.5, 2, 3, 4, 5),
      step: 500 + 50 * i,
      time: 2 * (500 + 50 * i),
    });
  }
  out.close();
  const raw = readFileSync(path);
  // mark, CORD, NFILE, NPRIV, NSAVC; DELTA = 2 fs in AKMA units; version
  assert.equal([raw.readInt32LE(0), raw.toString('latin1', 4, 8)], [84, 'CORD']);
  assert.equal([raw.readInt32LE(8), raw.readInt32LE(12), raw.readInt32LE(16)], [3, 500, 50]);
  assert.ok(Math.abs(raw.readFloatLE(44) - 2 / 48.88821) < 1e-8);
  assert.equal([raw.readInt32LE(48), raw.readInt32LE(84), raw.readInt32LE(88)], [1, 24, 84]);
  const run = loadTrajectory(path, { topology });
  assert.equal(
    run.frames.map((f) => f.positions[0]),
    [0, 1, 2],
  );
  assert.equal(
    run.frames.map((f) => Math.round(f.time! * 1000)),
    [1_000_000, 1_100_000, 1_200_000],
  );
  [...run.frames[2]!.box!.vectors].forEach((x, i) => {
    assert.ok(Math.abs(x - topology.box!.vectors[i]!) < 1e-9);
  });
});

test('broken files are refused with field and byte', () => {
  const whole = Buffer.from(dcd({}));
  const at = (offset: number, value: number): Uint8Array => {
    const copy = Buffer.from(whole);
    copy.writeInt32LE(value, offset);
    return copy;
  };
  const cases: [Uint8Array, RegExp][] = [
    [new Uint8Array(), /x\.dcd: header at byte 0: needs 8 bytes, the file ends at 0/],
    [at(0, 83), /byte 0: must start with a record of 84 bytes 'CORD'/],
    [at(40, 5), /header NAMNF: must be 0: files with fixed atoms are not read.*received 5/],
    [at(92, 1 << 30), /titles at byte \d+: needs 4 bytes/],
    [at(188, 0x7fffffff), /must hold a frame of \d+ bytes for 2147483647 atoms/],
    [at(188, 0), /atom count at byte 188: must be positive, received 0/],
    [at(188, -5), /atom count at byte 188: must be positive/],
    [at(196, 12), /frame 0 x at byte 196: must have a record mark of 8, received 12/],
    [at(208, 12), /frame 0 x at byte 208: must have a record mark of 8/],
    [
      dcd({ body: [bytes('u32', 8, 'f32', Number.NaN, 'f32', 1, 'u32', 8, 'raw', new Uint8Array(32))] }),
      /frame 0 x\[0\] at byte 200: must be finite, received NaN/,
    ],
  ];
  for (const [data, message] of cases)
    assert.match(
      refusal(() => read(data)),
      message,
    );
  assert.match(
    refusal(() => loadTrajectory(file('n.dcd', whole))),
    /topology: must be given for DCD.*loadTrajectory\('n\.dcd', \{ topology/,
  );
  assert.match(
    refusal(() => read(whole, 3)),
    /topology: must have the 2 particles of x\.dcd, received 3/,
  );
});

test.run();

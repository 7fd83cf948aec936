import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { pathToFileURL } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  frames,
  type LoadedTrajectory,
  load,
  loadStructures,
  loadTrajectory,
  openTrajectory,
  type Safetensors,
  save,
  type Tensor,
} from '../../lib/io/index.js';
import { orthorhombic, Structure, Trajectory } from '../../lib/structure/index.js';
import { random, root, sample, skip } from '../tools.js';
import { file, refusal, scratch } from './tools.js';

const next = random(8);
const n = 30;
const topology = new Structure({
  positions: Float64Array.from({ length: 3 * n }, () => next() * 20),
  symbols: Array.from({ length: n }, (_, i) => 'CNO'[i % 3]!),
  box: orthorhombic([20, 21, 22]),
});
const run = new Trajectory(
  topology,
  Array.from({ length: 5 }, (_, i) => ({
    positions: topology.positions.map((x) => x + i * 0.25),
    time: 4 * i,
    step: 2 * i,
    box: orthorhombic([20 + i, 21, 22]),
  })),
);
const kinds = ['extxyz', 'xyz', 'pdb', 'dcd', 'xtc'] as const;
const tolerance = { extxyz: 1e-9, xyz: 1e-9, pdb: 5.01e-4, dcd: 2e-6, xtc: 5.01e-3 };

function same(got: LoadedTrajectory, want: Trajectory, worst: number): void {
  assert.is(got.length, want.length);
  got.frames.forEach((f, i) => {
    const error = Math.max(...Array.from(f.positions, (x, k) => Math.abs(x - want.frames[i]!.positions[k]!)));
    assert.ok(error <= worst, `frame ${i}: ${error}`);
    f.box!.vectors.forEach((x, k) => {
      assert.ok(Math.abs(x - want.frames[i]!.box!.vectors[k]!) < 1e-4);
    });
  });
}

test('a trajectory is saved as a file, in a folder that is there', () => {
  mkdirSync(`${scratch}/folder.xtc`);
  for (const [path, reason] of [
    ['folder.xtc', 'it is a folder'],
    ['none/run.xtc', 'its folder does not exist'],
  ] as const) {
    const message = refusal(() => save(`${scratch}/${path}`, run));
    assert.ok(message.includes(`/${path}: cannot be written: ${reason}`), message);
  }
  assert.not(readdirSync(scratch).some((f) => f.endsWith('.part')));
});

test('a trajectory survives a round trip through every format', () => {
  for (const kind of kinds) {
    const path = `${scratch}/run.${kind}`;
    save(path, run);
    assert.not(readdirSync(scratch).some((f) => f.endsWith('.part')));
    const back = loadTrajectory(path, { topology });
    same(back, run, tolerance[kind]);
    assert.not(back.truncated);
    if (kind !== 'pdb')
      assert.equal(
        back.frames.map((f) => [f.step, Math.round(f.time!)]),
        run.frames.map((f) => [f.step, f.time]),
      );
    if (kind === 'dcd' || kind === 'xtc') continue;
    assert.equal(loadTrajectory(path).topology.symbols, topology.symbols, kind);
    assert.is(loadStructures(path).length, 5);
  }
});

test('a file cut at any byte keeps its whole frames, and a writer continues behind them', () => {
  for (const kind of kinds) {
    const path = `${scratch}/cut.${kind}`;
    const out = openTrajectory(path, topology);
    const ends: number[] = [];
    for (const f of run.frames) {
      out.write(f);
      ends.push(statSync(path).size);
    }
    out.close();
    const whole = readFileSync(path);
    const step = Math.max(1, Math.floor(whole.length / 40));
    for (let cut = ends[0]!; cut <= whole.length; cut += step) {
      writeFileSync(path, whole.subarray(0, cut));
      const part = loadTrajectory(path, { topology });
      const full = ends.filter((e) => e <= cut).length;
      // The last line end of a text frame may be missing: the frame is whole or left out, never wrong.
      const nearly = kind === 'pdb' && ends.includes(cut + 1) ? 1 : 0;
      assert.is(part.length, full + nearly, `${kind} cut at ${cut}`);
      // A DCD's header says how many frames there were, so that even a cut between frames shows.
      const cutShort = !ends.includes(cut) || (kind === 'dcd' && cut < whole.length);
      if (!nearly) assert.is(part.truncated, cutShort, `${kind} cut at ${cut}`);
      same(part, new Trajectory(topology, run.frames.slice(0, part.length)), tolerance[kind]);
    }
    writeFileSync(path, whole.subarray(0, ends[3]! - 7));
    const again = openTrajectory(path, topology, { append: true });
    assert.is(again.count, 3);
    again.write(run.frames[3]!);
    again.write(run.frames[4]!);
    again.close();
    assert.equal(readFileSync(path), whole, `${kind}: resumed file has the same bytes`);
    const earlier = openTrajectory(path, topology, { append: true, keep: 2 });
    assert.is(earlier.count, 2);
    earlier.close();
    assert.is(loadTrajectory(path, { topology }).length, 2);
    assert.not(loadTrajectory(path, { topology }).truncated);
    assert.match(
      refusal(() => openTrajectory(path, topology, { append: true, keep: 3 })),
      /keep: must be within the 2 frames of cut\./,
    );
    const other = topology.with({}).count + 1;
    const wrong = new Structure({
      positions: new Float64Array(3 * other),
      symbols: Array.from({ length: other }, () => 'C'),
    });
    assert.match(
      refusal(() => openTrajectory(path, wrong, { append: true })),
      /frame 0: must have 31 particles to append to, received 30/,
    );
  }
});

test('a writer killed by SIGKILL leaves a readable file', async () => {
  const io = pathToFileURL(`${root}/dist/lib/io/index.js`).href;
  const structure = pathToFileURL(`${root}/dist/lib/structure/index.js`).href;
  for (const kind of kinds) {
    const path = `${scratch}/killed.${kind}`;
    const program = `
      const { openTrajectory } = await import(${JSON.stringify(io)});
      const { Structure } = await import(${JSON.stringify(structure)});
      const s = new Structure({ positions: new Float64Array(600), symbols: Array(200).fill('C') });
      const out = openTrajectory(${JSON.stringify(path)}, s);
      for (let i = 0; ; i++) { out.write({ positions: s.positions.fill(i % 500), step: i, time: i }); if (i === 20) console.log('go'); }`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program]);
    await new Promise((resolve) => child.stdout.once('data', resolve));
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('close', resolve));
    const killed = new Structure({
      positions: new Float64Array(600),
      symbols: Array.from({ length: 200 }, () => 'C'),
    });
    const back = loadTrajectory(path, { topology: killed });
    assert.ok(back.length > 20, kind);
    back.frames.forEach((f, i) => {
      assert.ok(
        f.positions.every((x) => Math.abs(x - (i % 500)) < 1e-3),
        `${kind} frame ${i}`,
      );
    });
  }
});

test('frames come one by one, strided, and stop when told', async () => {
  for (const kind of kinds) {
    const path = `${scratch}/run.${kind}`;
    const seen: number[] = [];
    for await (const f of frames(path, { topology, start: 1, stride: 2 })) seen.push(f.positions[0]!);
    assert.is(seen.length, 2);
    assert.ok(Math.abs(seen[1]! - run.frames[3]!.positions[0]!) < 0.006);
    for await (const f of frames(path)) {
      assert.is(f.positions.length, 3 * n);
      break;
    }
    assert.is(loadTrajectory(path, { topology, stop: 2 }).length, 2);
    truncateSync(path, statSync(path).size - 3);
    assert.ok(loadTrajectory(path, { topology, stride: 3 }).truncated, `${kind} strided`);
  }
  assert.match(
    refusal(() => loadTrajectory(`${scratch}/run.dcd`, { topology, stride: 0 })),
    /stride: must be a positive whole number, received 0/,
  );
});

test('a full disk is an error of ours, and the frames before stay', () => {
  if (!existsSync('/dev/full')) return skip('full disk', 'no /dev/full');
  for (const format of kinds) {
    const out = openTrajectory('/dev/full', topology, { format });
    assert.match(
      refusal(() => out.write(run.frames[0]!)),
      /\/dev\/full: cannot be written: ENOSPC.*free space and write again/,
    );
    assert.is(out.count, 0);
  }
});

test('bonds stand in the first model of a PDB trajectory', () => {
  const bonded = topology.with({ bonds: Int32Array.of(0, 1, 4, 29) });
  save(`${scratch}/bonds.pdb`, new Trajectory(bonded, run.frames.slice(0, 2)));
  const text = readFileSync(`${scratch}/bonds.pdb`, 'utf8');
  assert.ok(
    text.indexOf('CONECT') > text.indexOf('MODEL') && text.lastIndexOf('CONECT') < text.indexOf('ENDMDL'),
  );
  for (const s of loadStructures(`${scratch}/bonds.pdb`)) assert.equal([...s.bonds!], [0, 1, 4, 29]);
});

test('types follow the extension', () => {
  save(`${scratch}/s.pdb`, topology);
  const s: Structure = load(`${scratch}/s.pdb` as 's.pdb');
  assert.is(s.count, n);
  const t: Tensor = { shape: [1], dtype: 'int32', data: Int32Array.of(4) };
  save(`${scratch}/t.safetensors`, { t });
  const file: Safetensors = load(`${scratch}/t.safetensors` as 't.safetensors');
  assert.equal(file.tensors.get('t'), t);
  save(`${scratch}/u.safetensors`, { tensors: file.tensors, metadata: { a: 'b' } });
  assert.equal((load(`${scratch}/u.safetensors`) as Safetensors).metadata, { a: 'b' });
  const moved: LoadedTrajectory = load(`${scratch}/cut.dcd` as 'cut.dcd', { topology: `${scratch}/s.pdb` });
  assert.is(moved.length, 2);
});

test('files without a known extension are told by their first bytes', () => {
  save(`${scratch}/whole.xtc`, run);
  save(`${scratch}/whole.dcd`, run);
  for (const [from, check] of [
    ['s.pdb', (v) => v instanceof Structure],
    ['whole.xtc', (v) => v instanceof Trajectory],
    ['whole.dcd', (v) => v instanceof Trajectory],
    ['t.safetensors', (v) => 'tensors' in (v as object)],
  ] as [string, (v: unknown) => boolean][]) {
    const path = file('unknown.bin', readFileSync(`${scratch}/${from}`));
    assert.ok(check(load(path, { topology })), from);
  }
  assert.ok(load(file('unknown.dat', '1\n\nH 0 0 0\n')) instanceof Structure);
  assert.match(
    refusal(() => load(file('a.foo', 'what is this'))),
    /a\.foo: must be a file of a known format \(\.extxyz .*\.csv .*\.safetensors/,
  );
  assert.match(
    refusal(() => save(`${scratch}/a.foo`, topology)),
    /must have a known extension \(\.extxyz.*\.csv/,
  );
  assert.match(
    refusal(() => save(`${scratch}/a.pt`, topology)),
    /must not be a PyTorch file.*use \.safetensors/,
  );
  assert.match(
    refusal(() => save(`${scratch}/a.npz`, topology)),
    /must be named arrays/,
  );
  assert.match(
    refusal(() => save(`${scratch}/a.pdb`, [topology])),
    /must be one structure or a trajectory/,
  );
  assert.match(
    refusal(() => openTrajectory(`${scratch}/a.npz`, topology)),
    /trajectory format: must be one of '\.extxyz'/,
  );
  assert.match(
    refusal(() => load(`${scratch}/missing.pdb`)),
    /missing\.pdb: cannot be opened: no such file/,
  );
  assert.match(
    refusal(() => load(scratch)),
    /must be a regular file/,
  );
});

test('several structures go into one file; a writer refuses what does not fit', () => {
  const two = new Structure({ positions: Float64Array.of(1, 2, 3), symbols: ['H'] });
  save(`${scratch}/set.extxyz`, [topology, two]);
  assert.equal(
    loadStructures(`${scratch}/set.extxyz`).map((s) => s.count),
    [n, 1],
  );
  const path = `${scratch}/refuse.xtc`;
  const out = openTrajectory(path, topology);
  assert.match(
    refusal(() => out.write({ positions: new Float64Array(3) })),
    /frame\.positions: must hold 3 x 30 numbers, received 3/,
  );
  const nan = topology.positions.slice();
  nan[7] = Number.NaN;
  assert.match(
    refusal(() => out.write({ positions: nan })),
    /frame\.positions\[2\]: must be finite, received NaN/,
  );
  out.flush();
  out.close();
  out.close();
  assert.match(
    refusal(() => out.write(run.frames[0]!)),
    /must be open to write/,
  );
  const slab = { positions: topology.positions, box: { ...orthorhombic([1, 1, 1], [true, true, false]) } };
  for (const kind of ['xtc', 'dcd', 'pdb'] as const) {
    const writer = openTrajectory(`${scratch}/slab.${kind}`, topology);
    assert.match(
      refusal(() => writer.write(slab)),
      /box\.periodic: must be true in all directions/,
    );
    writer.close();
  }
});

test('CLN025: configurations load as structures and as a trajectory', () => {
  const path = sample('mlcg/cln_configurations_demo.pt');
  if (!path) return skip('CLN025 configurations', 'sample data absent');
  assert.is(loadStructures(path).length, 10);
  assert.is(loadTrajectory(path, { stride: 3 }).length, 4);
});

test.run();

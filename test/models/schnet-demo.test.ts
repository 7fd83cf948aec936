// The model that comes with mdlab, and what the compiler made of the hot loops.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { dataFile } from '../../lib/io/data-file.js';
import { loadModel } from '../../lib/models/load.js';
import { evaluate } from '../../lib/models/potential.js';
import { randomSchnet } from '../../lib/models/schnet-random.js';
import { addonPath, native } from '../../lib/native.js';
import { beadsFromSequence, sequences } from '../../lib/structure/index.js';
import { energyUnits } from '../../lib/units.js';
import { relativeError, skip } from '../tools.js';

test('the untrained model is the seeded one, rounded to 16 bits, and says that it is untrained', () => {
  const model = loadModel(dataFile('models/schnet-small-untrained.safetensors'));
  assert.is(model.config.hidden, 32);
  assert.match(model.provenance!, /untrained/);
  assert.equal(model.info.units, { energy: 'kcal/mol', length: 'Å' });
  const protein = beadsFromSequence(sequences['1ENH']);
  assert.is(protein.count, 269);
  const got = evaluate(model, protein);
  const exact = evaluate(
    randomSchnet(model.config, { units: model.info.units!, pipeline: 'flash' }),
    protein,
  );
  const error = relativeError(got.forces, exact.forces);
  assert.ok(error > 1e-5 && error < 1e-2, `${error}`);
  const rms = Math.sqrt(got.forces.reduce((s, f) => s + f * f, 0) / got.forces.length);
  const size = rms / energyUnits['kcal/mol'];
  assert.ok(size > 0.005 && size < 5, `${size} kcal/mol/Å`);
});

/** Instructions of one object file of the build, or why they cannot be read. */
function disassembly(source: string): string | { reason: string } {
  const build = dirname(addonPath());
  const cache = join(build, 'CMakeCache.txt');
  if (existsSync(cache) && /^MDLAB_SANITIZE:\w+=(address|thread)/m.test(readFileSync(cache, 'utf8')))
    return { reason: 'the addon is built for the sanitizers, not for speed' };
  const object = join(build, 'CMakeFiles', 'addon.dir', `${source}.o`);
  if (!existsSync(object)) return { reason: `no object file of ${source} beside the addon` };
  try {
    return execFileSync('objdump', ['-d', '--no-show-raw-insn', object], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      stdio: 'pipe',
    });
  } catch {
    return { reason: 'objdump is not installed' };
  }
}

const register = { 'AVX-512': 'zmm', AVX2: 'ymm' }[native().buildInfo().simd];
for (const [source, least] of [
  // Register blocks of six rows: hundreds of multiply-adds.
  ['nn/gemm.cpu.cpp', 200],
  ['nn/radial-basis-tile.cpu.cpp', 20],
  ['models/schnet/filter-network.cpu.cpp', 20],
  ['models/schnet/flash.cpu.cpp', 8],
  ['models/schnet/table.cpu.cpp', 60],
] as const) {
  const code = register ? disassembly(source) : { reason: 'this instruction set is not checked' };
  if (typeof code !== 'string') {
    skip(`${source} is vectorised`, code.reason);
    continue;
  }
  test(`${source} is vectorised`, () => {
    const found = code.match(new RegExp(`vfn?m(add|sub)\\d+p[sd].*%${register}`, 'g'))?.length ?? 0;
    assert.ok(found >= least, `${found} multiply-adds on ${register}, ${least} expected`);
  });
}

test.run();

// Every kernel compiles for the architectures that matter, as the addon itself compiles it and by nvcc; needs no GPU.
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { native } from '../../lib/native.js';
import { root, skip } from '../tools.js';

const run = promisify(execFile);
const architectures = ['sm_80', 'sm_90a', 'sm_100'];
const sources = join(root, 'native');
const n = native();
/** File -> names of kernels with their template arguments. */
const listed = new Map<string, Set<string>>();
for (const { file, kernels } of n.cudaKernels()) {
  const names = listed.get(file) ?? new Set();
  for (const k of kernels) names.add(k);
  listed.set(file, names);
}
const there = (readdirSync(sources, { recursive: true }) as string[])
  .filter((f) => f.endsWith('.cu'))
  .map((f) => f.replaceAll('\\', '/'))
  .sort();

test('every .cu file is listed with its kernels (cuda/listed-kernels.h)', () => {
  assert.equal([...listed.keys()].sort(), there);
  for (const [file, kernels] of listed) assert.ok(kernels.size > 0, file);
});

function nvrtc(): string | undefined {
  try {
    return n.nvrtcVersion();
  } catch {
    return undefined;
  }
}

const cache = mkdtempSync(join(tmpdir(), 'mdlab-kernels-'));
n.setCudaFolders(sources, cache);
process.on('exit', () => rmSync(cache, { recursive: true, force: true }));

for (const [file, kernels] of listed) {
  const name = `${file} compiles by NVRTC for ${architectures.join(', ')}`;
  if (nvrtc() === undefined) skip(name, 'NVRTC is not on this machine');
  else {
    test(name, () => {
      for (const architecture of architectures) {
        const { bytes, log } = n.cudaCompile(file, [...kernels], architecture);
        assert.ok(bytes > 1000, architecture);
        assert.not.match(log, /warning/i, `${architecture}: ${log}`);
      }
    });
  }
}

const hasNvcc = spawnSync('nvcc', ['--version'], { stdio: 'ignore' }).status === 0;
for (const [file, kernels] of listed) {
  const name = `${file} compiles by nvcc for ${architectures.join(', ')}`;
  if (!hasNvcc) skip(name, 'nvcc is not on the PATH');
  else {
    test(name, async () => {
      const uses = [...kernels].map((k, i) => `void* use${i} = reinterpret_cast<void*>(${k});`);
      const wrapper = join(cache, `${file.replaceAll('/', '-')}`);
      writeFileSync(wrapper, `#include "${file}"\n${uses.join('\n')}\n`);
      await Promise.all(
        architectures.map((architecture) => {
          const out = `${wrapper}.${architecture}.cubin`;
          return run('nvcc', [
            `-arch=${architecture}`,
            '-std=c++17',
            '-I',
            sources,
            '-cubin',
            '-o',
            out,
            wrapper,
          ]);
        }),
      );
    });
  }
}

test.run();

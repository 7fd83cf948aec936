// Machines that a test has not, by a driver that computes nothing but checks what it is asked (fake-cuda.cpp): without a
// device, with an old driver, with two GPUs, with little memory, with a GPU that fails in mid-run.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { root, skip } from '../tools.js';

const folder = mkdtempSync(join(tmpdir(), 'mdlab-fake-cuda-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

/** Builds the driver; undefined where that is not possible. */
function build(name: string, ...flags: string[]): string | undefined {
  const to = join(folder, name);
  mkdirSync(to);
  const library = join(to, 'libcuda.so.1');
  const source = join(root, 'test/native/fake-cuda.cpp');
  const compiler = process.env['CXX'] ?? 'c++';
  const { status } = spawnSync(
    compiler,
    ['-std=c++20', '-shared', '-fPIC', ...flags, '-o', library, source],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  if (status !== 0) return undefined;
  // Links, so that all are one library with one state.
  for (const name of ['libnvrtc.so.13', 'libcublasLt.so.13']) symlinkSync(library, join(to, name));
  return to;
}

async function play(
  scenario: string,
  settings: Record<string, string | number> = {},
  libraries: string | undefined = plain,
): Promise<string> {
  const child = spawn(
    process.execPath,
    ['--enable-source-maps', join(root, 'dist/test/native/fake-cuda-user.js'), scenario],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        LD_LIBRARY_PATH: libraries,
        // What the false compiler makes must not be taken for kernels.
        XDG_CACHE_HOME: join(folder, 'cache'),
        ...Object.fromEntries(Object.entries(settings).map(([k, v]) => [`FAKE_CUDA_${k}`, String(v)])),
      },
    },
  );
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  assert.is(code, 0, `${scenario}: ${out}${err}`);
  return out;
}

const plain = process.platform === 'linux' ? build('plain') : undefined;
const played = (name: string, body: () => Promise<unknown>): void => {
  if (plain === undefined) skip(name, 'needs Linux and a C++ compiler');
  else
    test(name, async () => {
      await body();
    });
};

played('a driver without a device, or that does not start, says so; the default is the CPU', async () => {
  const none = await play('why', { INIT: 100 });
  assert.match(
    none,
    /^ENOTFOUND CUDA: libcuda\.so\.1 finds no device; choose backend 'cpu' or a machine with/m,
  );
  assert.match(none, /^default cpu$/m);
  assert.match(none.trim().split('\n').at(-1)!, /^ENOTFOUND CUDA: libcuda\.so\.1 finds no device/);
  const broken = await play('why', { INIT: 999 });
  assert.match(
    broken,
    /^ENOTFOUND CUDA: the driver libcuda\.so\.1 does not start: .*; is its kernel module/m,
  );
  assert.match(broken, /^default cpu$/m);
});

played('a driver that is too old is named with what it lacks', async () => {
  const old = await play('why', {}, build('old', '-DOLD')!);
  assert.match(
    old,
    /^ENOTFOUND CUDA driver: libcuda\.so\.1 lacks cuLaunchKernelEx; a newer version \(CUDA 12/m,
  );
  assert.match(old, /^default cpu$/m);
});

played('a driver of CUDA 12 is given no compiler of CUDA 13', async () => {
  const [, compiler] = (await play('why', { VERSION: 12040 })).split('\n');
  // Unless there is one of CUDA 12 on this machine.
  if (compiler !== 'nothing was thrown') {
    assert.match(compiler!, /^ENOTFOUND CUDA run-time compiler: must open one of libnvrtc\.so\.12, none did/);
    assert.not.match(compiler!, /libnvrtc\.so\.13/);
  }
});

played('machine code that the driver refuses names both versions and a remedy', async () => {
  const told = await play('why', { LOAD: 200 });
  assert.match(
    told,
    /^EUNSUPPORTED kernels of cuda\/self-test\.cu: the driver \(CUDA 13\.0\) must load what the compiler \(NVRTC 13\.0\) made for sm_90a, it does not; install/m,
  );
});

played(
  'a GPU that is too old, or newer than the compiler, is not the default and is refused by name',
  async () => {
    const old = await play('why', { CAPABILITY: 75 });
    assert.match(old, /^default cpu$/m);
    assert.match(
      old,
      /^EUNSUPPORTED device NVIDIA H200: compute capability must be at least 8\.0, received 7\.5/m,
    );
    const young = await play('why', { CAPABILITY: 120 });
    assert.match(young, /^default cpu$/m);
    assert.match(
      young,
      /^EUNSUPPORTED CUDA compiler: NVRTC 13\.0 must know the device's architecture sm_120/m,
    );
    assert.match(await play('why', { CAPABILITY: 100 }), /^default cuda$/m);
  },
);

played('kernels that could not be loaded are tried again, and never started', () => play('again'));

played('a GPU is chosen by index or by name, for models, priors and lists', () => play('choice'));

played('filter tables of a GPU are as fine as helps, and those of a CPU', () => play('tables'));

played('two GPUs are never taken for each other, and graphs keep to what can be captured', () => play('two'));

played('the roofline counts the kernels that are launched, all of them and no others', () => play('counted'));

played('nor on small GPUs: without clusters, with 99 KiB of shared memory to a block', () =>
  play('two', { CAPABILITY: 80, SHARED: 101376 }),
);

played('whatever memory there is, too little is an error and smaller batches go on', () => play('small'));

played('models that are dropped give their memory back in time', () => play('dropped'));

for (const launch of [1, 2, 10, 40, 90, 200])
  played(`a GPU lost at launch ${launch} is an error that says so; the process lives on`, () =>
    play('lost', { LOST_AT: launch }),
  );

test.run();

// A system that grants no more threads, as a container with a limit of processes does: by a pthread_create that refuses.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { skip } from '../tools.js';

const source = `
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*body)(void*), void* data) noexcept {
  if (getenv("REFUSE_THREADS")) return EAGAIN;
  static auto* granted = reinterpret_cast<decltype(&pthread_create)>(dlsym(RTLD_NEXT, "pthread_create"));
  return granted(thread, attributes, body, data);
}
`;
const library = new URL('../../lib/', import.meta.url).href;
const script = `
  import * as assert from 'uvu/assert';
  import { harmonicWell, langevin, simulate, Structure } from '${library}index.js';
  import { native } from '${library}native.js';
  const n = native();
  const structure = new Structure({ positions: new Float64Array(30), symbols: Array(10).fill('C') });
  const sim = simulate(structure, harmonicWell({ k: 1 }), {
    integrator: langevin({ temperature: 300, timestep: 2 }), steps: 50, every: 10, progress: false,
  });
  process.env.REFUSE_THREADS = '1';
  n.setThreads(8);
  assert.equal(n.poolCheck(100, 1, 'sleep'), { sum: 4950, workers: 1 }, 'loops go on with the threads there are');
  for (let k = 0; k < 3; k++) {
    const error = await sim.run().then(() => undefined, (e) => e);
    assert.is(error?.code, 'ENOMEM');
    assert.match(error.message, /the system grants no more threads, one is needed .*; end other runs, or raise/);
  }
  assert.is(sim.state.step, 0, 'the run can be read');
  delete process.env.REFUSE_THREADS;
  await sim.run();
  assert.is(sim.state.step, 50, 'and goes on');
`;

const name = 'a run for which there is no thread says so, can be tried again, and keeps no process alive';
if (process.platform !== 'linux') skip(name, 'refuses threads by LD_PRELOAD');
else
  test(name, () => {
    const folder = mkdtempSync(join(tmpdir(), 'mdlab-no-threads-'));
    const [file, refuses] = [join(folder, 'refuse.cpp'), join(folder, 'refuse.so')];
    writeFileSync(file, source);
    const compiler = process.env['CXX'] ?? 'c++';
    assert.is(spawnSync(compiler, ['-shared', '-fPIC', '-o', refuses, file], { stdio: 'inherit' }).status, 0);
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      timeout: 60_000,
      env: { ...process.env, LD_PRELOAD: `${process.env['LD_PRELOAD'] ?? ''} ${refuses}` },
    });
    assert.is(status, 0, stderr);
    rmSync(folder, { recursive: true });
  });

test.run();

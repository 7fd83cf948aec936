// The CUDA runtime: what it says where there is none, compiling without a GPU, and a device's life and death.
import { cpSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { native } from '../../lib/native.js';
import { root, skip } from '../tools.js';

const n = native();
const reasonOf = (call: () => unknown): string | undefined => {
  try {
    call();
    return undefined;
  } catch (error) {
    assert.is((error as { code?: string }).code, 'ENOTFOUND');
    return (error as Error).message;
  }
};
const withoutDevice = reasonOf(() => n.cudaDevices());
const withoutCompiler = reasonOf(() => n.nvrtcVersion());

test('a missing driver or compiler says what was looked for and what to do', () => {
  if (withoutDevice !== undefined) assert.match(withoutDevice, /^CUDA.*choose backend 'cpu'/s);
  if (withoutCompiler !== undefined) assert.match(withoutCompiler, /libnvrtc\.so.*install/s);
});

const compiling = (name: string, body: (cache: string) => void): void => {
  if (withoutCompiler !== undefined) skip(name, 'NVRTC is not on this machine');
  else {
    test(name, () => {
      const cache = mkdtempSync(join(tmpdir(), 'mdlab-cubins-'));
      n.setCudaFolders(join(root, 'native'), cache);
      body(cache);
    });
  }
};

const compileSelfTest = (architecture = 'sm_90'): number =>
  n.cudaCompile('cuda/self-test.cu', ['mdlab::selfTest'], architecture).bytes;

compiling('a compiled kernel is kept, one file per architecture, and made again when damaged', (cache) => {
  const bytes = compileSelfTest();
  assert.ok(bytes > 1000);
  const [file] = readdirSync(cache);
  assert.is(readdirSync(cache).length, 1);
  const path = join(cache, file!);
  const whole = readFileSync(path);
  const marked = Buffer.from(whole);
  marked[marked.length - 1]! ^= 1;
  for (const damaged of [whole.subarray(0, whole.length / 2), marked, Buffer.alloc(0)]) {
    writeFileSync(path, damaged);
    assert.is(compileSelfTest(), bytes);
    assert.equal(readFileSync(path), whole);
  }
  compileSelfTest('sm_80');
  assert.is(readdirSync(cache).length, 2);
});

compiling('a changed header is compiled anew, and its return finds what was kept', (cache) => {
  const sources = mkdtempSync(join(tmpdir(), 'mdlab-sources-'));
  cpSync(join(root, 'native/cuda'), join(sources, 'cuda'), { recursive: true });
  const header = join(sources, 'cuda/self-test.h');
  const text = readFileSync(header, 'utf8');
  n.setCudaFolders(sources, cache);
  const kept = (): number => {
    compileSelfTest();
    return readdirSync(cache).length;
  };
  assert.is(kept(), 1);
  writeFileSync(header, `${text}\n// changed`);
  assert.is(kept(), 2);
  writeFileSync(header, text);
  assert.is(kept(), 2);
  writeFileSync(header, 'not C++');
  assert.throws(kept, (error: { code: string }) => error.code === 'ECOMPILE');
  assert.is(readdirSync(cache).length, 2, 'a failure leaves nothing');
});

compiling('a cache that cannot be written costs no more than time', (cache) => {
  const file = join(cache, 'file');
  writeFileSync(file, '');
  n.setCudaFolders(join(root, 'native'), join(file, 'below'));
  assert.ok(compileSelfTest() > 1000);
  assert.ok(compileSelfTest() > 1000);
});

compiling('compile errors carry the compiler’s words', () => {
  assert.throws(
    () => n.cudaCompile('cuda/self-test.cu', ['mdlab::absent'], 'sm_90'),
    (error: { code: string; message: string }) =>
      error.code === 'ECOMPILE' && /self-test\.cu.*absent/s.test(error.message),
  );
  assert.throws(
    () => compileSelfTest('sm_999'),
    (error: { code: string; message: string }) =>
      error.code === 'EUNSUPPORTED' && /sm_90/.test(error.message),
  );
  assert.throws(
    () => n.cudaCompile('cuda/absent.cu', ['x'], 'sm_90'),
    (error: { code: string }) => error.code === 'ENOTFOUND',
  );
});

// Last in its file: the process has no GPU afterwards.
const life = 'a device computes; lost, it says so and leaves the rest alive';
if (withoutDevice !== undefined) skip(life, 'no CUDA device');
else {
  test(life, () => {
    const refused = (code: string, call: () => unknown): void =>
      assert.throws(call, (error: { code: string }) => error.code === code);
    const squares = Int32Array.from({ length: 1000 }, (_, i) => i * i);
    assert.equal(n.cudaSelfTest(0, false), squares);
    assert.is(n.cudaMemory(0).bytes, 0);
    assert.ok(n.cudaMemory(0).peak >= squares.byteLength);
    refused('EINVALID', () => n.cudaSelfTest(99, false));
    refused('EDEVICE', () => n.cudaSelfTest(0, true));
    refused('EDEVICE', () => n.cudaSelfTest(0, false));
    assert.is(n.poolCheck(1000, 10, 'sum').sum, 499500);
  });
}

test.run();

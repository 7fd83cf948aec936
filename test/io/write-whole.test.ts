// Several processes that write one file, as `mdlab run` twice into the same output does.
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { scratch } from './tools.js';

const module = new URL('../../lib/io/write-whole.js', import.meta.url).href;

test('of processes that write the same file at once all succeed, and one file is there whole', async () => {
  const path = join(scratch, 'shared.txt');
  const size = 1 << 20;
  const rounds = 40;
  const writer = (letter: string): string =>
    `import { writeWhole } from ${JSON.stringify(module)};
     for (let k = 0; k < ${rounds}; k++) writeWhole(${JSON.stringify(path)}, ['${letter}'.repeat(${size})]);`;
  const run = (letter: string) =>
    promisify(execFile)(process.execPath, ['--input-type=module', '-e', writer(letter)]);
  let done = false;
  const all = Promise.all(['a', 'b', 'c'].map(run)).finally(() => {
    done = true;
  });
  let looks = 0;
  while (!done) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (readdirSync(scratch).includes('shared.txt')) {
      looks++;
      whole(readFileSync(path, 'latin1'));
    }
  }
  await all;
  assert.ok(looks > 3, `looked ${looks} times`);
  assert.equal(readdirSync(scratch), ['shared.txt'], 'nothing else is left behind');

  function whole(text: string): void {
    assert.is(text.length, size);
    assert.is(text, text[0]!.repeat(size));
  }
});

test.run();

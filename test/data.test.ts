// Every file that comes with mdlab is the one its manifest describes.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { dataFiles } from '../lib/io/data-file.js';
import { root } from './tools.js';

interface Entry {
  path: string;
  sha256: string;
  what: string;
  origin: string;
  licence: string;
}

const folder = join(root, 'data');
const { files } = JSON.parse(readFileSync(join(folder, 'MANIFEST.json'), 'utf8')) as { files: Entry[] };

test('the manifest lists every file, and nothing else', () => {
  const there = (readdirSync(folder, { recursive: true }) as string[])
    .map((f) => f.replaceAll('\\', '/'))
    .filter((f) => statSync(join(folder, f)).isFile() && !/(^|\/)(README\.md|MANIFEST\.json)$/.test(f))
    .sort();
  assert.equal(files.map((f) => f.path).sort(), there);
  assert.equal([...dataFiles], there, 'what completion offers');
});

for (const { path, sha256, ...words } of files) {
  test(`${path} is the one described`, () => {
    assert.is(
      createHash('sha256')
        .update(readFileSync(join(folder, path)))
        .digest('hex'),
      sha256,
    );
    for (const [key, word] of Object.entries(words)) assert.ok(word.length > 2, `${key} is missing`);
  });
}

test.run();

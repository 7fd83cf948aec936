// Every test that the table of protocol messages names is there.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { root } from '../tools.js';

/** The names of a file's tests; what a template fills in may be anything. */
function testsOf(file: string): RegExp[] {
  const text = readFileSync(join(root, 'test', 'kernel', `${file}.test.ts`), 'utf8');
  return [...text.matchAll(/\btest\(\s*(['"`])(.+?)\1,/g)].map(([, , name]) => {
    const parts = name!.split(/\$\{[^}]*\}/).map((p) => p.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
    return new RegExp(`^${parts.join('.+')}$`);
  });
}

test('the table names tests that exist', () => {
  const rows = readFileSync(join(root, 'kernel', 'PROTOCOL.md'), 'utf8').matchAll(/\| `(\w+)`: (.+?) \|$/gm);
  const named = [...rows];
  assert.ok(named.length > 30, `${named.length} rows`);
  const missing = named.filter(([, file, name]) => !testsOf(file!).some((t) => t.test(name!)));
  assert.equal(
    missing.map(([, file, name]) => `${file}: ${name}`),
    [],
  );
});

test.run();

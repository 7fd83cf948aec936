/** What package.json says. */
import { readFileSync } from 'node:fs';

const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  name: string;
  version: string;
  exports: Record<string, unknown>;
};

/** The package's version. */
export const version: string = manifest.version;

/** What `import` finds of the package: itself and its subpaths. */
export const specifiers: string[] = Object.keys(manifest.exports).map(
  (path) => manifest.name + path.slice(1),
);

/**
 * Files that TypeScript has read: parsed once, kept from cell to cell. Local files and this package's own declarations are looked
 * at before every cell; packages once, since they do not change below a running notebook.
 */
import { readFileSync, type Stats, statSync } from 'node:fs';
import ts from 'typescript';

interface Entry {
  file: ts.SourceFile | undefined;
  stamp: string | undefined;
}

export class TypeFiles {
  private readonly entries = new Map<string, Entry>();
  private readonly resolved = new Map<string, ts.ResolvedModuleWithFailedLookupLocations>();
  private checked = new Set<string>();

  /** The file as it is on disk now; the same object as before where it has not changed. */
  get(name: string, options: ts.ScriptTarget | ts.CreateSourceFileOptions): ts.SourceFile | undefined {
    const known = this.entries.get(name);
    if (known && this.checked.has(name)) return known.file;
    if (isPackage(name)) this.checked.add(name);
    const stamp = stampOf(name);
    if (known && known.stamp === stamp) return known.file;
    if (known && isPackage(name)) this.resolved.clear();
    const text = stamp === undefined ? undefined : readFileSync(name, 'utf8');
    const file = text === undefined ? undefined : parsed(name, text, options);
    this.entries.set(name, { file, stamp });
    return file;
  }

  /** What an import in a folder of a package means: asked once. */
  resolution(
    key: string,
    resolve: () => ts.ResolvedModuleWithFailedLookupLocations,
  ): ts.ResolvedModuleWithFailedLookupLocations {
    let r = this.resolved.get(key);
    if (!r) {
      r = resolve();
      this.resolved.set(key, r);
    }
    return r;
  }

  /** Looks at every file anew when it is next asked for: another process may hold these files than the one that read them. */
  recheck(): void {
    this.checked = new Set();
  }
}

/** Comments of packages are as much again as their types, and few are ever asked for: help.ts reads those. */
function parsed(
  name: string,
  text: string,
  options: ts.ScriptTarget | ts.CreateSourceFileOptions,
): ts.SourceFile {
  const { ParseNone, ParseAll } = ts.JSDocParsingMode;
  const jsDocParsingMode = isPackage(name) ? ParseNone : ParseAll;
  const given = typeof options === 'object' ? options : { languageVersion: options };
  return ts.createSourceFile(name, text, { ...given, jsDocParsingMode });
}

export function isPackage(name: string): boolean {
  return name.includes('/node_modules/');
}

/** Undefined for what is not there, also where a file stands in the place of a folder or links go round. */
export function statOf(name: string): Stats | undefined {
  try {
    return statSync(name, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function stampOf(name: string): string | undefined {
  const s = statOf(name);
  return s?.isFile() ? `${s.mtimeMs}:${s.size}` : undefined;
}

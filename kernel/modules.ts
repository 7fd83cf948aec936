/**
 * Modules as cells see them: mdlab from this package, others from the notebook's folder or from here, local TypeScript files as
 * the converter emitted them. Everything is loaded before the cell runs, with import(), so ES-only packages work on every Node.
 */
import { existsSync, readFileSync } from 'node:fs';
import Module, { createRequire, isBuiltin } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import vm from 'node:vm';
import type { CompiledModule } from './compiler.js';
import type { CellImport } from './transform.js';
import { connectTslab } from './tslab.js';

/** A value in an array, or the promise of that. */
export type Waited<T = unknown> = [T] | Promise<readonly [T, ...unknown[]]>;

type Namespace = Record<string, unknown>;

/** What local modules get from the executor, see RuntimeNames. */
export interface ModuleRuntime {
  cell: { meta: object };
  stop: Int32Array;
  interrupt: () => never;
  wait: (value: unknown) => Waited;
  iterate: (iterable: unknown) => unknown;
  dynamicImport: (specifier: string) => Promise<unknown>;
}

export class Modules {
  /** `require` for cells: from the notebook's folder, else from this package. */
  readonly require: NodeJS.Require;
  private readonly local = new Map<string, CompiledModule>();
  private readonly instances = new Map<string, { exports: Namespace }>();
  private readonly externals = new Map<string, unknown>();

  constructor(
    private readonly folder: string,
    private readonly runtime: () => ModuleRuntime,
    private readonly register: (file: string, module: CompiledModule) => void,
  ) {
    this.require = this.makeRequire();
  }

  /** Takes changed local modules in; they and what imports them start afresh. */
  update(given: CompiledModule[]): void {
    const modules = given.filter((m) => this.local.get(m.path)?.code !== m.code);
    if (!modules.length) return;
    for (const m of modules) {
      this.local.set(m.path, m);
      this.register(m.path, m);
    }
    const stale = new Set(modules.map((m) => m.path));
    for (let before = -1; before !== stale.size; ) {
      before = stale.size;
      for (const m of this.local.values())
        if (m.imports.some((i) => stale.has(this.localPath(i, dirname(m.path)) ?? ''))) stale.add(m.path);
    }
    for (const path of stale) this.instances.delete(path);
  }

  /** What an import statement binds from: an object with `default` and the named exports, as TypeScript types them. */
  async load(request: CellImport, from: string = this.folder): Promise<Namespace> {
    const { specifier } = request;
    const path = this.localPath(specifier, from);
    if (path) {
      await this.loadExternals(path, new Set());
      return this.instance(path);
    }
    const url = this.resolveUrl(specifier, from);
    if (url.startsWith('file:') && url.endsWith('.json')) return json(fileURLToPath(url));
    const namespace = (await import(url)) as Namespace;
    if (specifier === 'tslab') connectTslab(url);
    return isCommonJs(url) ? fromCommonJs(namespace['default']) : namespace;
  }

  /** Loads, ahead, the packages that a local module and those it imports will ask for with `require`. */
  private async loadExternals(path: string, seen: Set<string>): Promise<void> {
    if (seen.has(path)) return;
    seen.add(path);
    for (const specifier of this.local.get(path)!.imports) {
      const next = this.localPath(specifier, dirname(path));
      if (next) await this.loadExternals(next, seen);
      else this.externals.set(specifier, await this.load({ specifier }, dirname(path)));
    }
  }

  private instance(path: string): Namespace {
    const existing = this.instances.get(path);
    if (existing) return existing.exports;
    const module = { exports: {} as Namespace };
    this.instances.set(path, module);
    const require = (specifier: string): unknown => {
      const next = this.localPath(specifier, dirname(path));
      if (next) return this.instance(next);
      const external = this.externals.get(specifier) as Namespace | undefined;
      return external ? esModule(external) : this.require(specifier);
    };
    const head = '(function (exports, require, module, __filename, __dirname) { "use strict";';
    const script = new vm.Script(`${head}\n${this.local.get(path)!.code}\n})`, {
      filename: path,
      lineOffset: -1,
    });
    try {
      const run = script.runInThisContext() as (...args: unknown[]) => void;
      run(module.exports, require, module, path, dirname(path), this.runtime());
    } catch (e) {
      this.instances.delete(path);
      throw e;
    }
    return module.exports;
  }

  /** The converted local file a relative specifier means, if there is one. */
  private localPath(specifier: string, from: string): string | undefined {
    if (!/^\.{0,2}\//.test(specifier)) return undefined;
    const path = resolve(from, specifier);
    const stem = path.replace(/\.[mc]?[jt]sx?$/, '');
    return [path, `${path}.js`, `${stem}.js`, join(path, 'index.js')].find((p) => this.local.has(p));
  }

  private resolveUrl(specifier: string, from: string): string {
    if (isBuiltin(specifier)) return specifier;
    if (specifier === 'mdlab' || specifier.startsWith('mdlab/')) return import.meta.resolve(specifier);
    try {
      const url = import.meta.resolve(specifier, pathToFileURL(join(from, 'cell.js')).href);
      if (!url.startsWith('file:') || existsSync(fileURLToPath(url))) return url;
      throw new Error(`Cannot find module '${specifier}' from ${from}`);
    } catch (error) {
      if (/^[./]/.test(specifier)) throw error;
      try {
        return import.meta.resolve(specifier);
      } catch {
        throw error;
      }
    }
  }

  private makeRequire(): NodeJS.Require {
    const there = createRequire(join(this.folder, 'cell.js'));
    const here = createRequire(import.meta.url);
    const require = (id: string): unknown => {
      try {
        return there(id);
      } catch (e) {
        const missing = (e as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND' && !/^[./]/.test(id);
        if (!missing) throw e;
        return here(id);
      }
    };
    return Object.assign(require, { resolve: there.resolve, cache: there.cache, main: undefined }) as never;
  }
}

function json(file: string): Namespace {
  const value = JSON.parse(readFileSync(file, 'utf8')) as unknown;
  return Object.assign(Object.create(null) as Namespace, value, { default: value });
}

function isCommonJs(url: string): boolean {
  if (!url.startsWith('file:')) return false;
  const cache = (Module as unknown as { _cache: Record<string, unknown> })._cache;
  return fileURLToPath(url) in cache;
}

/** A CommonJS module as TypeScript's esModuleInterop sees it. */
function fromCommonJs(exports: unknown): Namespace {
  const named = (typeof exports === 'object' && exports !== null) || typeof exports === 'function';
  if (named && (exports as Namespace)['__esModule']) return exports as Namespace;
  const namespace = Object.create(null) as Namespace;
  if (named) {
    for (const [key, d] of Object.entries(Object.getOwnPropertyDescriptors(exports as object)))
      if (d.enumerable) Object.defineProperty(namespace, key, { ...d, configurable: true });
  }
  return Object.defineProperty(namespace, 'default', {
    value: exports,
    enumerable: true,
    configurable: true,
  });
}

const wrapped = new WeakMap<Namespace, Namespace>();
/** A namespace as code emitted for CommonJS expects to `require` it. */
function esModule(namespace: Namespace): Namespace {
  if (namespace['__esModule']) return namespace;
  let w = wrapped.get(namespace);
  if (!w) {
    w = Object.create(namespace) as Namespace;
    for (const key of Object.keys(namespace))
      Object.defineProperty(w, key, { get: () => namespace[key], enumerable: true });
    Object.defineProperty(w, '__esModule', { value: true });
    wrapped.set(namespace, w);
  }
  return w;
}

/** One export of what `load` gave; '*' is all of it. */
export function pick(namespace: Namespace, name: string): unknown {
  return name === '*' ? namespace : namespace[name];
}

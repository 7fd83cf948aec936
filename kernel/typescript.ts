/**
 * The only file that knows tslab: its converter (cell-to-cell declarations, type check, last expression) runs on our pinned
 * TypeScript. tslab asks for a fork of TypeScript with a few more exports; a plain object with all of ours and
 * those few stands in for it. Its CommonJS output, its Proxy-era rewriting of names and its server are not used.
 */
import Module, { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { addBinding, addBlockScoped, addVars } from './scopes.js';

export interface Position {
  /** 0-based. */
  line: number;
  /** 0-based, UTF-16 units. */
  character: number;
}

export interface Diagnostic {
  start: Position;
  end: Position;
  messageText: string;
  code: number;
  category: number;
  /** A local file, relative to the notebook's folder; undefined for the cell itself. */
  fileName?: string;
}

export interface Converted {
  /** ES module text with an inline source map; undefined where there are diagnostics. */
  output?: string;
  declOutput?: string;
  diagnostics: Diagnostic[];
  lastExpressionVar?: string;
  /** Local modules that changed since the last call, as ES module text. */
  sideOutputs?: { path: string; data: string }[];
}

/** A cell in the program it would run in, for questions about it. */
export interface CellView {
  program: ts.Program;
  file: ts.SourceFile;
  /** Where the cell's text begins in the file. */
  offset: number;
}

/** What tslab's converter offers, as far as it is used. */
export interface Converter {
  convert(declarations: string, code: string): Converted;
  /** The cell as it stands, without checking it. */
  view(declarations: string, code: string): CellView;
  close(): void;
}

/** The package's own root folder. */
export const packageRoot = fileURLToPath(new URL('../../', import.meta.url));
const require = createRequire(import.meta.url);

/** A converter that reads local files and packages as seen from `folder`, and mdlab from this package. */
export function createConverter(folder: string): Converter {
  const tslab = loadTslab();
  current.folder = folder;
  const converter = tslab.createConverter({ isJS: false, isBrowser: false });
  return {
    ...converter,
    convert(declarations, code) {
      const converted = converter.convert(declarations, code);
      if (converted.declOutput !== undefined) converted.declOutput = nestedVars + converted.declOutput;
      return converted;
    },
    view(declarations, code) {
      converter.complete(declarations, code, 0);
      const { program, file } = asked!;
      return { program, file, offset: file.text.length - code.length };
    },
  };
}

interface Tslab {
  createConverter(options: { isJS: boolean; isBrowser: boolean }): Pick<Converter, 'convert' | 'close'> & {
    complete(declarations: string, code: string, position: number): unknown;
  };
}

/** What tslab last asked completions for: its way to the program, whose answers are made elsewhere. */
let asked: Omit<CellView, 'offset'> | undefined;

/** The folder of the converter being created; tslab asks `sys` for it once. */
const current = { folder: process.cwd() };

let loaded: Tslab | undefined;
function loadTslab(): Tslab {
  if (loaded) return loaded;
  const converter = require.resolve('tslab/dist/converter.js');
  const fork = createRequire(converter).resolve('@tslab/typescript-for-tslab');
  const stand = new Module(fork);
  stand.filename = fork;
  stand.loaded = true;
  stand.exports = standIn();
  require.cache[fork] = stand as NodeJS.Module;
  loaded = require(converter) as Tslab;
  return loaded;
}

/** Members of TypeScript that exist at run time and are not in its declarations. */
type Internals = typeof ts & {
  Completions: object;
  sortAndDeduplicateDiagnostics(d: readonly ts.Diagnostic[]): readonly ts.Diagnostic[];
};
const internals = ts as Internals;

/** All of TypeScript's exports plus what only the fork has. (The exports are getters that cannot be redefined: hence a copy.) */
function standIn(): object {
  const noRewriting = {};
  return {
    ...ts,
    sys: Object.assign(Object.create(ts.sys) as ts.System, {
      getCurrentDirectory: () => current.folder,
      useCaseSensitiveFileNames: true,
    }),
    createWatchCompilerHost: watchHost,
    // The converter rewrites names of earlier cells before our own pass, without scopes: keep it from doing so.
    getNullTransformationContext: () => noRewriting,
    visitEachChild: (node: ts.Node, visitor: ts.Visitor, context: ts.TransformationContext) => {
      if ((context as object) !== noRewriting) return ts.visitEachChild(node, visitor, context);
      return ts.isSourceFile(node) ? ts.factory.updateSourceFile(node, markedEnd(node.statements)) : node;
    },
    // Nor does it turn modules into CommonJS: the pass over the cell reads ES modules.
    transpileModule: (text: string) => ({ outputText: text }),
    getDefaultTypeRoots: () => [],
    getPreEmitDiagnosticsOfFiles: diagnosticsOf,
    Completions: {
      ...internals.Completions,
      getCompletionsAtPositionForTslab: (
        _host: object,
        program: ts.Program,
        _log: object,
        file: ts.SourceFile,
      ) => {
        asked = { program, file };
        return undefined;
      },
    },
  };
}

/**
 * The converter takes the last statement's value where that is an expression. What TypeScript makes of an enum or a namespace is
 * one too, but not of the person's: an empty statement after it says so.
 */
function markedEnd(statements: readonly ts.Statement[]): ts.Statement[] {
  const end = statements.findLastIndex((s) => !ts.isExportDeclaration(s));
  const last = statements[end];
  const made = last && ts.isExpressionStatement(last) && !ts.isExpressionStatement(ts.getOriginalNode(last));
  const marked = [...statements];
  if (made) marked.splice(end + 1, 0, ts.factory.createEmptyStatement());
  return marked;
}

/** Options of every notebook: strict, the newest library, packages resolved as bundlers do, Node's types from here. */
function optionsOf(given: ts.CompilerOptions): ts.CompilerOptions {
  const options: ts.CompilerOptions = {
    ...given,
    strict: true,
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.esnext.d.ts'],
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    rewriteRelativeImportExtensions: true,
    experimentalDecorators: false,
    useDefineForClassFields: true,
    inlineSourceMap: true,
    types: ['node'],
    typeRoots: [dirname(dirname(require.resolve('@types/node/package.json')))],
  };
  delete options['disableTopLevelAwait'];
  delete options['noImplicitUseStrict'];
  return options;
}

/** Declared globals of a notebook (`display`, `md`, …), read beside every cell. */
const globals = join(packageRoot, 'dist', 'kernel', 'globals.d.ts');

function watchHost(
  roots: string[],
  given: ts.CompilerOptions,
  ...rest: [ts.System, never, ts.DiagnosticReporter, ts.WatchStatusReporter]
): unknown {
  const options = optionsOf(given);
  const host = ts.createWatchCompilerHost([...roots, globals], options, ...rest);
  const cache = ts.createModuleResolutionCache(current.folder, (f) => f, options);
  const inPackage = join(packageRoot, 'dist', 'kernel', 'cell.ts');
  const resolve = (
    name: string,
    from: string,
    redirect: ts.ResolvedProjectReference | undefined,
  ): ts.ResolvedModuleWithFailedLookupLocations => {
    const own = name === 'mdlab' || name.startsWith('mdlab/');
    if (own) return ts.resolveModuleName(name, inPackage, options, host, undefined, redirect);
    const found = ts.resolveModuleName(name, from, options, host, cache, redirect);
    if (found.resolvedModule || /^[./]/.test(name)) return found;
    return ts.resolveModuleName(name, inPackage, options, host, undefined, redirect);
  };
  host.resolveModuleNameLiterals = (literals, from, redirect) =>
    literals.map((l) => resolve(l.text, from, redirect));
  // A changed cell is always resolved anew; that is enough to see packages installed meanwhile.
  host.hasInvalidatedResolutions = () => false;
  return host;
}

/** Errors that do not concern a notebook: an import without types is `any` there. */
const ignored = new Set([7016]);

function diagnosticsOf(program: ts.Program, files: ts.SourceFile[]): ts.Diagnostic[] {
  const found = [...program.getGlobalDiagnostics()];
  nestedVars = declareNestedVars(program.getTypeChecker(), files[0]!);
  for (const f of files) {
    found.push(...program.getSyntacticDiagnostics(f), ...program.getSemanticDiagnostics(f));
    found.push(...program.getDeclarationDiagnostics(f));
  }
  return internals
    .sortAndDeduplicateDiagnostics(found)
    .filter((d) => !ignored.has(d.code))
    .slice();
}

/** Declarations of the `var`s of the cell last checked that stand inside blocks and loop heads: TypeScript declares none of them. */
let nestedVars = '';

function declareNestedVars(checker: ts.TypeChecker, file: ts.SourceFile): string {
  const direct = new Set<string>();
  addBlockScoped(file.statements, direct);
  for (const s of file.statements)
    if (ts.isVariableStatement(s)) for (const d of s.declarationList.declarations) addBinding(d.name, direct);
  const all = new Set<string>();
  addVars(file, all);
  let out = '';
  for (const name of all) {
    const symbol = checker.resolveName(name, file, ts.SymbolFlags.Value, true);
    if (direct.has(name) || !symbol?.valueDeclaration) continue;
    const type = checker.getTypeOfSymbolAtLocation(symbol, symbol.valueDeclaration);
    out += `declare var ${name}: ${checker.typeToString(type, file, ts.TypeFormatFlags.NoTruncation)};\n`;
  }
  return out;
}

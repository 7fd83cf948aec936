/**
 * Cells as TypeScript sees them: each is a module whose surroundings are the declarations that earlier cells left, checked with
 * the notebook's options, emitted as an ES module, its own declarations kept for the cells after it.
 */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';
import { type Bound, endOfCell, groups, isValueIn, remaining } from './declarations.js';
import { remarks, withoutConsequences } from './remarks.js';
import { addBinding, addBlockScoped, addVars } from './scopes.js';
import { isPackage, statOf, TypeFiles } from './type-files.js';

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

/** A local file that a cell imports, as ES module text with an inline source map. */
export interface LocalModule {
  /** Absolute path, `…/x.js` for `…/x.ts`. */
  path: string;
  data: string;
}

export interface Converted {
  diagnostics: Diagnostic[];
  /** ES module text with an inline source map; undefined where there are diagnostics. */
  output?: string;
  /** Declarations that hold after the cell. */
  declarations?: string;
  /** Whether earlier cells made a value of a name. */
  known?: (name: string) => boolean;
  /** The function that the emitted cell gives its last expression to, where it ends with one. */
  result?: string;
  /** Local files the cell imports, and those that these import. */
  modules?: LocalModule[];
}

/** A cell in the program it would run in, for questions about it. */
export interface CellView {
  program: ts.Program;
  file: ts.SourceFile;
  /** Where the cell's text begins in the file. */
  offset: number;
}

/** Members of TypeScript that exist at run time and are not in its declarations. */
type Internals = typeof ts & {
  bindSourceFile(file: ts.SourceFile, options: ts.CompilerOptions): void;
  sortAndDeduplicateDiagnostics<T extends ts.Diagnostic>(d: readonly T[]): readonly T[];
};
const internals = ts as Internals;
type Importing = ts.SourceFile & { imports?: ts.StringLiteralLike[] };
type Resolved = ts.Program & {
  getResolvedModuleFromModuleSpecifier(
    specifier: ts.StringLiteralLike,
    file: ts.SourceFile,
  ): ts.ResolvedModuleWithFailedLookupLocations | undefined;
};

/** Errors that do not concern a notebook: an import without types is `any` there. */
const ignored = new Set([7016]);
/** No file is written; local modules are told apart by where they would be. */
const outDir = '/out';

export class Converter {
  private readonly cell: string;
  private readonly options: ts.CompilerOptions;
  private readonly host: ts.CompilerHost;
  private program: ts.Program | undefined;
  private cellFile!: Bound;
  /** What earlier cells declared, the latest last; most of it stays as it is from cell to cell. */
  private before: Bound[] = [];
  private readonly unresolved = new Set<string>();
  private readonly emitted = new WeakMap<ts.SourceFile, LocalModule>();

  /**
   * @param folder where local files and packages are looked up
   * @param root this package's own folder, where mdlab and what it brings are found
   */
  constructor(
    private readonly folder: string,
    private readonly root: string,
    private readonly files: TypeFiles = new TypeFiles(),
  ) {
    this.cell = join(folder, '~cell.ts');
    this.options = optionsOf(root);
    this.host = this.makeHost();
  }

  convert(declarations: string, code: string): Converted {
    const names = localNames(code, this.options);
    this.build(declarations, `${code}\nexport {${names.join(', ')}}`);
    const program = this.program!;
    const cell = this.cellFile;
    const { before } = this;
    const locals = this.localFiles();
    const found: ts.Diagnostic[] = [];
    for (const f of [cell, ...locals]) {
      const syntax = program.getSyntacticDiagnostics(f);
      // What the pieces of text that does not parse might mean is noise.
      found.push(...(syntax.length ? syntax : program.getSemanticDiagnostics(f)));
    }
    const errors = this.described(found, code);
    if (errors.length) return { diagnostics: errors };
    const checker = program.getTypeChecker();
    const nested = declareNestedVars(checker, cell);
    let output = '';
    let made = '';
    const result = unusedName(code);
    const mark = markLast(result);
    const emission = program.emit(
      cell,
      (name, text) => {
        if (name.endsWith('.d.ts')) made = text;
        else output = text;
      },
      undefined,
      undefined,
      { before: [mark.transformer], afterDeclarations: [withoutExportLists] },
    );
    const undeclarable = this.described(emission.diagnostics, code);
    if (undeclarable.length) return { diagnostics: undeclarable };
    return {
      diagnostics: [],
      output,
      declarations: `${before.map((f) => remaining(textOf(f), f, checker, cell.locals)).join('')}${nested}${made}${endOfCell}`,
      known: (name) => before.some((f) => isValueIn(f, name)),
      result: mark.marked() ? result : undefined,
      modules: locals.map((f) => this.moduleOf(f)),
    };
  }

  /** The cell as it stands, without checking it. */
  view(declarations: string, code: string): CellView {
    this.build(declarations, code);
    this.program!.getTypeChecker(); // binds the file: its nodes know their parents
    return { program: this.program!, file: this.cellFile, offset: 0 };
  }

  private build(declarations: string, code: string): void {
    const options = { languageVersion: ts.ScriptTarget.ES2022, setExternalModuleIndicator: isModule };
    this.cellFile = ts.createSourceFile(this.cell, code, options) as Bound;
    this.before = groups(declarations).map((text, i) =>
      unchanged(this.before[i], text)
        ? this.before[i]!
        : declared(join(this.folder, `~before${i}.d.ts`), text),
    );
    this.program = ts.createProgram({
      rootNames: [
        join(this.root, 'dist', 'kernel', 'globals.d.ts'),
        ...this.before.map((f) => f.fileName),
        this.cell,
      ],
      options: this.options,
      host: this.host,
      oldProgram: this.program,
    });
    // A name that a file does not declare is looked up in the one before.
    const chain = [...this.before, this.cellFile];
    chain.forEach((f, i) => {
      if (i) (f as { parent: ts.Node }).parent = chain[i - 1]!;
    });
  }

  private makeHost(): ts.CompilerHost {
    const read = (name: string): string | undefined => {
      try {
        return readFileSync(name, 'utf8');
      } catch {
        return undefined;
      }
    };
    // Asked only for the package.json beside each file that is read; imports are resolved below.
    const cache = ts.createModuleResolutionCache(this.folder, (name) => name, this.options);
    return {
      getModuleResolutionCache: () => cache,
      getSourceFile: (name, options) =>
        name === this.cell
          ? this.cellFile
          : (this.before.find((f) => f.fileName === name) ?? this.files.get(name, options)),
      getDefaultLibFileName: () => join(this.root, 'node_modules', 'typescript', 'lib', 'lib.d.ts'),
      getDefaultLibLocation: () => join(this.root, 'node_modules', 'typescript', 'lib'),
      getCurrentDirectory: () => this.folder,
      getCanonicalFileName: (name) => name,
      useCaseSensitiveFileNames: () => true,
      getNewLine: () => '\n',
      fileExists: (name) => statOf(name)?.isFile() ?? false,
      directoryExists: (name) => statOf(name)?.isDirectory() ?? false,
      realpath: (name) => (existsSync(name) ? realpathSync.native(name) : name),
      readFile: read,
      writeFile: () => {},
      resolveModuleNameLiterals: (literals, from, redirect) =>
        literals.map((l) => this.resolve(l.text, from, redirect)),
      // What could not be found may have been installed meanwhile.
      hasInvalidatedResolutions: (path) => this.unresolved.has(path),
    };
  }

  /** mdlab is this package; others are looked for from the file, then from here. */
  private resolve(
    name: string,
    from: string,
    redirect: ts.ResolvedProjectReference | undefined,
  ): ts.ResolvedModuleWithFailedLookupLocations {
    const look = (at: string) => ts.resolveModuleName(name, at, this.options, this.host, undefined, redirect);
    const here = join(this.root, 'dist', 'kernel', 'cell.ts');
    if (name === 'mdlab' || name.startsWith('mdlab/'))
      return this.files.resolution(`\0${name}`, () => look(here));
    if (isPackage(from) || from.startsWith(join(this.root, 'dist')))
      return this.files.resolution(`${dirname(from)}\0${name}`, () => look(from));
    let found = look(from);
    if (!found.resolvedModule && !/^[./]/.test(name)) found = look(here);
    if (!found.resolvedModule) this.unresolved.add(from);
    return found;
  }

  /** Local source files that the cell imports, directly or not. */
  private localFiles(): ts.SourceFile[] {
    const program = this.program as Resolved;
    const found = new Set<ts.SourceFile>();
    const visit = (file: Importing): void => {
      for (const specifier of file.imports ?? []) {
        const path = program.getResolvedModuleFromModuleSpecifier(specifier, file)?.resolvedModule;
        const next = path && program.getSourceFile(path.resolvedFileName);
        if (!next || found.has(next) || next.isDeclarationFile || isPackage(next.fileName)) continue;
        if (next.fileName.endsWith('.json')) continue;
        found.add(next);
        visit(next);
      }
    };
    visit(this.cellFile);
    return [...found].sort((a, b) => (a.fileName < b.fileName ? -1 : 1));
  }

  private moduleOf(file: ts.SourceFile): LocalModule {
    let module = this.emitted.get(file);
    if (!module) {
      this.program!.emit(file, (name, data) => {
        if (/\.[mc]?jsx?$/.test(name)) module = { path: join('/', relative(outDir, name)), data };
      });
      this.emitted.set(file, module!);
    }
    return module!;
  }

  private described(found: readonly ts.Diagnostic[], code: string): Diagnostic[] {
    const checker = this.program!.getTypeChecker();
    return withoutConsequences(internals.sortAndDeduplicateDiagnostics(found))
      .filter((d) => d.file && !ignored.has(d.code))
      .map((d) => {
        const file = d.file!;
        const own = file === this.cellFile;
        const place = (at: number): Position =>
          file.getLineAndCharacterOfPosition(own ? Math.min(at, code.length) : at);
        const described: Diagnostic = {
          start: place(d.start!),
          end: place(d.start! + d.length!),
          messageText: [ts.flattenDiagnosticMessageText(d.messageText, '\n'), ...remarks(d, checker)].join(
            '\n  ',
          ),
          code: d.code,
          category: d.category,
        };
        if (!own) described.fileName = relative(this.folder, file.fileName);
        return described;
      });
  }
}

/** Options of every notebook: strict, the newest library, packages resolved as bundlers do, Node's types from here. */
function optionsOf(root: string): ts.CompilerOptions {
  return {
    strict: true,
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.esnext.d.ts'],
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    moduleDetection: ts.ModuleDetectionKind.Force,
    esModuleInterop: true,
    resolveJsonModule: true,
    allowJs: true,
    checkJs: true,
    jsx: ts.JsxEmit.React,
    rewriteRelativeImportExtensions: true,
    useDefineForClassFields: true,
    declaration: true,
    inlineSourceMap: true,
    newLine: ts.NewLineKind.LineFeed,
    skipLibCheck: true,
    types: ['node'],
    typeRoots: [join(root, 'node_modules', '@types')],
    rootDir: '/',
    outDir,
  };
}

function isModule(file: ts.SourceFile): void {
  (file as { externalModuleIndicator?: ts.Node | true }).externalModuleIndicator ??= true;
}

/** Makes the file a module whose names only those see that look for them there. */
const head = 'export {};\n';
const textOf = (file: ts.SourceFile): string => file.text.slice(head.length);
const unchanged = (file: ts.SourceFile | undefined, text: string): boolean =>
  file !== undefined && textOf(file) === text;

function declared(name: string, text: string): Bound {
  return ts.createSourceFile(name, head + text, {
    languageVersion: ts.ScriptTarget.ES2022,
    setExternalModuleIndicator: isModule,
  });
}

/** Every name of the cell's own, types and the variables of inner blocks' `var` too. */
function localNames(code: string, options: ts.CompilerOptions): string[] {
  const file = ts.createSourceFile('cell.ts', code, {
    languageVersion: ts.ScriptTarget.ES2022,
    setExternalModuleIndicator: isModule,
  }) as Bound;
  internals.bindSourceFile(file, options);
  return [...(file.locals?.keys() ?? [])].map(String);
}

function unusedName(code: string): string {
  let name = 'mdlabResult';
  while (code.includes(name)) name += '$';
  return name;
}

/** Makes the last statement `name(expression)`, where it is an expression. */
function markLast(name: string): {
  transformer: ts.TransformerFactory<ts.SourceFile>;
  marked: () => boolean;
} {
  let marked = false;
  const transformer: ts.TransformerFactory<ts.SourceFile> = (context) => (file) => {
    const statements = [...file.statements];
    const end = statements.findLastIndex((s) => !ts.isExportDeclaration(s));
    const last = statements[end];
    if (!last || !ts.isExpressionStatement(last)) return file;
    marked = true;
    const { factory } = context;
    const call = factory.createCallExpression(factory.createIdentifier(name), undefined, [last.expression]);
    statements[end] = ts.setTextRange(factory.createExpressionStatement(call), last);
    return factory.updateSourceFile(file, statements);
  };
  return { transformer, marked: () => marked };
}

const withoutExportLists: ts.TransformerFactory<ts.SourceFile | ts.Bundle> = (context) => (file) =>
  ts.isSourceFile(file)
    ? context.factory.updateSourceFile(
        file,
        file.statements.filter((s) => !ts.isExportDeclaration(s)),
      )
    : file;

/** Declarations of the cell's `var`s that stand inside blocks and loop heads: TypeScript declares none of them. */
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

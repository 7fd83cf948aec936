/** Cells from TypeScript to code the executor runs: check, convert, transform, map. Synchronous; runs in the compiler's process. */
import ts from 'typescript';
import { frame } from './code-frame.js';
import { type CompletenessReply, isComplete } from './completeness.js';
import { type CompletionReply, complete } from './completion.js';
import { withoutUnset } from './declarations.js';
import { type Help, inspect } from './help.js';
import { type LineMap, shiftMap, splitInlineMap } from './source-map.js';
import { addCancelPoints, type CellImport, importOf, parse, transformCell } from './transform.js';
import type { TypeFiles } from './type-files.js';
import { Converter, type Diagnostic, type LocalModule } from './typescript.js';
import { annotateUnnameable, removeInsertions } from './unnameable.js';
import { specifiers } from './version.js';

/** A cell ready to run. */
export interface CompiledCell {
  code: string;
  async: boolean;
  imports: CellImport[];
  /** Local modules that the cell imports, directly or not, as CommonJS. */
  modules: CompiledModule[];
  map: LineMap;
  /** Declarations that hold after the cell. */
  declarations: string;
  /** name -> number of the statement after which it has its value; 0: from the start. */
  declared: [string, number][];
}

export interface CompiledModule {
  /** Absolute path, as the converter names it (`…/x.js` for `…/x.ts`). */
  path: string;
  code: string;
  imports: string[];
  map: LineMap;
}

/** Why a cell does not run: the first message, and all of them with their places. */
export interface CompileFailure {
  ename: string;
  evalue: string;
  traceback: string[];
}

export type Compilation = { cell: CompiledCell } | { failure: CompileFailure };

export class Compiler {
  private readonly converter: Converter;

  /** @param files what TypeScript has read already; see Converter for the others */
  constructor(folder: string, root: string, files?: TypeFiles) {
    this.converter = new Converter(folder, root, files);
  }

  /**
   * @param declarations what earlier cells declared
   * @param label how the cell is called in messages, e.g. `In[3]`
   */
  compile(declarations: string, source: string, label: string): Compilation {
    const code = withoutExports(source);
    let converted = this.converter.convert(declarations, code);
    const annotated = annotateUnnameable(code, converted.diagnostics);
    if (annotated) converted = this.converter.convert(declarations, annotated.code);
    if (converted.diagnostics.length) return { failure: failureOf(converted.diagnostics, source, label) };
    const emitted = splitInlineMap(converted.output!);
    const cell = transformCell(emitted.code, converted.known!, converted.result);
    return {
      cell: {
        code: cell.code,
        async: cell.async,
        imports: cell.imports,
        modules: converted.modules!.map((m) => this.compiledModule(m)),
        map: removeInsertions(shiftMap(emitted.map, cell.edits), annotated?.insertions ?? []),
        declarations: converted.declarations!,
        declared: [...cell.declared],
      },
    };
  }

  private readonly compiled = new WeakMap<LocalModule, CompiledModule>();
  private compiledModule(module: LocalModule): CompiledModule {
    let c = this.compiled.get(module);
    if (!c) {
      c = compileModule(module);
      this.compiled.set(module, c);
    }
    return c;
  }

  /** See declarations.ts. */
  withoutUnset(after: string, before: string, unset: string[]): string {
    return withoutUnset(after, before, new Set(unset));
  }

  /** @param position UTF-16 offset */
  complete(declarations: string, code: string, position: number): CompletionReply {
    return complete(this.converter.view(declarations, code), position, specifiers);
  }

  /** Signature and documentation of what stands at a UTF-16 offset, or of the call around it. */
  inspect(declarations: string, code: string, position: number): Help | undefined {
    return inspect(this.converter.view(declarations, code), position);
  }

  isComplete(code: string): CompletenessReply {
    return isComplete(code);
  }
}

/** A cell's names are the notebook's anyway: `export const x` is `const x`. Lengths and lines stay. */
function withoutExports(source: string): string {
  if (!source.includes('export')) return source;
  const file = ts.createSourceFile('cell.ts', source, ts.ScriptTarget.ESNext, true, ts.ScriptKind.TS);
  let out = source;
  const blank = (from: number, to: number): void => {
    out = out.slice(0, from) + out.slice(from, to).replace(/[^\n]/g, ' ') + out.slice(to);
  };
  for (const s of file.statements) {
    if (ts.canHaveModifiers(s))
      for (const m of ts.getModifiers(s) ?? [])
        if (m.kind === ts.SyntaxKind.ExportKeyword || m.kind === ts.SyntaxKind.DefaultKeyword)
          blank(m.getStart(), m.end);
    if (ts.isExportDeclaration(s) && !s.moduleSpecifier) blank(s.getStart(), s.end);
  }
  return out;
}

function compileModule(side: LocalModule): CompiledModule {
  const emitted = splitInlineMap(side.data);
  const { code, edits, runtime } = addCancelPoints(emitted.code);
  const imports = parse(emitted.code).statements.flatMap((s) => {
    if (ts.isImportDeclaration(s)) return [importOf(s).specifier];
    const from = ts.isExportDeclaration(s) ? s.moduleSpecifier : undefined;
    return from ? [(from as ts.StringLiteral).text] : [];
  });
  const { outputText } = ts.transpileModule(code, {
    fileName: 'module.js',
    compilerOptions: {
      module: ts.ModuleKind.CommonJS,
      target: ts.ScriptTarget.ES2022,
      esModuleInterop: true,
      inlineSourceMap: true,
    },
  });
  const outer = splitInlineMap(outputText);
  const inner = shiftMap(emitted.map, edits);
  const names = `const { wait: ${runtime.wait}, iterate: ${runtime.iterate}, dynamicImport: ${runtime.dynamicImport}, stop: ${runtime.stop}, interrupt: ${runtime.interrupt}, cell: ${runtime.cell} } = arguments[5];`;
  return {
    path: side.path,
    code: `${names}\n${outer.code}`,
    imports,
    map: [[], ...composed(outer.map, inner)],
  };
}

/** outer after inner: generated -> middle -> source. */
function composed(outer: LineMap, inner: LineMap): LineMap {
  return outer.map((triples) => {
    const out: number[] = [];
    for (let i = 0; i < triples.length; i += 3) {
      const line = inner[triples[i + 1]!] ?? [];
      let k = 0;
      while (k + 3 < line.length && line[k + 3]! <= triples[i + 2]!) k += 3;
      if (line.length) out.push(triples[i]!, line[k + 1]!, line[k + 2]!);
    }
    return out;
  });
}

function failureOf(diagnostics: Diagnostic[], source: string, label: string): CompileFailure {
  const own = diagnostics.filter((d) => d.category === ts.DiagnosticCategory.Error);
  const shown = own.length ? own : diagnostics;
  const evalue = shown[0]!.messageText.split('\n')[0]!;
  const traceback = shown.map((d, i) => {
    const where = `${d.fileName ?? label}:${d.start.line + 1}:${d.start.character + 1}`;
    // The first one's first line stands above.
    const message = i ? `: ${d.messageText}` : d.messageText.slice(evalue.length);
    const text = `${where} - error TS${d.code}${message}`;
    if (d.fileName) return text;
    const width = d.end.line === d.start.line ? d.end.character - d.start.character : 1;
    return `${text}\n${frame(source, d.start.line, d.start.character, width)}`;
  });
  return { ename: 'TypeScriptError', evalue, traceback: [`TypeScriptError: ${evalue}`, ...traceback] };
}

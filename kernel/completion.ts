/** What is offered on Tab and shown on Shift-Tab: TypeScript's own answers for a cell that is being typed. */
import ts from 'typescript';
import type { CellView } from './typescript.js';

export interface CompletionReply {
  matches: { text: string; type: string }[];
  /** UTF-16 offsets of what the match replaces. */
  start: number;
  end: number;
}

/** Members of TypeScript that exist at run time and are not in its declarations. */
type Internals = typeof ts & {
  Completions: {
    getCompletionsAtPosition(
      host: object,
      program: ts.Program,
      log: (text: string) => void,
      file: ts.SourceFile,
      position: number,
      preferences: ts.UserPreferences,
    ): ts.CompletionInfo | undefined;
  };
  SymbolDisplay: {
    getSymbolDisplayPartsDocumentationAndSymbolKind(
      checker: ts.TypeChecker,
      symbol: ts.Symbol,
      file: ts.SourceFile,
      container: ts.Node | undefined,
      node: ts.Node,
    ): {
      displayParts: ts.SymbolDisplayPart[];
      documentation: ts.SymbolDisplayPart[];
      tags?: ts.JSDocTagInfo[];
    };
  };
  findPrecedingToken(position: number, file: ts.SourceFile): ts.Node | undefined;
  getTouchingPropertyName(file: ts.SourceFile, position: number): ts.Node;
  getContainerNode(node: ts.Node): ts.Node | undefined;
  typeToDisplayParts(checker: ts.TypeChecker, type: ts.Type, at?: ts.Node): ts.SymbolDisplayPart[];
};
const internals = ts as Internals;

/** @param position UTF-16 offset in the cell */
export function complete({ program, file, offset }: CellView, position: number): CompletionReply {
  const at = position + offset;
  const info = internals.Completions.getCompletionsAtPosition(
    completionHost(program),
    program,
    () => {},
    file,
    at,
    {},
  );
  const span = replaced(file, at);
  const typed = file.text.slice(span.start, span.end);
  const found = ranked(info?.entries ?? [], typed);
  const kinds = new Map(found.map((e) => [e.name, e.kind as string]));
  return {
    matches: [...kinds].map(([text, type]) => ({ text, type })),
    start: span.start - offset,
    end: span.end - offset,
  };
}

/** The identifier that the cursor stands in or behind; nothing else. */
function replaced(file: ts.SourceFile, at: number): { start: number; end: number } {
  const token = internals.findPrecedingToken(at, file);
  if (token && ts.isIdentifier(token) && token.end >= at)
    return { start: token.getStart(file), end: token.end };
  const next = internals.findPrecedingToken(at + 1, file);
  if (next && ts.isIdentifier(next) && next.getStart(file) <= at)
    return { start: next.getStart(file), end: next.end };
  return { start: at, end: at };
}

/** Those that begin with what was typed, then those that do but for case, then those that have it somewhere. */
function ranked(entries: readonly ts.CompletionEntry[], typed: string): ts.CompletionEntry[] {
  const lower = typed.toLowerCase();
  const rank = (name: string): number =>
    name.startsWith(typed)
      ? 0
      : name.toLowerCase().startsWith(lower)
        ? 1
        : name.toLowerCase().includes(lower)
          ? 2
          : 3;
  return entries
    .map((entry) => ({ entry, key: `${rank(entry.name)}${entry.sortText}` }))
    .filter(({ key }) => key[0] !== '3')
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ entry }) => entry);
}

/** What TypeScript's completion asks of an editor. */
function completionHost(program: ts.Program): object {
  return {
    ...ts.sys,
    getCompilationSettings: () => program.getCompilerOptions(),
    getCurrentDirectory: () => program.getCurrentDirectory(),
    getNewLine: () => '\n',
    useCaseSensitiveFileNames: () => true,
    getScriptFileNames: () => program.getRootFileNames(),
    getGlobalTypingsCacheLocation: () => undefined,
  };
}

/** Signature and documentation of what stands at a UTF-16 offset of the cell, or of the call around it. */
export function inspect(view: CellView, position: number): string | undefined {
  const code = view.file.text.slice(view.offset);
  for (const at of inspectable(code, position)) {
    const info = quickInfo(view, at);
    if (info?.displayParts?.length) return describe(info);
  }
  return undefined;
}

/** Places worth looking at, best first: the cursor, just before it, and the function whose arguments it stands in. */
function inspectable(code: string, position: number): number[] {
  const places = [position, position - 1].filter((p) => p >= 0 && /[\w$\u0080-\uffff]/.test(code[p] ?? ''));
  const file = ts.createSourceFile('cell.ts', code, ts.ScriptTarget.ESNext, true, ts.ScriptKind.TS);
  const callees: number[] = [];
  const at = code.slice(0, position).trimEnd().length;
  (function visit(node: ts.Node): void {
    if (node.pos > at || node.end < at) return;
    if ((ts.isCallExpression(node) || ts.isNewExpression(node)) && node.expression.end <= at)
      callees.unshift(node.expression.end - 1);
    ts.forEachChild(node, visit);
  })(file);
  return [...places, ...callees];
}

interface About {
  displayParts: ts.SymbolDisplayPart[];
  documentation?: ts.SymbolDisplayPart[];
  tags?: ts.JSDocTagInfo[];
}

function quickInfo({ program, file, offset }: CellView, position: number): About | undefined {
  const checker = program.getTypeChecker();
  const touched = internals.getTouchingPropertyName(file, position + offset);
  if (touched === file) return undefined;
  const isNew = ts.isNewExpression(touched.parent) && touched.pos === touched.parent.pos;
  const node = isNew ? (touched.parent as ts.NewExpression).expression : touched;
  const container = internals.getContainerNode(node);
  const symbol = checker.getSymbolAtLocation(node);
  if (symbol)
    return internals.SymbolDisplay.getSymbolDisplayPartsDocumentationAndSymbolKind(
      checker,
      symbol,
      file,
      container,
      node,
    );
  if (!ts.isIdentifier(node) && !ts.isPropertyAccessExpression(node)) return undefined;
  const type = checker.getTypeAtLocation(node);
  if (type.flags & ts.TypeFlags.Any) return undefined;
  return { displayParts: internals.typeToDisplayParts(checker, type, container) };
}

/** Signature first, then the documentation and its tags. */
function describe(info: About): string {
  const text = (parts: readonly { text: string }[] | undefined): string =>
    (parts ?? []).map((p) => p.text).join('');
  const tags = (info.tags ?? []).map((t) => `@${t.name} ${text(t.text)}`.trim());
  return [text(info.displayParts), text(info.documentation), tags.join('\n')].filter(Boolean).join('\n\n');
}

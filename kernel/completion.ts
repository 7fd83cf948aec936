/** What is offered on Tab: TypeScript's own answer for a cell that is being typed, and file names where it has none. */
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import ts from 'typescript';
import { statOf } from './type-files.js';
import type { CellView } from './typescript.js';

export interface CompletionReply {
  /** Best first. `type` is TypeScript's word for what it is: const, method, property, directory, … */
  matches: { text: string; type: string }[];
  /** UTF-16 offsets of what a match replaces. */
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
  findPrecedingToken(position: number, file: ts.SourceFile): ts.Node | undefined;
};
const internals = ts as Internals;

/** Where TypeScript's word is long. */
const kindNames: Record<string, string> = { 'external module name': 'module', script: 'file' };

interface Entry {
  name: string;
  kind: string;
  sortText: string;
  /** What stands for the name where it is no identifier: `['1ENH']`, in place of the dot too. */
  insertText?: string;
}

/** Offsets in the file of the cell. */
interface Span {
  start: number;
  end: number;
}

/**
 * @param position UTF-16 offset in the cell
 * @param packages module names that can be imported from anywhere
 */
export function complete(view: CellView, position: number, packages: readonly string[]): CompletionReply {
  const { program, file, offset } = view;
  const at = position + offset;
  const info = internals.Completions.getCompletionsAtPosition(
    completionHost(program),
    program,
    () => {},
    file,
    at,
    { includeCompletionsWithInsertText: true, quotePreference: 'single' },
  );
  const own: readonly Entry[] = (info?.entries ?? []).filter((e) => !e.insertText || isKey(e));
  const literal = literalAround(file, at);
  let [entries, span] = [own, literal ? { start: at, end: at } : identifierAround(file, at)];
  if (literal) [entries, span] = inString(literal, at, own, program, packages);
  else if (inNumber(file, at)) entries = [];
  else entries = [...keysOf(program, file, span.start), ...own];
  const found = ranked(entries, file.text.slice(span.start, at));
  // All matches replace the same: where one takes the dot away, all bring what stands for it.
  const dot = found.some(isKey) ? dotBefore(file, span.start) : '';
  const texts = found.map((e) => [dot && isKey(e) ? e.insertText! : dot + e.name, e.kind] as const);
  const kinds = new Map(texts.map(([text, kind]) => [text, kindNames[kind] ?? kind.replace(/^local /, '')]));
  return {
    matches: [...kinds].map(([text, type]) => ({ text, type })),
    start: span.start - dot.length - offset,
    end: span.end - offset,
  };
}

/** A property that is no identifier. */
const isKey = (e: Entry): boolean => /^(\?\.)?\['/.test(e.insertText ?? '');

const dotBefore = (file: ts.SourceFile, at: number): string =>
  /\??\.$/.exec(file.text.slice(Math.max(0, at - 2), at))?.[0] ?? '';

/** Keys of a record in whose brackets the cursor stands, as strings. */
function keysOf(program: ts.Program, file: ts.SourceFile, at: number): Entry[] {
  const bracket = internals.findPrecedingToken(at, file);
  if (bracket?.kind !== ts.SyntaxKind.OpenBracketToken) return [];
  if (!ts.isElementAccessExpression(bracket.parent)) return [];
  const type = program.getTypeChecker().getTypeAtLocation(bracket.parent.expression);
  if (type.getNumberIndexType()) return [];
  return type
    .getProperties()
    .filter((p) => !(p.flags & ts.SymbolFlags.Method) && !p.name.startsWith('__@'))
    .map((p) => ({ name: `'${p.name.replaceAll("'", "\\'")}'`, kind: 'property', sortText: '00' }));
}

/** Nobody finishes a number. */
function inNumber(file: ts.SourceFile, at: number): boolean {
  const token = internals.findPrecedingToken(at, file);
  return token !== undefined && ts.isNumericLiteral(token) && token.end === at;
}

/** The string whose contents the cursor stands in, its end typed or not. */
function literalAround(file: ts.SourceFile, at: number): ts.StringLiteralLike | undefined {
  const token = internals.findPrecedingToken(at, file);
  if (!token || !ts.isStringLiteralLike(token) || token.getStart(file) >= at) return undefined;
  return at < token.end || unterminated(token) ? token : undefined;
}

const unterminated = (token: ts.StringLiteralLike): boolean =>
  (token as { isUnterminated?: boolean }).isUnterminated === true;

/** The word that the cursor stands in or behind. */
function identifierAround(file: ts.SourceFile, at: number): Span {
  const isWord = (node: ts.Node | undefined): node is ts.Node =>
    node !== undefined &&
    (ts.isIdentifier(node) || ts.isPrivateIdentifier(node) || ts.isTokenKind(node.kind)) &&
    /^#?[\p{L}_$][\p{L}\p{N}_$]*$/u.test(file.text.slice(node.getStart(file), node.end));
  const token = internals.findPrecedingToken(at, file);
  if (isWord(token) && token.end >= at && token.getStart(file) < at)
    return { start: token.getStart(file), end: token.end };
  return { start: at, end: at };
}

/** Import paths, the strings that a type allows, or files: what a string's place asks for, and the part of it to replace. */
function inString(
  literal: ts.StringLiteralLike,
  at: number,
  own: readonly Entry[],
  program: ts.Program,
  packages: readonly string[],
): [readonly Entry[], Span] {
  const begin = literal.getStart() + 1;
  const whole = { start: begin, end: unterminated(literal) ? endOfLine(literal) : literal.end - 1 };
  const typed = literal.getSourceFile().text.slice(begin, at);
  const segment = { start: begin + typed.lastIndexOf('/') + 1, end: whole.end };
  if (isSpecifier(literal)) {
    if (/^\.{0,2}\//.test(typed)) return [own, segment];
    // TypeScript offers one part of a path at a time: a name with its scope, then what lies in it.
    const base = typed.slice(0, typed.lastIndexOf('/') + 1);
    const full = own.map((e) => ({ ...e, name: e.name.startsWith(base) ? e.name : base + e.name }));
    const anywhere = packages.map((name) => ({ name, kind: 'external module name', sortText: '0' }));
    return [[...anywhere, ...full], whole];
  }
  const choices = own.filter((e) => e.kind !== 'directory' && e.kind !== 'script');
  if (choices.length) return [choices, whole];
  if (!mayBePath(literal, typed)) return [[], whole];
  return [filesOf(program.getCurrentDirectory(), typed, literal.getText()[0]!), segment];
}

/** An unfinished string may swallow the rest of its line. */
const endOfLine = (literal: ts.StringLiteralLike): number => {
  const end = literal.getSourceFile().text.indexOf('\n', literal.getStart());
  return end < 0 ? literal.end : Math.min(end, literal.end);
};

function isSpecifier(literal: ts.StringLiteralLike): boolean {
  const { parent } = literal;
  if (ts.isImportDeclaration(parent) || ts.isExportDeclaration(parent)) return true;
  if (ts.isExternalModuleReference(parent)) return true;
  if (ts.isLiteralTypeNode(parent)) return ts.isImportTypeNode(parent.parent);
  return (
    ts.isCallExpression(parent) &&
    parent.arguments[0] === literal &&
    (parent.expression.kind === ts.SyntaxKind.ImportKeyword || parent.expression.getText() === 'require')
  );
}

/** Strings given to functions, unless they plainly are something else; anywhere, what looks like a path. */
function mayBePath(literal: ts.StringLiteralLike, typed: string): boolean {
  if (/\s/.test(typed)) return false;
  const { parent } = literal;
  return typed.includes('/') || ts.isCallOrNewExpression(parent) || ts.isPropertyAssignment(parent);
}

/** Files and folders beside the notebook, or where the typed path leads; hidden ones when asked for. */
function filesOf(folder: string, typed: string, quote: string): Entry[] {
  const slash = typed.lastIndexOf('/') + 1;
  const where = resolve(folder, typed.slice(0, slash));
  let names: string[];
  try {
    names = readdirSync(where);
  } catch {
    return [];
  }
  return names
    .filter((name) => !name.startsWith('.') || typed.slice(slash).startsWith('.'))
    .map((name) => {
      const kind = isFolder(join(where, name)) ? 'directory' : 'file';
      const text = name.replaceAll('\\', '\\\\').replaceAll(quote, `\\${quote}`);
      return {
        name: kind === 'directory' ? `${text}/` : text,
        kind,
        sortText: kind === 'directory' ? '1' : '0',
      };
    });
}

function isFolder(path: string): boolean {
  return statOf(path)?.isDirectory() ?? false;
}

/** Those that begin with what was typed, then those that do but for case, then those that have it somewhere. */
function ranked(entries: readonly Entry[], typed: string): Entry[] {
  const lower = typed.toLowerCase();
  const rank = (name: string): number => {
    if (name.startsWith(typed)) return 0;
    if (name.toLowerCase().startsWith(lower)) return 1;
    return name.toLowerCase().includes(lower) ? 2 : 3;
  };
  const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
  return entries
    .map((entry) => ({ entry, key: `${rank(entry.name)}${entry.sortText}` }))
    .filter(({ key }) => key[0] !== '3')
    .sort((a, b) => compare(a.key, b.key) || compare(a.entry.name, b.entry.name))
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

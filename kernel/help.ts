/** What is shown on Shift-Tab: signature, documentation with units, options and example of what the cursor is at. */
import ts from 'typescript';
import { isPackage } from './type-files.js';
import type { CellView } from './typescript.js';

/** The same text in two forms. */
export interface Help {
  plain: string;
  markdown: string;
}

/** Members of TypeScript that exist at run time and are not in its declarations. */
type Internals = typeof ts & {
  SymbolDisplay: {
    getSymbolDisplayPartsDocumentationAndSymbolKind(
      checker: ts.TypeChecker,
      symbol: ts.Symbol,
      file: ts.SourceFile,
      container: ts.Node | undefined,
      node: ts.Node,
    ): { displayParts: Parts; documentation: Parts; tags?: ts.JSDocTagInfo[] };
  };
  getTouchingPropertyName(file: ts.SourceFile, position: number): ts.Node;
  getContainerNode(node: ts.Node): ts.Node | undefined;
  getContainingObjectLiteralElement(node: ts.Node): ts.ObjectLiteralElement | undefined;
  typeToDisplayParts(checker: ts.TypeChecker, type: ts.Type, at?: ts.Node): Parts;
};
const internals = ts as Internals;
type Parts = readonly { text: string }[];

/** @param position UTF-16 offset in the cell @returns undefined where nothing is known about what stands there */
export function inspect(view: CellView, position: number): Help | undefined {
  const at = position + view.offset;
  const touched = touchedBy(view.file, at);
  const own = touched && about(view, touched);
  const call = callAround(view.file, at);
  // Inside a call, a bare variable says less than the function that is being called.
  const callee =
    call && nameOf(call.expression) !== touched ? about(view, nameOf(call.expression)) : undefined;
  const shown = own && (own.documented || !callee) ? [own] : [own, callee].filter((a) => a !== undefined);
  if (!shown.length) return undefined;
  return {
    plain: shown.map((a) => rendered(a.sections, asPlain)).join('\n\n'),
    markdown: shown.map((a) => rendered(a.sections, asMarkdown)).join('\n\n---\n\n'),
  };
}

/** The word at the cursor or just before it; for a string among options, the option's name. */
function touchedBy(file: ts.SourceFile, at: number): ts.Node | undefined {
  for (const place of [at, at - 1]) {
    const node = internals.getTouchingPropertyName(file, place);
    if (node === file || node.getStart(file) > place || node.end <= place) continue;
    if (ts.isIdentifier(node) || ts.isPrivateIdentifier(node) || isWord(node)) return node;
    if (!ts.isStringLiteralLike(node)) continue;
    return ts.isPropertyAssignment(node.parent) ? node.parent.name : node;
  }
  return undefined;
}

const isWord = (node: ts.Node): boolean =>
  node.kind === ts.SyntaxKind.ThisKeyword || node.kind === ts.SyntaxKind.SuperKeyword;

/** The innermost call whose arguments the cursor stands among, within its function. */
function callAround(file: ts.SourceFile, at: number): ts.CallExpression | ts.NewExpression | undefined {
  let found: ts.CallExpression | ts.NewExpression | undefined;
  const end = file.text.slice(0, at).trimEnd().length;
  const visit = (node: ts.Node): void => {
    if (node.pos > end || node.end < end) return;
    if (ts.isBlock(node)) found = undefined;
    if (ts.isCallOrNewExpression(node) && node.expression.end < at && !closedBefore(node, at)) found = node;
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

const closedBefore = (call: ts.Node, at: number): boolean =>
  at >= call.end && call.getSourceFile().text[call.end - 1] === ')';

const nameOf = (e: ts.Expression): ts.Node => (ts.isPropertyAccessExpression(e) ? e.name : e);

interface About {
  sections: Section[];
  documented: boolean;
}

interface Section {
  title?: string;
  code?: string;
  text?: string;
  list?: { code: string; text: string }[];
}

function about(view: CellView, node: ts.Node): About | undefined {
  const checker = view.program.getTypeChecker();
  const container = internals.getContainerNode(node);
  const found = optionOf(node, checker) ?? checker.getSymbolAtLocation(node);
  const symbol = found && found.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(found) : found;
  // A module that is not there, or a name that nothing declares.
  if (found && found !== symbol && !symbol?.declarations) return undefined;
  if (!symbol) return typeOnly(checker, node, container);
  document(symbol);
  const { displayParts, documentation, tags } =
    internals.SymbolDisplay.getSymbolDisplayPartsDocumentationAndSymbolKind(
      checker,
      symbol,
      view.file,
      container,
      node,
    );
  const signature = textOf(displayParts);
  if (!signature) return undefined;
  const docs = textOf(documentation);
  const options = optionsOf(view.program, symbol, node);
  const sections = [{ code: signature }, { text: docs }, ...tagSections(tags ?? []), ...options];
  return { sections, documented: docs !== '' || (tags ?? []).length > 0 };
}

const documented = new WeakSet<ts.Node>();

/** Gives the declarations of a symbol their comments, which the files of packages are kept without (type-files.ts). */
function document(symbol: ts.Symbol): void {
  for (const declaration of symbol.declarations ?? []) {
    const { fileName, text, languageVersion } = declaration.getSourceFile();
    if (!isPackage(fileName) || documented.has(declaration)) continue;
    documented.add(declaration);
    const [, ...path] = ancestors(declaration);
    const top = path[0];
    if (!top) continue;
    // The statement alone is read again, in its place: both trees are walked in step, down to the declaration.
    const alone = ' '.repeat(top.pos) + text.slice(top.pos, top.end);
    const within = (node: ts.Node): boolean => node.pos <= declaration.pos && node.end >= declaration.end;
    let twin: ts.Node | undefined = ts.createSourceFile(fileName, alone, languageVersion, true).statements[0];
    for (const node of path) {
      if (twin?.kind !== node.kind) break;
      (node as { jsDoc?: unknown }).jsDoc = (twin as { jsDoc?: unknown }).jsDoc;
      twin = ts.forEachChild(twin, (child) => (within(child) ? child : undefined));
    }
  }
}

/** From the file down to the node itself. */
const ancestors = (node: ts.Node): ts.Node[] => [...(node.parent ? ancestors(node.parent) : []), node];

function typeOnly(checker: ts.TypeChecker, node: ts.Node, at: ts.Node | undefined): About | undefined {
  if (!ts.isIdentifier(node)) return undefined;
  const type = checker.getTypeAtLocation(node);
  if (type.flags & ts.TypeFlags.Any) return undefined;
  return {
    sections: [{ code: textOf(internals.typeToDisplayParts(checker, type, at)) }],
    documented: false,
  };
}

/** A key of an object literal means the option that its type declares, which carries the documentation. */
function optionOf(node: ts.Node, checker: ts.TypeChecker): ts.Symbol | undefined {
  const element = internals.getContainingObjectLiteralElement(node);
  if (!element || !ts.isObjectLiteralExpression(element.parent) || !ts.isIdentifier(node)) return undefined;
  const options = checker.getContextualType(element.parent);
  return options && checker.getNonNullableType(options).getProperty(node.text);
}

const textOf = (parts: Parts | undefined): string => (parts ?? []).map((p) => p.text).join('');

function tagSections(tags: readonly ts.JSDocTagInfo[]): Section[] {
  const of = (name: RegExp): string[] =>
    tags.filter((t) => name.test(t.name)).map((t) => textOf(t.text).trim());
  const list = (title: string, entries: string[]): Section[] =>
    entries.length
      ? [
          {
            title,
            list: entries.map((text) => {
              const [, code, rest] = /^(\S+)\s*(?:-\s*)?([\s\S]*)$/.exec(text) ?? [];
              return { code: code ?? text, text: rest ?? '' };
            }),
          },
        ]
      : [];
  return [
    ...list('Parameters', of(/^param$/)),
    ...of(/^returns?$/).map((text) => ({ title: 'Returns', text })),
    ...of(/^throws$/).map((text) => ({ title: 'Throws', text })),
    ...of(/^deprecated$/).map((text) => ({ title: 'Deprecated', text })),
    ...of(/^see$/).map((text) => ({ title: 'See', text })),
    ...of(/^example$/).map((text) => ({ title: 'Example', code: unfenced(text) })),
  ];
}

const unfenced = (text: string): string => text.replace(/^```\w*\n|\n```$/g, '');

/** Options interfaces have their fields listed: of a function's parameters, or the symbol itself. */
function optionsOf(program: ts.Program, symbol: ts.Symbol, node: ts.Node): Section[] {
  const checker = program.getTypeChecker();
  if (symbol.flags & ts.SymbolFlags.Interface)
    return fieldsOf(checker, checker.getDeclaredTypeOfSymbol(symbol), symbol.name);
  const call = ts.findAncestor(node, ts.isCallOrNewExpression);
  const type = checker.getTypeOfSymbolAtLocation(symbol, node);
  const isCallee = call && nameOf(call.expression) === node;
  const signature = isCallee
    ? checker.getResolvedSignature(call)
    : [...type.getCallSignatures(), ...type.getConstructSignatures()].at(-1);
  return (signature?.parameters ?? []).flatMap((p) => {
    const given = checker.getNonNullableType(checker.getTypeOfSymbolAtLocation(p, node));
    const name = (given.aliasSymbol ?? given.symbol)?.name ?? '';
    return /Options$/.test(name) || p.name === 'options' ? fieldsOf(checker, given, name) : [];
  });
}

function fieldsOf(checker: ts.TypeChecker, type: ts.Type, name: string): Section[] {
  const fields = type.isUnion() ? [] : checker.getPropertiesOfType(type);
  if (!fields.length) return [];
  const list = fields.map((field) => {
    const at = field.valueDeclaration ?? field.declarations?.[0];
    const optional = field.flags & ts.SymbolFlags.Optional ? '?' : '';
    const own = at && checker.getTypeOfSymbolAtLocation(field, at);
    const shown = own && checker.typeToString(optional ? checker.getNonNullableType(own) : own);
    document(field);
    const docs = textOf(field.getDocumentationComment(checker));
    return { code: `${field.name}${optional}: ${shown ?? 'unknown'}`, text: docs };
  });
  return [{ title: /^__/.test(name) || !name ? 'Options' : name, list }];
}

function rendered(sections: Section[], form: (s: Section) => string): string {
  return sections
    .filter((s) => s.code || s.text || s.list?.length)
    .map(form)
    .join('\n\n');
}

const indented = (text: string, by = '    '): string => text.replace(/\n(?=.)/g, `\n${by}`);

function asPlain({ title, code, text, list }: Section): string {
  const lines = list?.map((e) => `  ${e.code}${e.text ? `  ${indented(e.text)}` : ''}`) ?? [];
  const body = title && (code || text) ? `  ${indented(code ?? text!, '  ')}` : (code ?? text ?? '');
  return [title ? `${title}:` : '', body, ...lines].filter(Boolean).join('\n');
}

function asMarkdown({ title, code, text, list }: Section): string {
  const lines = list?.map((e) => `- \`${e.code}\`${e.text ? ` ${indented(e.text)}` : ''}`) ?? [];
  const body = code ? `\`\`\`typescript\n${code}\n\`\`\`` : (text ?? '');
  return [title ? `**${title}**` : '', body, lines.join('\n')].filter(Boolean).join('\n\n');
}

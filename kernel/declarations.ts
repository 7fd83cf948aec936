/** The declaration text that carries types from cell to cell: which values it names, and how to take some of them back. */
import ts from 'typescript';

/** Ends what one cell declared. */
export const endOfCell = '//~\n';
/** Cells whose declarations make one file. */
const cellsInFile = 50;

/** Declarations in pieces that stay the same while cells are added. */
export function groups(declarations: string): string[] {
  const out: string[] = [];
  let from = 0;
  let cells = 0;
  for (let at = declarations.indexOf(endOfCell); at >= 0; at = declarations.indexOf(endOfCell, at + 1)) {
    if (++cells % cellsInFile) continue;
    out.push(declarations.slice(from, at + endOfCell.length));
    from = at + endOfCell.length;
  }
  out.push(declarations.slice(from));
  return out;
}

/** A file that has been bound: its names are known. */
export type Bound = ts.SourceFile & { locals?: ts.SymbolTable };

/** Whether a name stands for a value (variable, function, class, enum, import) in a file of declarations. */
export function isValueIn(file: Bound, name: string): boolean {
  const symbol = file.locals?.get(ts.escapeLeadingUnderscores(name));
  if (!symbol) return false;
  if (!(symbol.flags & ts.SymbolFlags.Alias)) return (symbol.flags & ts.SymbolFlags.Value) !== 0;
  return !symbol.declarations?.some(ts.isTypeOnlyImportDeclaration);
}

/**
 * What holds of earlier declarations beside the names a cell made. A name may stand for a value, for a type, or for both; what a
 * new one stands for is replaced.
 * @param text of `file`
 */
export function remaining(
  text: string,
  file: Bound,
  checker: ts.TypeChecker,
  names: ts.SymbolTable | undefined,
): string {
  const again = [...(names?.keys() ?? [])].some((name) => file.locals?.has(name));
  if (!again) return text;
  const kindsOf = (symbol: ts.Symbol | undefined): number => {
    const of = symbol && (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol);
    const isType = of && of.flags & (ts.SymbolFlags.Type | ts.SymbolFlags.NamespaceModule);
    return (of && of.flags & ts.SymbolFlags.Value ? kind.value : 0) | (isType ? kind.type : 0);
  };
  const made = (name: string): number => kindsOf(names?.get(ts.escapeLeadingUnderscores(name)));
  const old = (name: string): number => kindsOf(file.locals!.get(ts.escapeLeadingUnderscores(name)));
  let out = '';
  for (const s of file.statements) {
    if (ts.isExportDeclaration(s)) continue;
    if (!declaredBy(s).some(made)) {
      out += `${s.getFullText(file).trim()}\n`;
      continue;
    }
    out += part(file, s, (name) => !(made(name) & old(name)));
    // A class whose name has become another type is still a value.
    for (const name of namesOf(s))
      if (made(name) === kind.type && old(name) & kind.type) out += `declare let ${name}: any;\n`;
  }
  return text.endsWith(endOfCell) ? out + endOfCell : out;
}

/** What a name may stand for; one may stand for both. */
const kind = { value: 1, type: 2 } as const;

/**
 * The declarations after a cell that failed half-way: `after` is what a success would have left, `before` what held before it.
 * Values in `unset` never came into being: they keep the declaration they had, if any.
 */
export function withoutUnset(after: string, before: string, unset: ReadonlySet<string>): string {
  if (!unset.size) return after;
  const kept = select(after, (name) => !unset.has(name));
  const restored = select(before, (name) => unset.has(name), false);
  return kept + restored;
}

/** The statements whose value names pass; statements without value names (types) stay when `types`. */
function select(declarations: string, keep: (name: string) => boolean, types = true): string {
  const file = parse(declarations);
  let out = '';
  for (const s of file.statements) {
    const names = namesOf(s);
    if (!names.length ? types : names.every(keep)) out += `${s.getFullText(file).trim()}\n`;
    else out += part(file, s, keep);
  }
  return out;
}

/** What is left of a statement when only some of its names are kept. */
function part(file: ts.SourceFile, s: ts.Statement, keep: (name: string) => boolean): string {
  const { factory } = ts;
  const printed = (node: ts.Node): string =>
    `${ts.createPrinter({ newLine: ts.NewLineKind.LineFeed }).printNode(ts.EmitHint.Unspecified, node, file)}\n`;
  if (ts.isVariableStatement(s)) {
    const kept = s.declarationList.declarations.filter((d) => keep((d.name as ts.Identifier).text));
    if (!kept.length) return '';
    const list = factory.updateVariableDeclarationList(s.declarationList, kept);
    return printed(factory.updateVariableStatement(s, s.modifiers, list));
  }
  if (!ts.isImportDeclaration(s) || !s.importClause)
    return declaredBy(s).every(keep) ? `${s.getFullText(file).trim()}\n` : '';
  const { name, namedBindings } = s.importClause;
  const own = name && keep(name.text) ? name : undefined;
  let bindings = namedBindings;
  if (bindings && ts.isNamespaceImport(bindings)) bindings = keep(bindings.name.text) ? bindings : undefined;
  else if (bindings) {
    const kept = bindings.elements.filter((e) => keep(e.name.text));
    bindings = kept.length ? factory.updateNamedImports(bindings, kept) : undefined;
  }
  if (!own && !bindings) return '';
  const clause = factory.updateImportClause(s.importClause, s.importClause.isTypeOnly, own, bindings);
  return printed(factory.updateImportDeclaration(s, s.modifiers, clause, s.moduleSpecifier, s.attributes));
}

/** Every name a statement declares, types too. */
function declaredBy(s: ts.Statement): string[] {
  if (ts.isInterfaceDeclaration(s) || ts.isTypeAliasDeclaration(s)) return [s.name.text];
  if (ts.isImportDeclaration(s)) return importedBy(s);
  return namesOf(s);
}

function namesOf(s: ts.Statement): string[] {
  if (ts.isVariableStatement(s))
    return s.declarationList.declarations.map((d) => (d.name as ts.Identifier).text);
  if (ts.isFunctionDeclaration(s) || ts.isClassDeclaration(s) || ts.isEnumDeclaration(s))
    return s.name ? [s.name.text] : [];
  if (ts.isModuleDeclaration(s))
    return ts.isIdentifier(s.name) && !(s.flags & ts.NodeFlags.GlobalAugmentation) ? [s.name.text] : [];
  return ts.isImportDeclaration(s) && !s.importClause?.isTypeOnly ? importedBy(s) : [];
}

function importedBy(s: ts.ImportDeclaration): string[] {
  const { name, namedBindings } = s.importClause ?? {};
  const names = name ? [name.text] : [];
  if (namedBindings && ts.isNamespaceImport(namedBindings)) names.push(namedBindings.name.text);
  else if (namedBindings) for (const e of namedBindings.elements) names.push(e.name.text);
  return names;
}

function parse(text: string): ts.SourceFile {
  return ts.createSourceFile('declarations.d.ts', text, ts.ScriptTarget.ESNext, true, ts.ScriptKind.TS);
}

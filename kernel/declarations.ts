/** The declaration text that carries types from cell to cell: which values it names, and how to take some of them back. */
import ts from 'typescript';

/** Names of values (variables, functions, classes, enums, imports) in a declaration text. */
export function valueNames(declarations: string): Set<string> {
  const names = new Set<string>();
  for (const s of parse(declarations).statements) for (const n of namesOf(s)) names.add(n);
  return names;
}

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
  const printer = ts.createPrinter({ newLine: ts.NewLineKind.LineFeed });
  let out = '';
  for (const s of file.statements) {
    const names = namesOf(s);
    if (!names.length ? types : names.every(keep)) out += `${s.getFullText(file).trim()}\n`;
    else if (ts.isVariableStatement(s) && names.some(keep)) {
      const list = s.declarationList;
      const declarations = list.declarations.filter((d) => keep((d.name as ts.Identifier).text));
      const part = ts.factory.updateVariableStatement(
        s,
        s.modifiers,
        ts.factory.updateVariableDeclarationList(list, declarations),
      );
      out += `${printer.printNode(ts.EmitHint.Unspecified, part, file)}\n`;
    }
  }
  return out;
}

function namesOf(s: ts.Statement): string[] {
  if (ts.isVariableStatement(s))
    return s.declarationList.declarations.map((d) => (d.name as ts.Identifier).text);
  if (ts.isFunctionDeclaration(s) || ts.isClassDeclaration(s) || ts.isEnumDeclaration(s))
    return s.name ? [s.name.text] : [];
  if (ts.isModuleDeclaration(s)) return ts.isIdentifier(s.name) ? [s.name.text] : [];
  if (!ts.isImportDeclaration(s) || !s.importClause || s.importClause.isTypeOnly) return [];
  const { name, namedBindings } = s.importClause;
  const names = name ? [name.text] : [];
  if (namedBindings && ts.isNamespaceImport(namedBindings)) names.push(namedBindings.name.text);
  else if (namedBindings) for (const e of namedBindings.elements) names.push(e.name.text);
  return names;
}

function parse(text: string): ts.SourceFile {
  return ts.createSourceFile('declarations.d.ts', text, ts.ScriptTarget.ESNext, true, ts.ScriptKind.TS);
}

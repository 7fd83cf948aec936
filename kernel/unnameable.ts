/**
 * Types that cannot be written down. The types of a cell's variables travel to later cells as declaration text; a few inferred
 * types have no such text (a class expression with private members, say). Such variables are `any` for later cells rather than
 * errors the person can do nothing about.
 */
import ts from 'typescript';
import type { LineMap } from './source-map.js';
import type { Diagnostic } from './typescript.js';

interface Insertion {
  at: number;
  line: number;
  column: number;
}

const annotation = ': any';

/** Errors of writing declarations, not of the code: 4000–4999, "cannot be named", "exceeds the maximum length". */
function isAboutDeclarations({ code, fileName }: Diagnostic): boolean {
  return fileName === undefined && ((code >= 4000 && code < 5000) || [2742, 2883, 7056].includes(code));
}

/** The code with `: any` where that cures the errors, or undefined where they are others. */
export function annotateUnnameable(
  code: string,
  diagnostics: Diagnostic[],
): { code: string; insertions: Insertion[] } | undefined {
  if (!diagnostics.length || !diagnostics.every(isAboutDeclarations)) return undefined;
  const file = ts.createSourceFile('cell.ts', code, ts.ScriptTarget.ESNext, true, ts.ScriptKind.TS);
  const places = new Set<number>();
  for (const { start } of diagnostics) {
    const at = annotationPlace(file, file.getPositionOfLineAndCharacter(start.line, start.character));
    if (at === undefined) return undefined;
    places.add(at);
  }
  const insertions = [...places]
    .sort((a, b) => b - a)
    .map((at) => {
      const { line, character } = file.getLineAndCharacterOfPosition(at);
      return { at, line, column: character };
    });
  let out = code;
  for (const { at } of insertions) out = out.slice(0, at) + annotation + out.slice(at);
  return { code: out, insertions };
}

/** Behind the name of the variable, or the parameters of the function, of the top-level declaration around a position. */
function annotationPlace(file: ts.SourceFile, position: number): number | undefined {
  const statement = file.statements.find((s) => s.getStart() <= position && position < s.end);
  if (!statement) return undefined;
  if (ts.isFunctionDeclaration(statement) && statement.body && !statement.type)
    return file.text.lastIndexOf(')', statement.body.getStart()) + 1;
  if (!ts.isVariableStatement(statement)) return undefined;
  const d = statement.declarationList.declarations.find((v) => v.getStart() <= position && position < v.end);
  return d && ts.isIdentifier(d.name) && !d.type ? d.name.end : undefined;
}

/** Takes the inserted text out of a map's source columns again; changes it. */
export function removeInsertions(map: LineMap, insertions: Insertion[]): LineMap {
  for (const { line, column } of insertions)
    for (const triples of map)
      for (let i = 0; i < triples.length; i += 3)
        if (triples[i + 1] === line && triples[i + 2]! > column)
          triples[i + 2] = Math.max(column, triples[i + 2]! - annotation.length);
  return map;
}

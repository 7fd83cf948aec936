/** What a person is told beneath an error of TypeScript: what it adds itself, and what would have been right. */
import { isBuiltin } from 'node:module';
import ts from 'typescript';

/** More names than these help nobody. */
const most = 30;
/**
 * An unknown name in a literal; an argument that shares no property with the options; a member that a value lacks; a value that
 * is none of the choices.
 */
const unknownName = 2353;
const nothingInCommon = 2559;
const noSuchMember = 2339;
const wrongValue = new Set([2322, 2345]);
/** "An argument for 'x' was not provided." */
const missingArgument = 6210;
/** Parameters without a type. */
const untyped = new Set([7006, 7019, 7031]);

/**
 * Errors without those that follow from others: a function that is an argument would have had its parameters' types from a
 * name that is wrong or not known.
 */
export function withoutConsequences(found: readonly ts.Diagnostic[]): readonly ts.Diagnostic[] {
  const causes = found.filter((d) => !untyped.has(d.code) || !takesTypes(d));
  return causes.some((d) => !untyped.has(d.code)) ? causes : found;
}

/** Whether the place lies in a function that may have types from around it, as no declaration has. */
function takesTypes({ file, start, length }: ts.Diagnostic): boolean {
  const node = file && nodeAt(file, start!, start! + length!);
  const owner = node && ts.findAncestor(node, ts.isFunctionLike);
  return owner !== undefined && (ts.isArrowFunction(owner) || ts.isFunctionExpression(owner));
}

/**
 * What TypeScript adds about the very place, such as that an `await` may lack; not where else something is declared. Of a
 * package that is not there, how to have it. Of an option or a value that is not known, those that are.
 */
export function remarks(diagnostic: ts.Diagnostic, checker: ts.TypeChecker): string[] {
  const { file, start, code, messageText, relatedInformation = [] } = diagnostic;
  const own = relatedInformation
    .filter((r) => r.code === missingArgument || (r.file === file && r.start === start))
    .map((r) => ts.flattenDiagnosticMessageText(r.messageText, '\n'));
  const name = code === 2307 && /'((?:@[\w.-]+\/)?[a-z\d][\w.-]*)/.exec(String(messageText))?.[1];
  if (name && !isBuiltin(name) && name !== 'mdlab') own.push(`To install it: npm install ${name}`);
  return own.length ? own : known(diagnostic, checker);
}

/** The names or values that would have been right. */
function known({ file, start, length, code, messageText }: ts.Diagnostic, checker: ts.TypeChecker): string[] {
  const node = file && nodeAt(file, start!, start! + length!);
  if (!node) return [];
  const names =
    code === unknownName
      ? namesOf(expected(literalOf(node), checker), checker)
      : code === nothingInCommon
        ? namesOf(expected(node, checker), checker)
        : code === noSuchMember && ts.isPropertyAccessExpression(node.parent)
          ? namesOf(checker.getTypeAtLocation(node.parent.expression), checker)
          : [];
  if (names.length) return [`Known are: ${names.join(', ')}`];
  if (!wrongValue.has(code)) return [];
  const values = choicesOf(ts.isPropertyAssignment(node.parent) ? node.parent.initializer : node, checker);
  // TypeScript spells out a union that has no name of its own.
  const told = ts.flattenDiagnosticMessageText(messageText, '\n');
  return values.length && !values.every((v) => told.includes(v)) ? [`Known are: ${values.join(', ')}`] : [];
}

/** The innermost node that covers a range. */
function nodeAt(file: ts.SourceFile, start: number, end: number): ts.Node | undefined {
  let found: ts.Node | undefined;
  const visit = (node: ts.Node): void => {
    if (node.getStart(file) > start || node.end < end) return;
    found = node;
    ts.forEachChild(node, visit);
  };
  ts.forEachChild(file, visit);
  return found;
}

function literalOf(name: ts.Node): ts.Node | undefined {
  const literal = name.parent?.parent;
  return literal && ts.isObjectLiteralExpression(literal) ? literal : undefined;
}

function expected(node: ts.Node | undefined, checker: ts.TypeChecker): ts.Type | undefined {
  const type = node && ts.isExpression(node) ? checker.getContextualType(node) : undefined;
  return type && checker.getNonNullableType(type);
}

/** Of what a person may name; none where they are too many. */
function namesOf(type: ts.Type | undefined, checker: ts.TypeChecker): string[] {
  const names = (type ? checker.getPropertiesOfType(type) : [])
    .filter(({ declarations }) =>
      declarations?.every(
        (d) => !(ts.getCombinedModifierFlags(d) & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)),
      ),
    )
    .map((p) => p.name)
    .filter((name) => !/^(__@|#)/.test(name));
  return names.length <= most ? names : [];
}

/** The literals of a union that holds nothing else. */
function choicesOf(node: ts.Node, checker: ts.TypeChecker): string[] {
  const type = expected(node, checker);
  const of = type?.isUnion() && type.types.length <= most ? type.types : [];
  return of.every((t) => t.isLiteral()) ? of.map((t) => checker.typeToString(t)) : [];
}

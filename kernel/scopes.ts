/** Which names a piece of JavaScript declares where: what the cell transform needs to tell a cell's variables from inner ones. */
import ts from 'typescript';

/** One level of names; looked up from the inside out. The outermost (the cell itself) is not a Scope. */
export interface Scope {
  readonly names: ReadonlySet<string>;
  readonly outer: Scope | undefined;
}

/** True when a scope inside the cell declares the name. */
export function declaredInside(name: string, scope: Scope | undefined): boolean {
  for (let s = scope; s; s = s.outer) if (s.names.has(name)) return true;
  return false;
}

/** The scope that holds inside `node`, given the one around it. Function parameters and bodies are separate levels. */
export function scopeOf(node: ts.Node, outer: Scope | undefined): Scope | undefined {
  const names = new Set<string>();
  if (ts.isFunctionLike(node)) addParameters(node, names);
  else if (ts.isClassLike(node)) {
    if (node.name) names.add(node.name.text);
  } else if (ts.isBlock(node)) {
    addBlockScoped(node.statements, names);
    if (isVarBoundary(node.parent)) addVars(node, names);
  } else if (ts.isCaseBlock(node)) {
    for (const clause of node.clauses) addBlockScoped(clause.statements, names);
  } else if (ts.isForStatement(node) || ts.isForInStatement(node) || ts.isForOfStatement(node)) {
    if (node.initializer && ts.isVariableDeclarationList(node.initializer) && isBlockScoped(node.initializer))
      addDeclarations(node.initializer, names);
  } else if (ts.isCatchClause(node)) {
    if (node.variableDeclaration) addBinding(node.variableDeclaration.name, names);
  }
  return names.size ? { names, outer } : outer;
}

/** Every name bound by a declaration name: an identifier or a pattern. */
export function addBinding(name: ts.BindingName, names: Set<string>): void {
  if (ts.isIdentifier(name)) names.add(name.text);
  else for (const e of name.elements) if (ts.isBindingElement(e)) addBinding(e.name, names);
}

/** Names that let, const, using, class and function declare directly in a list of statements. */
export function addBlockScoped(statements: readonly ts.Statement[], names: Set<string>): void {
  for (const s of statements) {
    if (ts.isVariableStatement(s)) {
      if (isBlockScoped(s.declarationList)) addDeclarations(s.declarationList, names);
    } else if ((ts.isFunctionDeclaration(s) || ts.isClassDeclaration(s)) && s.name) names.add(s.name.text);
  }
}

/** Names that `var` declares anywhere under `root`, not looking into functions inside it. */
export function addVars(root: ts.Node, names: Set<string>): void {
  ts.forEachChild(root, function visit(node): void {
    if (isVarBoundary(node)) return;
    if (ts.isVariableDeclarationList(node) && !isBlockScoped(node)) addDeclarations(node, names);
    ts.forEachChild(node, visit);
  });
}

export function isBlockScoped(list: ts.VariableDeclarationList): boolean {
  return (list.flags & ts.NodeFlags.BlockScoped) !== 0;
}

/** Functions and static blocks: `var` does not leave them, and `await` inside is not the cell's. */
export function isVarBoundary(node: ts.Node): boolean {
  return ts.isFunctionLike(node) || ts.isClassStaticBlockDeclaration(node);
}

/**
 * True when an identifier stands for a variable; false where it is a property name, a label, or the name being declared.
 * Shorthand properties (`{a}`) are variables.
 */
export function isReference(node: ts.Identifier): boolean {
  const p = node.parent;
  if (ts.isPropertyAccessExpression(p)) return p.expression === node;
  if (ts.isBindingElement(p)) return p.initializer === node;
  if (
    ts.isVariableDeclaration(p) ||
    ts.isParameter(p) ||
    ts.isPropertyAssignment(p) ||
    ts.isPropertyDeclaration(p)
  )
    return p.initializer === node;
  if (ts.isMetaProperty(p) || ts.isLabeledStatement(p) || ts.isBreakOrContinueStatement(p)) return false;
  if (ts.isImportClause(p) || ts.isImportSpecifier(p) || ts.isNamespaceImport(p)) return false;
  if (ts.isExportSpecifier(p)) return false;
  if (ts.isFunctionLike(p) || ts.isClassLike(p)) return (p as { name?: ts.Node }).name !== node;
  return true;
}

function addParameters(node: ts.SignatureDeclaration, names: Set<string>): void {
  for (const p of node.parameters) addBinding(p.name as ts.BindingName, names);
  if (ts.isFunctionExpression(node) && node.name) names.add(node.name.text);
  if (!ts.isArrowFunction(node)) names.add('arguments');
}

function addDeclarations(list: ts.VariableDeclarationList, names: Set<string>): void {
  for (const d of list.declarations) addBinding(d.name, names);
}

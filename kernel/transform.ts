/**
 * The pass over a cell's emitted JavaScript (an ES module) that makes it a notebook cell:
 * - live names: a variable of the notebook lives in a box that all cells share, so every function ever defined sees its present
 *   value, and the engine a field of an object of known shape;
 * - cancel points: loops and awaits look at the stop flag;
 * - imports become look-ups in modules loaded before the cell runs, so ES and CommonJS packages both work;
 * - top-level await is found here and decides whether the cell is an async function.
 *
 * It edits text at positions of the syntax tree and never moves a line: line n of the result is line n of the input.
 */
import ts from 'typescript';
import { CellNames, chooseRuntimeNames, type RuntimeNames } from './names.js';
import {
  addBinding,
  declaredInside,
  isBlockScoped,
  isReference,
  isVarBoundary,
  type Scope,
  scopeOf,
} from './scopes.js';
import { TextEdits } from './text-edits.js';

/** A module a cell imports; the executor loads them in this order before the cell runs. */
export interface CellImport {
  specifier: string;
  /** `with { type: 'json' }` and the like. */
  attributes?: Record<string, string>;
}

export interface TransformedCell {
  /** A parenthesised function expression; its first line is a prefix, then the lines of the input follow. */
  code: string;
  async: boolean;
  imports: CellImport[];
  /** Names the cell makes or remakes, in order of completion: name -> number of the statement after which it holds its value. */
  declared: Map<string, number>;
  /** Column shifts made, for composing source maps. */
  edits: TextEdits;
}

/**
 * @param js what TypeScript emitted for the cell: ES module text whose `export { … }` lists the notebook's names
 * @param known whether earlier cells defined a name
 * @param result name of the function that is given the last expression's value
 */
export function transformCell(
  js: string,
  known: (name: string) => boolean,
  result?: string,
): TransformedCell {
  const source = parse(js);
  const names = new CellNames(source, known);
  const pass = new Pass(source, js, names, chooseRuntimeNames(js), result);
  pass.run();
  const { live: _, ...given } = pass.runtime;
  const parameters = Object.values(given).join(', ');
  const prologue = pass.prologue.join(' ');
  const head = `(${pass.async ? 'async ' : ''}function (${parameters}, require, module, exports, __filename, __dirname) { "use strict"; ${prologue}`;
  return {
    code: `${head}\n${pass.edits.apply()}\n})`,
    async: pass.async,
    imports: pass.imports,
    declared: pass.declared,
    edits: pass.edits,
  };
}

/** Cancel points only, for a local module that cells import; its module syntax is left alone. */
export function addCancelPoints(js: string): { code: string; edits: TextEdits; runtime: RuntimeNames } {
  const source = parse(js);
  const runtime = chooseRuntimeNames(js);
  const pass = new Pass(source, js, new CellNames(undefined, () => false), runtime, undefined);
  pass.visitChildren(source, undefined, false);
  return { code: pass.edits.apply(), edits: pass.edits, runtime };
}

export function parse(js: string): ts.SourceFile {
  return ts.createSourceFile('cell.js', js, ts.ScriptTarget.ESNext, true, ts.ScriptKind.JS);
}

class Pass {
  readonly edits: TextEdits;
  readonly prologue: string[] = [];
  readonly imports: CellImport[] = [];
  readonly declared = new Map<string, number>();
  async = false;
  private readonly boxes = new Set<string>();
  private completed = 0;

  constructor(
    private readonly source: ts.SourceFile,
    js: string,
    private readonly names: CellNames,
    readonly runtime: RuntimeNames,
    private readonly result: string | undefined,
  ) {
    this.edits = new TextEdits(js);
  }

  run(): void {
    for (const name of this.names.vars) this.prologue.push(`${this.box(name)}.v = void 0;`);
    for (const name of [...this.names.vars, ...this.names.functions]) this.declared.set(name, 0);
    for (const name of this.names.functions) this.prologue.push(`${this.box(name)}.v = ${name};`);
    for (const statement of this.source.statements) this.topLevel(statement);
    const boxes = [...this.boxes].map(
      (n) => `${this.runtime.live}${n} = ${this.runtime.box}(${JSON.stringify(n)})`,
    );
    if (boxes.length) this.prologue.unshift(`const ${boxes.join(', ')};`);
    if (this.names.plain.size) this.prologue.push(`let ${[...this.names.plain].join(', ')};`);
  }

  private topLevel(node: ts.Statement): void {
    if (ts.isImportDeclaration(node)) this.importDeclaration(node);
    else if (ts.isExportDeclaration(node) || ts.isExportAssignment(node)) this.edits.blank(node);
    else if (ts.isClassDeclaration(node) && node.name && this.names.exported.has(node.name.text)) {
      this.edits.insert(node.getStart(), `${this.box(node.name.text)}.v = `);
      this.visitChildren(node, undefined, false);
      this.complete(node, [node.name.text]);
    } else {
      this.visit(node, undefined, false);
      if (ts.isVariableStatement(node)) this.complete(node, this.variablesOf(node.declarationList));
    }
  }

  /** The notebook's variables that a list of let or const makes. */
  private variablesOf(list: ts.VariableDeclarationList): string[] {
    const declared = new Set<string>();
    for (const d of list.declarations) addBinding(d.name, declared);
    return [...declared].filter((n) => this.names.exported.has(n) && !this.names.vars.has(n));
  }

  /** Marks that the names have their values once execution passes the end of the statement. */
  private complete(node: ts.Node, names: string[]): void {
    if (!names.length) return;
    this.completed++;
    for (const name of names) this.declared.set(name, this.completed);
    this.edits.append(node.end, ` ; ${this.runtime.cell}.completed = ${this.completed};`);
  }

  private importDeclaration(node: ts.ImportDeclaration): void {
    this.edits.blank(node);
    const index = this.imports.push(importOf(node)) - 1;
    const bind = (name: string, what: string): void => {
      this.prologue.push(`${this.box(name)}.v = ${this.runtime.pick}(${index}, ${JSON.stringify(what)});`);
      this.declared.set(name, 0);
    };
    const clause = node.importClause;
    if (clause?.name) bind(clause.name.text, 'default');
    const bindings = clause?.namedBindings;
    if (bindings && ts.isNamespaceImport(bindings)) bind(bindings.name.text, '*');
    else if (bindings) for (const e of bindings.elements) bind(e.name.text, (e.propertyName ?? e.name).text);
  }

  visitChildren(node: ts.Node, scope: Scope | undefined, inFunction: boolean): void {
    const inner = scopeOf(node, scope);
    ts.forEachChild(node, (child) => this.visit(child, inner, inFunction || isVarBoundary(node)));
  }

  private visit(node: ts.Node, scope: Scope | undefined, inFunction: boolean): void {
    if (ts.isIdentifier(node)) {
      this.identifier(node, scope);
      return;
    }
    if (ts.isVariableDeclarationList(node) && this.isCellDeclaration(node, inFunction)) {
      this.declarationList(node, scope);
      return;
    }
    if (ts.isIterationStatement(node, false)) this.loop(node, inFunction);
    else if (ts.isAwaitExpression(node)) {
      if (!inFunction) this.async = true;
      this.wrap(node, '(', ')[0]');
      this.wrap(node.expression, `${this.runtime.wait}(`, ')');
    } else if (ts.isCallExpression(node) && this.isResult(node.expression)) {
      this.edits.replace(node.getStart(), node.arguments[0]!.getStart(), `${this.runtime.cell}.result = (`);
      this.visit(node.arguments[0]!, scope, inFunction);
      return;
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      this.edits.replace(node.expression.getStart(), node.expression.end, this.runtime.dynamicImport);
    } else if (ts.isMetaProperty(node) && node.keywordToken === ts.SyntaxKind.ImportKeyword) {
      this.edits.replace(node.getStart(), node.end, `${this.runtime.cell}.meta`);
    }
    this.visitChildren(node, scope, inFunction);
  }

  private isResult(callee: ts.Expression): boolean {
    return this.result !== undefined && ts.isIdentifier(callee) && callee.text === this.result;
  }

  private wrap(node: ts.Node, before: string, after: string): void {
    this.edits.insert(node.getStart(), before);
    this.edits.append(node.end, after);
  }

  private identifier(node: ts.Identifier, scope: Scope | undefined): void {
    const name = node.text;
    if (!this.names.isLive(name) || !isReference(node) || declaredInside(name, scope)) return;
    const p = node.parent;
    const box = this.box(name).slice(0, -name.length);
    if (ts.isShorthandPropertyAssignment(p) && p.name === node) this.wrap(node, `${name}: ${box}`, '.v');
    else if (
      (ts.isCallExpression(p) && p.expression === node) ||
      (ts.isTaggedTemplateExpression(p) && p.tag === node)
    ) {
      this.wrap(node, `(0, ${box}`, '.v)');
      this.edits.showAtStart(node);
    } else this.wrap(node, box, '.v');
  }

  /** What holds a variable of the notebook: its name in the code ends with the variable's. */
  private box(name: string): string {
    this.boxes.add(name);
    return this.runtime.live + name;
  }

  private loop(node: ts.IterationStatement, inFunction: boolean): void {
    const check = `if (${this.runtime.stop}[0]) ${this.runtime.interrupt}();`;
    if (ts.isBlock(node.statement)) this.edits.insert(node.statement.getStart() + 1, ` ${check}`);
    else this.wrap(node.statement, `{ ${check} `, ' }');
    if (ts.isForOfStatement(node) && node.awaitModifier) {
      if (!inFunction) this.async = true;
      this.wrap(node.expression, `${this.runtime.iterate}(`, ')');
    }
  }

  /** Declarations of the cell's own variables: at its top level, or `var` outside any function. */
  private isCellDeclaration(list: ts.VariableDeclarationList, inFunction: boolean): boolean {
    if (inFunction || this.names.empty) return false;
    const isStatement = ts.isVariableStatement(list.parent) && list.parent.parent === this.source;
    if (isBlockScoped(list) && !isStatement) return false;
    const declared = new Set<string>();
    for (const d of list.declarations) addBinding(d.name, declared);
    return [...declared].some((n) => this.names.exported.has(n));
  }

  /** `const a = 1, {b} = c` becomes the assignments `a.v = 1, ({b: b.v} = c)` to boxes. */
  private declarationList(list: ts.VariableDeclarationList, scope: Scope | undefined): void {
    const first = list.declarations[0]!;
    this.edits.replace(list.getStart(), first.getStart(), '');
    const inLoopHead = ts.isForInStatement(list.parent) || ts.isForOfStatement(list.parent);
    for (const d of list.declarations) {
      if (ts.isObjectBindingPattern(d.name) && !inLoopHead) this.wrap(d, '(', ')');
      if (!d.initializer && isBlockScoped(list)) this.edits.append(d.end, ' = void 0');
      if (ts.isIdentifier(d.name)) this.target(d.name);
      else this.pattern(d.name, scope);
      if (d.initializer) this.initializer(d, scope);
    }
  }

  private target(name: ts.Identifier): void {
    if (this.names.exported.has(name.text))
      this.wrap(name, this.box(name.text).slice(0, -name.text.length), '.v');
    else this.names.plain.add(name.text);
  }

  /** Visits an initialiser; a function or class without a name takes the variable's, as in a declaration. */
  private initializer(d: ts.VariableDeclaration, scope: Scope | undefined): void {
    const value = d.initializer!;
    if (ts.isIdentifier(d.name) && isAnonymousFunction(value)) {
      const key = d.name.text === '__proto__' ? '["__proto__"]' : d.name.text;
      this.wrap(value, `{ ${key}: `, ` }.${d.name.text}`);
    }
    this.visit(value, scope, false);
  }

  /** A binding pattern as an assignment pattern: only shorthand elements differ. */
  private pattern(pattern: ts.BindingPattern, scope: Scope | undefined): void {
    for (const e of pattern.elements) {
      if (!ts.isBindingElement(e)) continue;
      if (e.propertyName && ts.isComputedPropertyName(e.propertyName))
        this.visit(e.propertyName, scope, false);
      if (!ts.isIdentifier(e.name)) this.pattern(e.name, scope);
      else {
        const shorthand = ts.isObjectBindingPattern(pattern) && !e.propertyName && !e.dotDotDotToken;
        if (shorthand) this.edits.insert(e.name.getStart(), `${e.name.text}: `);
        this.target(e.name);
      }
      if (e.initializer) this.visit(e.initializer, scope, false);
    }
  }
}

function isAnonymousFunction(node: ts.Expression): boolean {
  const inner = ts.isParenthesizedExpression(node) ? node.expression : node;
  if (ts.isParenthesizedExpression(inner)) return isAnonymousFunction(inner);
  return (
    ts.isArrowFunction(inner) ||
    ((ts.isFunctionExpression(inner) || ts.isClassExpression(inner)) && !inner.name)
  );
}

export function importOf(node: ts.ImportDeclaration): CellImport {
  const specifier = (node.moduleSpecifier as ts.StringLiteral).text;
  if (!node.attributes) return { specifier };
  const attributes: Record<string, string> = {};
  for (const a of node.attributes.elements) attributes[a.name.text] = (a.value as ts.StringLiteral).text;
  return { specifier, attributes };
}

/** Parameters of a notebook, by papermill's conventions: a cell tagged `parameters` declares them with defaults, a cell tagged
 * `injected-parameters` put behind it sets those given for this run. */
import ts from 'typescript';
import { invalid, MdlabError } from '../lib/errors.js';
import type { Notebook, NotebookCell } from './notebook.js';

type Kind = 'number' | 'boolean' | 'string' | 'json' | 'any';

interface Parameter {
  name: string;
  kind: Kind;
  constant: boolean;
}

export const injectedTag = 'injected-parameters';

/** name -> value. A string is read as the declared kind asks for: '8' is a number where a number is declared. */
export type ParameterValues = Record<string, unknown>;

/**
 * Puts values into a notebook; changes it.
 * @throws EINVALID for a name that is not declared or a value that is not of the declared kind
 */
export function injectParameters(notebook: Notebook, values: ParameterValues): void {
  if (!Object.keys(values).length) return;
  const declaring = parametersCell(notebook);
  if (!declaring)
    throw new MdlabError(
      'EINVALID',
      `parameters: the notebook has no cell tagged 'parameters', received ${Object.keys(values).join(', ')}; tag the cell that declares them`,
    );
  const declared = declaredParameters(declaring.source);
  const lines = Object.entries(values).map(([name, value]) => {
    const p = declared.find((d) => d.name === name);
    if (!p)
      throw new MdlabError(
        'EINVALID',
        `parameter '${name}': is not declared in the notebook; declared are ${declared.map((d) => d.name).join(', ') || 'none'}`,
      );
    return `${p.constant ? 'const ' : ''}${name} = ${literal(p, value)};`;
  });
  const cell: NotebookCell = {
    id: 'injected-parameters',
    cell_type: 'code',
    metadata: { tags: [injectedTag] },
    source: ['// Parameters of this run', ...lines].join('\n'),
    execution_count: null,
    outputs: [],
  };
  notebook.cells = notebook.cells.filter((c) => !c.metadata.tags?.includes(injectedTag));
  notebook.cells.splice(notebook.cells.indexOf(declaring) + 1, 0, cell);
}

function parametersCell(notebook: Notebook): NotebookCell | undefined {
  return notebook.cells.find((c) => c.cell_type === 'code' && c.metadata.tags?.includes('parameters'));
}

/** Whether a notebook takes a parameter. */
export function takesParameter(notebook: Notebook, name: string): boolean {
  return declaredParameters(parametersCell(notebook)?.source ?? '').some((p) => p.name === name);
}

/** The variables a cell declares at its top level. */
export function declaredParameters(source: string): Parameter[] {
  const file = ts.createSourceFile('cell.ts', source, ts.ScriptTarget.ESNext, true, ts.ScriptKind.TS);
  return file.statements.flatMap((s) => {
    if (!ts.isVariableStatement(s)) return [];
    const constant = (s.declarationList.flags & ts.NodeFlags.Const) !== 0;
    return s.declarationList.declarations.flatMap((d) =>
      ts.isIdentifier(d.name) ? [{ name: d.name.text, kind: kindOf(d), constant }] : [],
    );
  });
}

function kindOf(d: ts.VariableDeclaration): Kind {
  switch (d.type?.kind) {
    case ts.SyntaxKind.NumberKeyword:
      return 'number';
    case ts.SyntaxKind.BooleanKeyword:
      return 'boolean';
    case ts.SyntaxKind.StringKeyword:
      return 'string';
  }
  const value = d.initializer;
  if (!value || d.type) return 'any';
  const unsigned = ts.isPrefixUnaryExpression(value) ? value.operand : value;
  if (ts.isNumericLiteral(unsigned)) return 'number';
  if (value.kind === ts.SyntaxKind.TrueKeyword || value.kind === ts.SyntaxKind.FalseKeyword) return 'boolean';
  if (ts.isStringLiteralLike(value)) return 'string';
  return ts.isArrayLiteralExpression(value) || ts.isObjectLiteralExpression(value) ? 'json' : 'any';
}

/** The value as TypeScript. */
function literal({ name, kind }: Parameter, given: unknown): string {
  const subject = `parameter '${name}'`;
  const text = typeof given === 'string' ? given.trim() : undefined;
  const value = text === undefined ? given : kind === 'string' ? given : fromText(kind, text);
  switch (kind) {
    case 'number':
      if (typeof value !== 'number' || Number.isNaN(value)) invalid(subject, 'must be a number', given);
      break;
    case 'boolean':
      if (typeof value !== 'boolean') invalid(subject, 'must be true or false', given);
      break;
    case 'string':
      if (typeof value !== 'string') invalid(subject, 'must be text', given, 'put it into quotes');
      break;
    case 'json':
      if (typeof value !== 'object' || value === null)
        invalid(subject, 'must be a list or an object, in JSON', given);
  }
  return source(value);
}

function fromText(kind: Kind, text: string): unknown {
  if (kind === 'number') return text === '' ? undefined : Number(text);
  if (kind === 'boolean') return text === 'true' ? true : text === 'false' ? false : undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return kind === 'json' ? undefined : text;
  }
}

/** As JSON, but for the numbers that JSON does not have. */
function source(value: unknown): string {
  if (typeof value === 'number') return String(value);
  if (Array.isArray(value)) return `[${value.map(source).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).map(([name, v]) => `${JSON.stringify(name)}: ${source(v)}`);
  return `{ ${fields.join(', ')} }`;
}

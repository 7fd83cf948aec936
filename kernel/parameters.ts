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

/**
 * Puts values into a notebook; changes it.
 * @param values name -> text as typed on the command line
 * @throws EINVALID for a name that is not declared or a text that is not of the declared kind
 */
export function injectParameters(notebook: Notebook, values: Record<string, string>): void {
  if (!Object.keys(values).length) return;
  const at = notebook.cells.findIndex(
    (c) => c.cell_type === 'code' && c.metadata.tags?.includes('parameters'),
  );
  if (at < 0)
    throw new MdlabError(
      'EINVALID',
      `parameters: the notebook has no cell tagged 'parameters', received ${Object.keys(values).join(', ')}; tag the cell that declares them`,
    );
  const declared = declaredParameters(notebook.cells[at]!.source);
  const lines = Object.entries(values).map(([name, text]) => {
    const p = declared.find((d) => d.name === name);
    if (!p)
      throw new MdlabError(
        'EINVALID',
        `parameter '${name}': is not declared in the notebook; declared are ${declared.map((d) => d.name).join(', ') || 'none'}`,
      );
    return `${p.constant ? 'const ' : ''}${name} = ${literal(p, text)};`;
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
  const after = notebook.cells.findIndex((c) => c.metadata.tags?.includes('parameters'));
  notebook.cells.splice(after + 1, 0, cell);
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
  if (ts.isNumericLiteral(value) || ts.isPrefixUnaryExpression(value)) return 'number';
  if (value.kind === ts.SyntaxKind.TrueKeyword || value.kind === ts.SyntaxKind.FalseKeyword) return 'boolean';
  if (ts.isStringLiteralLike(value)) return 'string';
  return ts.isArrayLiteralExpression(value) || ts.isObjectLiteralExpression(value) ? 'json' : 'any';
}

function literal(p: Parameter, text: string): string {
  const subject = `parameter '${p.name}'`;
  switch (p.kind) {
    case 'number':
      if (text.trim() === '' || Number.isNaN(Number(text))) invalid(subject, 'must be a number', text);
      return String(Number(text));
    case 'boolean':
      if (text !== 'true' && text !== 'false') invalid(subject, 'must be true or false', text);
      return text;
    case 'string':
      return JSON.stringify(text);
    case 'json': {
      const value = asJson(text);
      if (typeof value !== 'object' || value === null) invalid(subject, 'must be JSON', text);
      return JSON.stringify(value);
    }
    case 'any':
      return JSON.stringify(asJson(text) ?? text);
  }
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

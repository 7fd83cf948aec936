/** The names of one cell: which live in the notebook, which are its own, and what the runtime's own helpers are called. */
import ts from 'typescript';
import { addBlockScoped, addVars } from './scopes.js';

/** Parameters of the function a cell becomes. */
export interface RuntimeNames {
  /** The cell: `completed`, `result`, `meta`. */
  cell: string;
  /** Beginning of the names of boxes. */
  live: string;
  /** Gives the box of a variable of the notebook. */
  box: string;
  /** Int32Array whose first entry is set when the cell has to stop. */
  stop: string;
  /** Throws the interrupt. */
  interrupt: string;
  /** Wraps what is awaited; the value comes as the only entry of an array, see Cell.wait. */
  wait: string;
  /** Wraps what `for await` runs over. */
  iterate: string;
  /** `import()` seen from the notebook's folder. */
  dynamicImport: string;
  /** An export of an imported module: (number of the import, name). */
  pick: string;
}

/** Helper names that do not occur in the text. */
export function chooseRuntimeNames(text: string): RuntimeNames {
  let prefix = '$$';
  while (text.includes(prefix)) prefix += '$';
  const name = (word: string): string => prefix + word;
  return {
    cell: name('cell'),
    live: name('live_'),
    box: name('box'),
    stop: name('stop'),
    interrupt: name('interrupt'),
    wait: name('wait'),
    iterate: name('iterate'),
    dynamicImport: name('import'),
    pick: name('pick'),
  };
}

export class CellNames {
  /** Names the cell exports to the notebook. */
  readonly exported = new Set<string>();
  /** Those of them declared with `var`, hoisted functions apart. */
  readonly vars = new Set<string>();
  readonly functions = new Set<string>();
  /** Names declared beside exported ones that stay inside the cell (TypeScript's temporaries). */
  readonly plain = new Set<string>();
  private readonly own = new Set<string>();

  constructor(
    source: ts.SourceFile | undefined,
    private readonly known: (name: string) => boolean,
  ) {
    if (!source) return;
    for (const s of source.statements) this.collectExports(s);
    const top = new Set<string>();
    addBlockScoped(source.statements, top);
    const vars = new Set<string>();
    addVars(source, vars);
    for (const n of vars) if (this.exported.has(n)) this.vars.add(n);
    for (const n of [...top, ...vars]) if (!this.exported.has(n)) this.own.add(n);
    for (const s of source.statements)
      if (ts.isFunctionDeclaration(s) && s.name && this.exported.has(s.name.text))
        this.functions.add(s.name.text);
  }

  get empty(): boolean {
    return this.exported.size === 0;
  }

  /** True for variables of the notebook, when no inner scope hides them. */
  isLive(name: string): boolean {
    return this.exported.has(name) || (this.known(name) && !this.own.has(name));
  }

  private collectExports(s: ts.Statement): void {
    if (ts.isImportDeclaration(s) && s.importClause) {
      const { name, namedBindings } = s.importClause;
      if (name) this.exported.add(name.text);
      if (namedBindings && ts.isNamespaceImport(namedBindings)) this.exported.add(namedBindings.name.text);
      else if (namedBindings) for (const e of namedBindings.elements) this.exported.add(e.name.text);
    } else if (ts.isExportDeclaration(s) && !s.moduleSpecifier && s.exportClause) {
      if (ts.isNamedExports(s.exportClause))
        for (const e of s.exportClause.elements) this.exported.add((e.propertyName ?? e.name).text);
    }
  }
}

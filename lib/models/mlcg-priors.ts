/**
 * Priors of mlcg models from their files: a pickled ModuleDict (or SumOut) of terms with tables over bead types, and
 * the lists of particles each term acts on, from `configurations.pt` or from the structure itself.
 * Format: mlcg.nn.prior (MIT): `x_0`, `k`, `sigma`, `k1s`, `k2s`, `v_0` … are dense or sparse COO tables with one
 * axis per particle (Fourier orders first); the Static* classes hold one row per tuple instead.
 */
import { malformed } from '../errors.js';
import {
  InertObject,
  isSparseTensor,
  isTensor,
  type PickleValue,
  type Tensor,
  torchAt,
} from '../io/index.js';
import { type PriorCoordinate, type PriorForm, tupleSize } from './priors-terms.js';

/** One prior of a file: a form and its tables. */
export interface MlcgPrior {
  readonly name: string;
  readonly coordinate: PriorCoordinate;
  readonly form: PriorForm;
  /**
   * The file's parameters of a tuple, by the types of its particles (or by its place in the list, in Static* classes);
   * undefined where it has none.
   */
  readonly parameters: (types: readonly number[], tuple: number) => number[] | undefined;
}

interface Kind {
  readonly coordinate: PriorCoordinate;
  readonly form: PriorForm;
  /** Tables in the order of the form's parameters; `series` tables have an axis of orders in front. */
  readonly tables: readonly { readonly name: string; readonly series?: boolean }[];
}
const harmonic = (coordinate: PriorCoordinate): Kind => ({
  coordinate,
  form: 'harmonic',
  tables: [{ name: 'x_0' }, { name: 'k' }],
});
const polynomial = (coordinate: PriorCoordinate): Kind => ({
  coordinate,
  form: 'polynomial',
  tables: [{ name: 'v_0' }, { name: 'ks', series: true }],
});

/** mlcg's classes, by name. */
const kinds: Readonly<Record<string, Kind>> = {
  HarmonicBonds: harmonic('distance'),
  GeneralBonds: harmonic('distance'),
  HarmonicAngles: harmonic('cosine'),
  GeneralAngles: harmonic('cosine'),
  HarmonicAnglesRaw: harmonic('angle'),
  HarmonicImpropers: harmonic('dihedral'),
  Dihedral: {
    coordinate: 'dihedral',
    form: 'fourier',
    tables: [{ name: 'v_0' }, { name: 'k1s', series: true }, { name: 'k2s', series: true }],
  },
  QuarticAngles: polynomial('cosine'),
  QuarticRawAngles: polynomial('angle'),
  Repulsion: { coordinate: 'distance', form: 'repulsion', tables: [{ name: 'sigma' }] },
  RestrictedQuartic: {
    coordinate: 'cosine',
    form: 'restricted',
    tables: ['a', 'b', 'c', 'd', 'k', 'v_0'].map((name) => ({ name })),
  },
};

/**
 * Priors of a pickled mlcg module, by name.
 * @param value what `readTorch` gave: a ModuleDict, a SumOut, or one prior
 * @param file named in errors
 * @throws EFORMAT for a module without priors, a class that is no known prior, or a table of the wrong shape
 */
export function mlcgPriors(value: PickleValue, file: string): MlcgPrior[] {
  const found: MlcgPrior[] = [];
  const visit = (node: PickleValue | undefined, name: string, depth: number): void => {
    if (!(node instanceof InertObject) || depth > 16) return;
    const kind = kinds[node.className.replace(/^Static/, '')];
    if (kind) {
      const own = torchAt(node, 'name');
      found.push(priorOf(node, kind, name || (typeof own === 'string' ? own : node.className), file));
      return;
    }
    if (/(^|\.)prior(\.|$)|specialize_prior/.test(node.module))
      malformed(file, name || 'module', `must be one of ${Object.keys(kinds).join(', ')}`, node.className);
    const members = torchAt(node, '_modules');
    if (!(members instanceof Map)) return;
    // Containers that wrap one module keep the name they have; a dictionary of modules gives each its own.
    const transparent = new Set<unknown>(['model', 'models', 'prior']);
    for (const [key, member] of members)
      visit(member as PickleValue, transparent.has(key) ? name : String(key), depth + 1);
  };
  visit(value, '', 0);
  return found.length > 0 ? found : malformed(file, 'module', 'must hold priors of mlcg');
}

function priorOf(node: InertObject, kind: Kind, name: string, file: string): MlcgPrior {
  const perTuple = node.className.startsWith('Static');
  const axes = perTuple ? 1 : tupleSize[kind.coordinate];
  const readers = kind.tables.map((t) =>
    tableReader(torchAt(node, t.name), {
      file,
      where: `${name}.${t.name}`,
      axes,
      series: t.series ?? false,
      perTuple,
    }),
  );
  const parameters = (types: readonly number[], tuple: number): number[] | undefined => {
    const rows = readers.map((read) => read(perTuple ? [tuple] : types));
    return rows.some((r) => r === undefined) ? undefined : rows.flatMap((r) => r ?? []);
  };
  return { name, coordinate: kind.coordinate, form: kind.form, parameters };
}

interface TableShape {
  file: string;
  where: string;
  /** Particles, or 1 where rows are tuples. */
  axes: number;
  series: boolean;
  perTuple: boolean;
}
type Reader = (key: readonly number[]) => number[] | undefined;

/** Looks numbers up in a dense or sparse table by its axes; undefined outside it and where a sparse one has no entry. */
function tableReader(table: PickleValue | undefined, o: TableShape): Reader {
  if (!isTensor(table) && !isSparseTensor(table)) return malformed(o.file, o.where, 'must be a table');
  // Rows of one number per tuple may be stored as (m,1).
  const flat = o.perTuple && !o.series && table.shape.length === 2 && table.shape[1] === 1;
  const shape = flat ? table.shape.slice(0, 1) : table.shape;
  const wanted = o.axes + (o.series ? 1 : 0);
  if (shape.length !== wanted) malformed(o.file, o.where, `must have ${wanted} axes`, shape.join(' x '));
  const orders = o.series ? shape[o.perTuple ? 1 : 0]! : 1;
  const place = (key: readonly number[], order: number): number[] =>
    !o.series ? [...key] : o.perTuple ? [...key, order] : [order, ...key];
  const at = isSparseTensor(table) ? sparseEntries(table) : denseEntries(table, shape);
  return (key) => {
    const values = Array.from({ length: orders }, (_, n) => at(place(key, n)));
    if (orders === 0 || values.every((v) => v === undefined)) return undefined;
    const bad = values.find((v) => v !== undefined && !Number.isFinite(v));
    if (bad !== undefined) malformed(o.file, `${o.where}[${key.join(', ')}]`, 'must be finite', bad);
    return values.map((v) => v ?? 0);
  };
}

function denseEntries(
  table: Tensor,
  shape: readonly number[],
): (key: readonly number[]) => number | undefined {
  return (key) => {
    let index = 0;
    for (let d = 0; d < shape.length; d++) {
      if (key[d]! < 0 || key[d]! >= shape[d]!) return undefined;
      index = index * shape[d]! + key[d]!;
    }
    return Number(table.data[index]);
  };
}

function sparseEntries(table: {
  readonly indices: Tensor;
  readonly values: Tensor;
}): (key: readonly number[]) => number | undefined {
  const entries = new Map<string, number>();
  const count = table.values.data.length;
  const axes = table.indices.shape[0] ?? 0;
  for (let e = 0; e < count; e++) {
    const key = Array.from({ length: axes }, (_, d) => Number(table.indices.data[d * count + e])).join(',');
    entries.set(key, (entries.get(key) ?? 0) + Number(table.values.data[e]));
  }
  return (key) => entries.get(key.join(','));
}

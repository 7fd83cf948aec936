import { invalid } from '../errors.js';
import type { Box } from './box.js';

/** What a structure is made from; every array has one entry per particle unless its shape says otherwise. */
export interface StructureFields {
  /** (n,3) row-major, Å. */
  positions: Float64Array;
  /** Element symbol, or bead name of a coarse-grained particle. */
  symbols: readonly string[];
  /** Species index as a model's embedding counts it. */
  types?: Int32Array;
  /** amu. */
  masses?: Float64Array;
  box?: Box | null;
  /** PDB-style names; all four lists have length n. */
  residues?: Residues;
  /** (m,2) particle indices. */
  bonds?: Int32Array;
  /** (n,3) Å/fs. */
  velocities?: Float64Array;
  /** Name shown in tables and figures. */
  name?: string;
  /** Free text carried from a file (extxyz comment keys, PDB title …). */
  info?: Readonly<Record<string, string | number | boolean>>;
}

/** Per-particle names as a PDB file has them. */
export interface Residues {
  atomNames: string[];
  names: string[];
  ids: Int32Array;
  chains: string[];
  /** Where a file has any: the letter that tells residues of one id apart, or ''. */
  insertionCodes?: string[];
}

/** Particles with positions: atoms or beads. Immutable in its shape; positions may be written. */
export class Structure {
  /** Number of particles. */
  readonly count: number;
  /** (n,3) row-major, Å. */
  readonly positions: Float64Array;
  /** Element symbol, or bead name of a coarse-grained particle. */
  readonly symbols: readonly string[];
  /** Species index as a model's embedding counts it. */
  readonly types: Int32Array | undefined;
  /** amu. */
  readonly masses: Float64Array | undefined;
  /** Periodic cell, Å; null: none. */
  readonly box: Box | null;
  /** PDB-style names; all four lists have length n. */
  readonly residues: Residues | undefined;
  /** (m,2) particle indices. */
  readonly bonds: Int32Array | undefined;
  /** (n,3) Å/fs. */
  readonly velocities: Float64Array | undefined;
  readonly name: string;
  readonly info: Readonly<Record<string, string | number | boolean>>;

  /** @throws EINVALID when an array's length does not fit the number of particles or a position is not finite */
  constructor(fields: StructureFields) {
    const n = fields.symbols.length;
    const fit = (what: string, length: number | undefined, want: number): void => {
      if (length !== undefined && length !== want)
        invalid(`structure.${what}`, `must have ${want} entries`, length);
    };
    fit('positions', fields.positions.length, 3 * n);
    fit('types', fields.types?.length, n);
    fit('masses', fields.masses?.length, n);
    fit('velocities', fields.velocities?.length, 3 * n);
    const r = fields.residues;
    if (r)
      for (const k of ['atomNames', 'names', 'ids', 'chains'] as const) fit(`residues.${k}`, r[k].length, n);
    const bad = fields.positions.findIndex((x) => !Number.isFinite(x));
    if (bad >= 0) {
      invalid(`structure.positions[${Math.floor(bad / 3)}]`, 'must be finite', fields.positions[bad]);
    }
    fields.bonds?.forEach((b) => {
      if (b < 0 || b >= n) invalid('structure.bonds', `must name particles 0..${n - 1}`, b);
    });
    this.count = n;
    this.positions = fields.positions;
    this.symbols = fields.symbols;
    this.types = fields.types;
    this.masses = fields.masses;
    this.box = fields.box ?? null;
    this.residues = r;
    this.bonds = fields.bonds;
    this.velocities = fields.velocities;
    this.name = fields.name ?? '';
    this.info = fields.info ?? {};
  }

  /** A copy with some fields replaced. */
  with(fields: Partial<StructureFields>): Structure {
    return new Structure({ ...this.fields(), ...fields });
  }

  private fields(): StructureFields {
    return {
      positions: this.positions,
      symbols: [...this.symbols],
      types: this.types,
      masses: this.masses,
      box: this.box,
      residues: this.residues,
      bonds: this.bonds,
      velocities: this.velocities,
      name: this.name,
      info: { ...this.info },
    };
  }
}

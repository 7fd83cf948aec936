import { checkOptionNames, invalid, unknownChoice } from '../errors.js';
import { checkCutoff, neighborList } from '../neighbors/neighbor-list.js';
import type { Residues } from '../structure/structure.js';
import { residueIndices } from './dihedral.js';
import { type Frames, framesOf, heavyParticles, partOf, type Selection } from './frames.js';

const kinds = ['residues', 'particles'] as const;

export interface ContactMapOptions extends Selection {
  /** Å; particles nearer than this are in contact. For heavy atoms 4.5 is usual, for beads 8 to 10. */
  cutoff: number;
  /** What a row and a column stand for. Default `residues` where the frames name them, else `particles`. */
  rows?: (typeof kinds)[number];
}

/** How often what is near what. */
export interface ContactMap {
  /** (n,n) rows: part of the frames in which two are in contact, 0 to 1. Symmetric; 1 on the diagonal. */
  probability: Float64Array[];
  /** (n) what the rows stand for, in the order of the structure; empty where they are particles. */
  residues: { name: string; id: number; chain: string }[];
  /** The particles that were looked at; (n) what the rows stand for where they are no residues. */
  particles: Int32Array;
}

/**
 * Contact probabilities of residues, or of particles. Residues are in contact in a frame when any particle of one is nearer
 * than the cutoff to any of the other. Particles whose symbol is H are left out unless `particles` says otherwise. In a box
 * distances are to the nearest image.
 * @param frames the mean is over these; a single one gives 0 or 1
 * @throws EINVALID without a frame, for residues that have no names, a cutoff that is not positive
 * @example
 * const { probability } = contactMap(trajectory, { cutoff: 8 });
 * figure(heatmap(probability, { label: 'contact probability', range: [0, 1] }), { x: 'residue', y: 'residue' })
 */
export function contactMap(frames: Frames, options: ContactMapOptions): ContactMap {
  checkOptionNames<ContactMapOptions>('contactMap', options, { cutoff: true, rows: true, particles: true });
  const { cutoff, rows } = options;
  checkCutoff('contactMap.cutoff', cutoff);
  if (rows !== undefined && !kinds.includes(rows)) unknownChoice('contactMap.rows', rows, kinds);
  const all = framesOf(frames, 'contactMap.frames');
  if (all.list.length === 0) invalid('contactMap.frames', 'must be at least one', 'none');
  const particles = heavyParticles(options, all.count, all.topology, 'contactMap');
  const names = rows === 'particles' ? undefined : all.topology?.residues;
  if (rows === 'residues' && names === undefined)
    invalid('contactMap.frames', 'must have residue names', 'none', "or take rows: 'particles'");
  const { members, row } = names
    ? rowsOfResidues(names, particles)
    : { members: particles, row: Int32Array.from(particles.keys()) };
  const n = members.length;
  const counts = new Float64Array(n * n);
  // The last frame each pair of rows met in, counted from 1: particles of theirs may meet many times in one.
  const met = new Uint32Array(n * n);
  all.list.forEach((x, f) => {
    const list = neighborList(partOf(x, particles, all.boxes[f]!), { cutoff });
    for (let a = 0; a < particles.length; a++)
      for (let e = list.rowStart[a]!; e < list.rowStart[a + 1]!; e++) {
        const at = n * row[a]! + row[list.column[e]!]!;
        if (met[at] === f + 1) continue;
        met[at] = f + 1;
        counts[at]!++;
      }
  });
  const probability = counts.map((c) => c / all.list.length);
  for (let k = 0; k < n; k++) probability[n * k + k] = 1;
  return {
    probability: Array.from({ length: n }, (_, k) => probability.subarray(n * k, n * (k + 1))),
    residues: names
      ? Array.from(members, (i) => ({ name: names.names[i]!, id: names.ids[i]!, chain: names.chains[i]! }))
      : [],
    particles,
  };
}

/** A row for each residue that has one of these particles: its first particle, and each particle's row. */
function rowsOfResidues(names: Residues, particles: Int32Array): { members: number[]; row: Int32Array } {
  const residue = residueIndices(names);
  const found = [...new Set(Array.from(particles, (i) => residue[i]!))].sort((a, b) => a - b);
  const place = new Map(found.map((r, k) => [r, k]));
  return {
    members: found.map((r) => residue.indexOf(r)),
    row: Int32Array.from(particles, (i) => place.get(residue[i]!)!),
  };
}

/** Structures as PDB text. */
import { invalid } from '../errors.js';
import type { Structure, TrajectoryFrame } from '../structure/index.js';
import { cellOfBox } from './cell.js';
import { encodeHybrid36 } from './hybrid36.js';
import { isElement } from './masses.js';

/** CRYST1 of a frame, or nothing. */
export function formatCell(structure: Structure, frame: TrajectoryFrame): string {
  const box = frame.box === undefined ? structure.box : frame.box;
  if (!box?.periodic.some(Boolean)) return '';
  const { lengths, angles } = cellOfBox(box, 'PDB');
  const numbers = [
    ...lengths.map((l) => l.toFixed(3).padStart(9)),
    ...angles.map((a) => a.toFixed(2).padStart(7)),
  ];
  return `CRYST1${numbers.join('')} P 1           1\n`;
}

/**
 * ATOM records of a frame. Numbers beyond the columns are hybrid-36; names are those of `residues` where the
 * structure has them, else the symbols in one residue UNK.
 * @throws EINVALID for a coordinate that does not fit eight columns
 */
export function formatAtoms(structure: Structure, frame: TrajectoryFrame): string {
  const { residues, symbols, count } = structure;
  const out: string[] = [];
  for (let i = 0; i < count; i++) {
    const symbol = symbols[i]!;
    const element = isElement(symbol) ? symbol : '';
    const name = atomName(residues?.atomNames[i] ?? symbol, element);
    const residue = (residues?.names[i] ?? 'UNK').slice(0, 4);
    const id = encodeHybrid36(residues?.ids[i] ?? 1, 4) ?? '   0';
    const serial = encodeHybrid36(i + 1, 5) ?? '*****';
    const chain = (residues?.chains[i] ?? 'A').slice(0, 1) || ' ';
    const insertion = residues?.insertionCodes?.[i]?.slice(0, 1) || ' ';
    const xyz = [0, 1, 2].map((axis) => coordinate(frame.positions[3 * i + axis]!, i)).join('');
    const where = `${residue.padStart(3).padEnd(4)}${chain}${id}${insertion}`;
    out.push(
      `ATOM  ${serial} ${name} ${where}   ${xyz}  1.00  0.00          ${element.toUpperCase().padStart(2)}`,
    );
  }
  return `${out.join('\n')}\n`;
}

/** Elements of one letter leave the first of the four columns blank. */
function atomName(name: string, element: string): string {
  const short = name.replace(/\s+/g, '').slice(0, 4);
  return (short.length < 4 && element.length < 2 ? ` ${short}` : short).padEnd(4);
}

function coordinate(x: number, i: number): string {
  const text = x.toFixed(3);
  if (!Number.isFinite(x) || text.length > 8) {
    invalid(`positions[${i}]`, 'must be within -999.999..9999.999 Å for PDB', x, 'use extxyz');
  }
  return text.padStart(8);
}

/** CONECT records of a structure's bonds, four to a line, each from both ends. */
export function formatBonds(structure: Structure): string {
  const partners = new Map<number, number[]>();
  const { bonds } = structure;
  const add = (from: number, to: number): void => {
    const known = partners.get(from);
    if (known) known.push(to);
    else partners.set(from, [to]);
  };
  for (let b = 0; bonds && b < bonds.length; b += 2) {
    add(bonds[b]!, bonds[b + 1]!);
    add(bonds[b + 1]!, bonds[b]!);
  }
  let out = '';
  const serial = (i: number): string => encodeHybrid36(i + 1, 5) ?? '';
  for (const [from, to] of [...partners].sort((a, b) => a[0] - b[0])) {
    for (let k = 0; k < to.length; k += 4) {
      out += `CONECT${serial(from)}${to
        .slice(k, k + 4)
        .map(serial)
        .join('')}\n`;
    }
  }
  return out;
}

/** Elements of PDB atoms, from the element columns or, where these are blank, from the atom's name. */
import { isElement } from './masses.js';

const polymer = new Set(
  (
    'ALA ARG ASN ASP CYS GLN GLU GLY HIS ILE LEU LYS MET PHE PRO SER THR TRP TYR VAL MSE SEC PYL ACE NME NHE NH2 ' +
    'HID HIE HIP HSD HSE HSP CYX CYM ASH GLH LYN A C G U T DA DC DG DT DU RA RC RG RU'
  ).split(' '),
);
const water = new Set([
  'HOH',
  'WAT',
  'TIP3',
  'TIP4',
  'TIP5',
  'TIP',
  'TP3',
  'SOL',
  'SPC',
  'H2O',
  'DOD',
  'SPCE',
]);
/** Ions whose names in CHARMM's and AMBER's files are not their symbols. */
const ions: Readonly<Record<string, string>> = {
  ...{ SOD: 'Na', CLA: 'Cl', POT: 'K', CAL: 'Ca', CES: 'Cs', LIT: 'Li', RUB: 'Rb', BAR: 'Ba', CAD: 'Cd' },
  ...{ 'NA+': 'Na', 'CL-': 'Cl', 'K+': 'K', MG2: 'Mg', ZN2: 'Zn', CIO: 'Cs', IB: 'Br' },
};
/** Sulphur's names in residues; other names that start with S (SC1 …) are beads. */
const sulphur = /^S([GD]\d?)?$/;

/** Fe from 'FE', 'fe' or 'Fe'. */
function proper(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1).toLowerCase();
}

/**
 * The element of an atom, or its name where it is a bead.
 * @param columns columns 77-78
 * @param field columns 13-16 as they stand: an element of two letters starts in column 13, of one letter in 14
 * @param residue residue name
 */
export function elementOfAtom(columns: string, field: string, residue: string): string {
  const given = proper(columns.trim());
  if (given === 'D') return 'H';
  if (isElement(given)) return given;
  const name = field.trim();
  const letters = name.replace(/^\d+/, '').toUpperCase();
  if (polymer.has(residue) || water.has(residue)) return inPolymer(letters, name);
  // An ion is a residue of its own name.
  if (name.toUpperCase() === residue.toUpperCase() && Object.hasOwn(ions, name.toUpperCase())) {
    return ions[name.toUpperCase()]!;
  }
  const own = proper(name.replace(/[\d+-]+$/, ''));
  const base = residue.replace(/[\d+-]+$/, '').toUpperCase();
  if (isElement(own) && own.length === 2 && own.toUpperCase() === base) return own;
  const two = proper(field.slice(0, 2).trim());
  const startsAt13 = /^[A-Za-z]/.test(field);
  if (startsAt13 && name.length < 4 && two.length === 2 && isElement(two)) return two;
  const one = letters.charAt(0);
  return isElement(one) && 'HCNOFPSKIB'.includes(one) && !/^B[^0-9]/.test(letters) ? one : name;
}

function inPolymer(letters: string, name: string): string {
  const one = letters.charAt(0);
  if (letters.startsWith('SE')) return 'Se';
  if ('HCNOP'.includes(one) && one !== '') return one;
  if (one === 'D' && letters.length > 0 && letters !== 'DU') return 'H';
  if (sulphur.test(letters)) return 'S';
  return name;
}

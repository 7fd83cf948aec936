/**
 * Chemical elements and coarse-grained beads: symbols, masses, radii, colours.
 *
 * Sources. Masses: IUPAC 2021 conventional/abridged standard atomic weights (most stable isotope for Tc and Pm).
 * Covalent radii: Cordero et al., Dalton Trans. 2008, 2832 (low-spin values; sp3 carbon). Van der Waals radii:
 * Bondi, J. Phys. Chem. 1964, 68, 441 and Mantina et al., J. Phys. Chem. A 2009, 113, 5806 for main groups,
 * Alvarez, Dalton Trans. 2013, 42, 8617 for the rest. Colours: Jmol's CPK scheme.
 */
import { unknownChoice } from './errors.js';

/** One chemical element. */
export interface Element {
  /** Atomic number. */
  readonly number: number;
  readonly symbol: string;
  /** amu. */
  readonly mass: number;
  /** Å. */
  readonly covalentRadius: number;
  /** Å; undefined where no published value exists. */
  readonly vanDerWaalsRadius: number | undefined;
  /** CPK colour, `#rrggbb`. */
  readonly color: string;
}

/** How a particle is drawn. */
export interface Appearance {
  /** Å, of the sphere that stands for its size (van der Waals radius, or a bead's contact radius). */
  readonly radius: number;
  /** `#rrggbb`. */
  readonly color: string;
}

// symbol, mass, covalent radius, van der Waals radius, colour; in order of atomic number
const rows = `
H 1.008 0.31 1.10 ffffff|He 4.002602 0.28 1.40 d9ffff|Li 6.94 1.28 1.81 cc80ff|Be 9.0121831 0.96 1.53 c2ff00
B 10.81 0.84 1.92 ffb5b5|C 12.011 0.76 1.70 909090|N 14.007 0.71 1.55 3050f8|O 15.999 0.66 1.52 ff0d0d
F 18.998403162 0.57 1.47 90e050|Ne 20.1797 0.58 1.54 b3e3f5|Na 22.98976928 1.66 2.27 ab5cf2
Mg 24.305 1.41 1.73 8aff00|Al 26.9815384 1.21 1.84 bfa6a6|Si 28.085 1.11 2.10 f0c8a0|P 30.973761998 1.07 1.80 ff8000
S 32.06 1.05 1.80 ffff30|Cl 35.45 1.02 1.75 1ff01f|Ar 39.95 1.06 1.88 80d1e3|K 39.0983 2.03 2.75 8f40d4
Ca 40.078 1.76 2.31 3dff00|Sc 44.955907 1.70 2.58 e6e6e6|Ti 47.867 1.60 2.46 bfc2c7|V 50.9415 1.53 2.42 a6a6ab
Cr 51.9961 1.39 2.45 8a99c7|Mn 54.938043 1.39 2.45 9c7ac7|Fe 55.845 1.32 2.44 e06633|Co 58.933194 1.26 2.40 f090a0
Ni 58.6934 1.24 2.40 50d050|Cu 63.546 1.32 2.38 c88033|Zn 65.38 1.22 2.39 7d80b0|Ga 69.723 1.22 1.87 c28f8f
Ge 72.630 1.20 2.11 668f8f|As 74.921595 1.19 1.85 bd80e3|Se 78.971 1.20 1.90 ffa100|Br 79.904 1.20 1.83 a62929
Kr 83.798 1.16 2.02 5cb8d1|Rb 85.4678 2.20 3.03 702eb0|Sr 87.62 1.95 2.49 00ff00|Y 88.905838 1.90 2.75 94ffff
Zr 91.224 1.75 2.52 94e0e0|Nb 92.90637 1.64 2.56 73c2c9|Mo 95.95 1.54 2.45 54b5b5|Tc 97 1.47 2.44 3b9e9e
Ru 101.07 1.46 2.46 248f8f|Rh 102.90549 1.42 2.44 0a7d8c|Pd 106.42 1.39 2.15 006985|Ag 107.8682 1.45 2.53 c0c0c0
Cd 112.414 1.44 2.49 ffd98f|In 114.818 1.42 1.93 a67573|Sn 118.710 1.39 2.17 668080|Sb 121.760 1.39 2.06 9e63b5
Te 127.60 1.38 2.06 d47a00|I 126.90447 1.39 1.98 940094|Xe 131.293 1.40 2.16 429eb0|Cs 132.90545196 2.44 3.43 57178f
Ba 137.327 2.15 2.68 00c900|La 138.90547 2.07 2.98 70d4ff|Ce 140.116 2.04 2.88 ffffc7|Pr 140.90766 2.03 2.92 d9ffc7
Nd 144.242 2.01 2.95 c7ffc7|Pm 145 1.99 - a3ffc7|Sm 150.36 1.98 2.90 8fffc7|Eu 151.964 1.98 2.87 61ffc7
Gd 157.25 1.96 2.83 45ffc7|Tb 158.925354 1.94 2.79 30ffc7|Dy 162.500 1.92 2.87 1fffc7|Ho 164.930329 1.92 2.81 00ff9c
Er 167.259 1.89 2.83 00e675|Tm 168.934219 1.90 2.79 00d452|Yb 173.045 1.87 2.80 00bf38|Lu 174.9668 1.87 2.74 00ab24
Hf 178.486 1.75 2.63 4dc2ff|Ta 180.94788 1.70 2.53 4da6ff|W 183.84 1.62 2.57 2194d6|Re 186.207 1.51 2.49 267dab
Os 190.23 1.44 2.48 266696|Ir 192.217 1.41 2.41 175487|Pt 195.084 1.36 2.29 d0d0e0|Au 196.966570 1.36 2.32 ffd123
Hg 200.592 1.32 2.45 b8b8d0|Tl 204.38 1.45 1.96 a6544d|Pb 207.2 1.46 2.02 575961|Bi 208.98040 1.48 2.07 9e4fb5`;

/** The elements from hydrogen to bismuth, in order of atomic number (`elements[0]` is hydrogen). */
export const elements: readonly Element[] = rows
  .trim()
  .split(/[|\n]/)
  .map((row, i) => {
    const [symbol, mass, covalent, vdw, color] = row.split(' ') as [string, string, string, string, string];
    return {
      number: i + 1,
      symbol,
      mass: Number(mass),
      covalentRadius: Number(covalent),
      vanDerWaalsRadius: vdw === '-' ? undefined : Number(vdw),
      color: `#${color}`,
    };
  });

const bySymbol: ReadonlyMap<string, Element> = new Map(elements.map((e) => [e.symbol, e]));

/** The element of a symbol (`'Fe'`) or atomic number; undefined when there is none from H to Bi. */
export function findElement(symbolOrNumber: string | number): Element | undefined {
  return typeof symbolOrNumber === 'number' ? elements[symbolOrNumber - 1] : bySymbol.get(symbolOrNumber);
}

/** The element of a symbol or atomic number. @throws EINVALID when there is none from H to Bi */
export function element(symbolOrNumber: string | number): Element {
  return (
    findElement(symbolOrNumber) ??
    unknownChoice(
      'element',
      symbolOrNumber,
      elements.map((e) => e.symbol),
    )
  );
}

/**
 * Symbol from the way files write it: `FE` and `fe` are `Fe`; undefined when it is no element. Bead names such as
 * `CA` would read as calcium, so this is for element columns only.
 */
export function normalizeSymbol(text: string): string | undefined {
  const trimmed = text.trim();
  const symbol = trimmed.charAt(0).toUpperCase() + trimmed.slice(1).toLowerCase();
  return bySymbol.has(symbol) ? symbol : undefined;
}

/**
 * Beads of the five-bead protein model, by the names `Structure.symbols` carries. Radius: half the contact distance
 * of two such beads, from the excluded-volume terms of published five-bead priors (O-O 2.47, N-N 3.02, C-C 3.03,
 * CA-CA 3.43 Å; CB about 3.4 Å). A bead weighs what the heavy atom it is named after weighs.
 */
export const beads: Readonly<Record<string, Appearance & { readonly mass: number }>> = {
  N: { mass: 14.007, radius: 1.51, color: '#3050f8' },
  CA: { mass: 12.011, radius: 1.72, color: '#606060' },
  C: { mass: 12.011, radius: 1.52, color: '#909090' },
  O: { mass: 15.999, radius: 1.24, color: '#ff0d0d' },
  CB: { mass: 12.011, radius: 1.7, color: '#e0a030' },
};

/**
 * Size and colour of a particle by its symbol: an element (`Ca` is calcium) or a bead name (`CA` is an alpha carbon).
 * An unknown symbol gets a grey sphere of 1.7 Å, so that anything can be drawn.
 */
export function appearance(symbol: string): Appearance {
  const atom = bySymbol.get(symbol);
  if (atom) return { radius: atom.vanDerWaalsRadius ?? atom.covalentRadius + 0.8, color: atom.color };
  return beads[symbol] ?? { radius: 1.7, color: '#b0b0b0' };
}

/** Mass of a particle by its symbol, amu; undefined for an unknown one. */
export function massOf(symbol: string): number | undefined {
  return bySymbol.get(symbol)?.mass ?? beads[symbol]?.mass;
}

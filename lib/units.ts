/**
 * Internal units: length Å, energy eV, time fs, mass amu, charge e, temperature K.
 * Every conversion factor of the project lives here. CODATA 2018 (exact SI where defined).
 */

/** Boltzmann constant, eV/K (exact in the 2019 SI). */
export const boltzmann: number = 8.617333262145179e-5;

/** e²/4πε₀: energy of two unit charges 1 Å apart, eV Å. */
export const coulomb: number = 14.399645478456;

/** Acceleration of 1 amu under 1 eV/Å, in Å/fs². */
export const accelerationPerForce: number = 9.648533215665327e-3;

/** eV per unit of energy. */
export const energyUnits = {
  eV: 1,
  meV: 1e-3,
  'kcal/mol': 0.043364104241800934,
  'kJ/mol': 0.010364269656262174,
  Hartree: 27.211386245988,
} as const;
export type EnergyUnit = keyof typeof energyUnits;

/** Å per unit of length. */
export const lengthUnits = { Å: 1, nm: 10, Bohr: 0.529177210903 } as const;
export type LengthUnit = keyof typeof lengthUnits;

/** fs per unit of time. */
export const timeUnits = { fs: 1, ps: 1e3, ns: 1e6 } as const;

/** Pressure: bar per eV/Å³. */
export const barPerElectronvoltPerCubicAngstrom: number = 1602176.634;

/** Masses and symbols that readers fill in from the table of elements. */
import { findElement, massOf } from '../elements.js';
import { Structure, type StructureFields } from '../structure/index.js';

/** True for a symbol in its proper case: `Ca`, not `CA`. */
export function isElement(symbol: string): boolean {
  return findElement(symbol) !== undefined;
}

/** The symbol of an atomic number, where there is one. */
export function symbolOfNumber(number: number): string | undefined {
  return Number.isInteger(number) && number > 0 ? findElement(number)?.symbol : undefined;
}

/** A structure whose masses, where the file gave none, come from its symbols; none when one of these is unknown. */
export function withKnownMasses(fields: StructureFields): Structure {
  if (fields.masses) return new Structure(fields);
  const masses = new Float64Array(fields.symbols.length);
  for (let i = 0; i < masses.length; i++) {
    const mass = massOf(fields.symbols[i]!);
    if (mass === undefined) return new Structure(fields);
    masses[i] = mass;
  }
  return new Structure({ ...fields, masses });
}

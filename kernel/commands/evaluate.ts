/** `mdlab evaluate`: energy and forces of one structure from the command line. */
import { parseArgs } from 'node:util';
import { invalid, unknownChoice } from '../../lib/errors.js';
import {
  type Backend,
  beadTypeCount,
  beadTypes,
  evaluate,
  loadModel,
  loadStructure,
  type Precision,
  type SchnetPipeline,
  type Structure,
} from '../../lib/index.js';
import { energyUnits, lengthUnits } from '../../lib/units.js';
import { toleranceOf } from '../describe.js';

export const help = `mdlab evaluate MODEL STRUCTURE [options]   energy and forces of a structure, in the model file's units
      --backend reference|cpu|cuda          default the fastest that works here
      --device N|NAME                       of the GPU, with cuda: index or part of its name
      --pipeline baseline|flash|table       default table (the reference has none)
      --precision float64|float32           default float32 but on the reference
      --frame N                             of a structure file with several frames; negative counts from the end
      --json                                {"energy", "forces": [[x,y,z],...], "units", "backend", "pipeline",
                                            "entries", "tolerance"}, the last two of a table`;

const backends: readonly Backend[] = ['reference', 'cpu', 'cuda'];
const pipelines: readonly SchnetPipeline[] = ['baseline', 'flash', 'table'];
const precisions: readonly Precision[] = ['float64', 'float32'];

/** @returns the exit code */
export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: joinFrame(args),
    allowPositionals: true,
    options: {
      backend: { type: 'string' },
      device: { type: 'string' },
      pipeline: { type: 'string' },
      precision: { type: 'string' },
      frame: { type: 'string' },
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    console.log(help);
    return 0;
  }
  const [modelFile, structureFile] = positionals;
  if (!modelFile || !structureFile || positionals.length > 2)
    invalid(
      'mdlab evaluate',
      'takes a model and a structure',
      positionals.join(' '),
      'see mdlab evaluate --help',
    );
  const model = loadModel(modelFile, {
    backend: choice('--backend', values.backend, backends),
    ...(values.device === undefined ? {} : { device: values.device }),
    pipeline: choice('--pipeline', values.pipeline, pipelines),
    precision: choice('--precision', values.precision, precisions),
  });
  const found = loadStructure(
    structureFile,
    values.frame === undefined ? {} : { frame: integer(values.frame) },
  );
  const structure = typed(found, model.config.types);
  const result = evaluate(model, structure);

  const { deviceName, entries = null, tolerance = null } = model.info;
  const { energy: energyUnit, length: lengthUnit } = model.info.units!;
  const perEnergy = 1 / energyUnits[energyUnit];
  const perForce = perEnergy * lengthUnits[lengthUnit];
  const energy = result.energy[0]! * perEnergy;
  const forces = Array.from({ length: structure.count }, (_, i) =>
    [0, 1, 2].map((k) => result.forces[3 * i + k]! * perForce),
  );
  const units = { energy: energyUnit, length: lengthUnit };
  if (values.json) {
    const { backend, pipeline = null } = model;
    console.log(JSON.stringify({ energy, forces, units, backend, pipeline, entries, tolerance }));
    return 0;
  }
  const table = [entries && `entries ${entries}`, ...toleranceOf(model)];
  const how = [model.backend, deviceName, model.pipeline, model.precision, ...table]
    .filter(Boolean)
    .join(', ');
  console.log(`${model.name} on ${structure.name || structureFile}: ${structure.count} particles (${how})`);
  console.log(`energy ${energy.toPrecision(12)} ${energyUnit}`);
  console.log(`forces ${energyUnit}/${lengthUnit}`);
  forces.forEach((f, i) => {
    const numbers = f.map((v) => v.toExponential(8).padStart(16)).join(' ');
    console.log(`${String(i).padStart(6)} ${structure.symbols[i]!.padEnd(4)} ${numbers}`);
  });
  return 0;
}

/** PDB files hold no types, but the names of a five-bead protein tell those of the models that count 25. */
function typed(structure: Structure, types: number): Structure {
  const told = structure.types || types !== beadTypeCount ? undefined : beadTypes(structure);
  return told ? structure.with({ types: told }) : structure;
}

/** `--frame -1` as people type it; parseArgs only takes a negative value joined to its option. */
function joinFrame(args: readonly string[]): string[] {
  const at = args.indexOf('--frame');
  if (at < 0 || !/^-\d+$/.test(args[at + 1] ?? '')) return [...args];
  return [...args.slice(0, at), `--frame=${args[at + 1]}`, ...args.slice(at + 2)];
}

function choice<T extends string>(
  name: string,
  value: string | undefined,
  known: readonly T[],
): T | undefined {
  if (value === undefined) return undefined;
  return known.includes(value as T) ? (value as T) : unknownChoice(name, value, known);
}

function integer(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value)) invalid('--frame', 'must be a whole number', text);
  return value;
}

/** Our own objects in words: what they are, how large, with units. */
import { inspect } from 'node:util';
import { formatNumber } from '../lib/format.js';
import type { Frame, Simulation } from '../lib/md/index.js';
import type { Potential } from '../lib/models/index.js';
import { Figure, View } from '../lib/plot/index.js';
import { type Box, Structure, Trajectory, volume } from '../lib/structure/index.js';

/**
 * Words for potentials, runs and frames; undefined for anything else. Told by their shape, so that the kernel loads no
 * model to show a number.
 */
export function describeOwn(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (isPotential(value)) return describePotential(value);
  if (isSimulation(value)) return describeSimulation(value);
  return isFrame(value) ? describeFrame(value) : undefined;
}

/** What Node's tracking of asynchronous work leaves on promises. */
const bookkeeping = new Set(['async_id_symbol', 'trigger_async_id_symbol', 'kResourceStore']);

/** A promise as Node prints it, without what keeps track of its cell. */
function inspectPromise(this: Promise<unknown>, depth: number, options: object): string {
  for (const key of Object.getOwnPropertySymbols(this))
    if (bookkeeping.has(key.description ?? '')) Object.defineProperty(this, key, { enumerable: false });
  Object.defineProperty(this, inspect.custom, { value: undefined, configurable: true });
  try {
    return inspect(this, { ...options, depth });
  } finally {
    Reflect.deleteProperty(this, inspect.custom);
  }
}

/** Inside other values, and where they are printed, ours are one line. */
export function installInspection(): void {
  Object.defineProperty(Promise.prototype, inspect.custom, { configurable: true, value: inspectPromise });
  const lines = [
    [Structure, (s: Structure) => describeStructure(s)],
    [Trajectory, (t: Trajectory) => describeTrajectory(t)],
    [Figure, (f: Figure) => `Figure${f.title ? `: ${f.title}` : ''}`],
    [View, (v: View) => `View of ${v.alt}`],
  ] as const;
  for (const [type, words] of lines) {
    Object.defineProperty(type.prototype, inspect.custom, {
      configurable: true,
      value(this: never): string {
        return words(this).split('\n')[0]!;
      },
    });
  }
}

const has = (value: object, ...names: string[]): boolean => names.every((n) => n in value);

function isPotential(value: object): value is Potential {
  return has(value, 'handle', 'info', 'terms', 'cutoff') && 'backend' in (value as Potential).info;
}

function isSimulation(value: object): value is Simulation {
  return has(value, 'potential', 'system', 'extend', 'run', 'step', 'steps');
}

function isFrame(value: object): value is Frame {
  return has(value, 'step', 'temperature', 'offsets', 'forces', 'velocities', 'structure');
}

/** @example 'Schnet schnet-small: table on cpu, float32, tolerance 3e-6, cutoff 8 Å' */
function describePotential(p: Potential): string {
  const { backend, cutoff, deviceName, name, pipeline, precision, units } = p.info;
  const where = `${pipeline ? `${pipeline} on ` : ''}${deviceName ? `${backend} (${deviceName})` : backend}`;
  const reach = cutoff > 0 ? `, cutoff ${formatNumber(cutoff)} Å` : '';
  // Terms of a sum may each compute in their own way: their lines tell.
  const how = p.terms.length > 0 ? `sum of ${p.terms.length}` : [where, precision, ...wayOf(p)].join(', ');
  const first = `${p.constructor.name} ${name}: ${how}${reach}`;
  const { provenance } = p as { provenance?: string };
  const own = units && (units.energy !== 'eV' || units.length !== 'Å');
  const lines = [
    ...p.terms.map((t) => describePotential(t).split('\n')[0]!),
    ...(provenance ? [provenance] : []),
    ...(own ? [`the file counts in ${units.energy} and ${units.length}; results are in eV and Å`] : []),
  ];
  return [first, ...lines.map((line) => `  ${line}`)].join('\n');
}

/** What else tells how exact it is. */
function wayOf(p: Potential): string[] {
  const { entries, envelopeGradient, operands, techniques } = p.info;
  return [
    ...(entries && entries !== 'float32' ? [`entries ${entries}`] : []),
    ...toleranceOf(p),
    ...(operands ? [`operands ${operands}`] : []),
    ...(techniques ? [`techniques ${techniques}`] : []),
    ...(envelopeGradient === false ? ['without the gradient of the envelope'] : []),
  ];
}

/** @example ['tolerance 1e-8 out of reach (error 0.00023)'], and nothing of what has no table */
export function toleranceOf(p: Potential): string[] {
  const { tolerance } = p.info;
  if (tolerance === undefined) return [];
  const { reached } = p as { reached?: number };
  const missed = reached === undefined ? '' : ` out of reach (error ${formatNumber(reached, 2)})`;
  return [`tolerance ${formatNumber(tolerance)}${missed}`];
}

function describeSimulation(run: Simulation): string {
  const { integrator, tempering } = run.options;
  const { length } = run.system.systems;
  const { temperature: t } = integrator;
  const temperature = typeof t === 'number' ? `${t} K` : t && `${t.length} temperatures`;
  const how =
    integrator.kind === 'langevin' ? `Langevin, friction ${integrator.friction} /ps` : 'velocity Verlet';
  const exchanges =
    tempering &&
    `${tempering.temperatures.length} temperatures from ${Math.min(...tempering.temperatures)} to ${Math.max(...tempering.temperatures)} K exchanged every ${tempering.every} steps`;
  const facts = [
    how,
    temperature ?? exchanges,
    `time step ${integrator.timestep} fs`,
    `seed ${integrator.seed}`,
  ];
  return [
    `Simulation: step ${formatNumber(run.step)} of ${formatNumber(run.steps)} (${formatNumber(run.time / 1000)} ps)`,
    `${formatNumber(length)} system${length === 1 ? '' : 's'}, ${formatNumber(run.system.masses.length)} particles`,
    facts.filter(Boolean).join(', '),
    ...describePotential(run.potential)
      .split('\n')
      .slice(0, 1 + run.potential.terms.length),
  ].join('\n  ');
}

function describeFrame(frame: Frame): string {
  const rows: [string, Float64Array | undefined][] = [
    ['temperature (K)', frame.temperature],
    ['potential (eV)', frame.potential],
    ['kinetic (eV)', frame.kinetic],
    ['pressure (bar)', frame.pressure],
  ];
  const { count } = frame;
  const particles = frame.positions.length / 3;
  return [
    `Frame at step ${formatNumber(frame.step)} (${formatNumber(frame.time / 1000)} ps): ${formatNumber(count)} system${count === 1 ? '' : 's'}, ${formatNumber(particles)} particles`,
    ...rows.flatMap(([name, values]) => (values ? [`${name} ${spread(values)}`] : [])),
  ].join('\n  ');
}

/** One number as it is, many as mean and range. */
function spread(values: Float64Array): string {
  if (values.length === 1) return formatNumber(values[0]!, 6);
  const mean = values.reduce((a, v) => a + v, 0) / values.length;
  const [low, high] = values.reduce(
    ([a, b], v) => [Math.min(a!, v), Math.max(b!, v)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  );
  return `mean ${formatNumber(mean, 5)}, from ${formatNumber(low!, 5)} to ${formatNumber(high!, 5)}`;
}

export function describeStructure(s: Structure): string {
  const counts = new Map<string, number>();
  for (const symbol of s.symbols) counts.set(symbol, (counts.get(symbol) ?? 0) + 1);
  const kinds = [...counts].sort((a, b) => b[1] - a[1]).map(([symbol, n]) => `${symbol} ${formatNumber(n)}`);
  const shown = kinds.length > 8 ? [...kinds.slice(0, 8), `${kinds.length - 8} more kinds`] : kinds;
  const residues = s.residues
    ? new Set(Array.from(s.residues.ids, (id, i) => `${s.residues!.chains[i]}${id}`)).size
    : 0;
  const facts = [
    `${formatNumber(s.count)} particle${s.count === 1 ? '' : 's'}`,
    residues ? `${formatNumber(residues)} residues` : '',
    s.bonds ? `${formatNumber(s.bonds.length / 2)} bonds` : '',
    describeBox(s.box),
  ].filter(Boolean);
  return `Structure${s.name ? ` ${s.name}` : ''}: ${facts.join(', ')}\n  ${shown.join(', ')}`;
}

function describeBox(box: Box | null): string {
  if (!box) return 'no box';
  const v = box.vectors;
  const lengths = [0, 3, 6].map((r) => formatNumber(Math.hypot(v[r]!, v[r + 1]!, v[r + 2]!)));
  const square = [1, 2, 3, 5, 6, 7].every((i) => v[i] === 0);
  const axes = ['x', 'y', 'z'].filter((_, k) => box.periodic[k]).join('');
  const repeats = axes === 'xyz' ? 'periodic' : axes ? `periodic in ${axes}` : 'not periodic';
  return `${square ? '' : 'triclinic '}box ${lengths.join(' × ')} Å (${formatNumber(volume(box))} Å³, ${repeats})`;
}

export function describeTrajectory(t: Trajectory): string {
  const times = t.frames.map((f) => f.time).filter((time) => time !== undefined);
  const span =
    times.length > 1 ? `, ${formatNumber(times[0]! / 1000)} to ${formatNumber(times.at(-1)! / 1000)} ps` : '';
  const structure = describeStructure(t.topology).replace(/^/gm, '  ');
  return `Trajectory: ${formatNumber(t.length)} frame${t.length === 1 ? '' : 's'}${span}\n${structure}`;
}

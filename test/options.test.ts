// An option of an unknown name is refused by every public function that takes options, before it does anything.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as mdlab from '../lib/index.js';
import { root } from './tools.js';

const {
  beadsFromSequence,
  figure,
  harmonicWell,
  langevin,
  line,
  randomSchnet,
  simulate,
  Structure,
  Trajectory,
  view,
} = mdlab;

const shape = { hidden: 8, filters: 8, blocks: 1, head: [4], rbf: { type: 'expnormal', count: 8 } } as const;
const model = randomSchnet(shape, { backend: 'cpu' });
const well = harmonicWell({ k: 1 });
const protein = beadsFromSequence('GYDPET');
const run = simulate(protein, well, { integrator: langevin({ temperature: 300, timestep: 1 }), steps: 5 });
const two = new Trajectory(protein, [{ positions: protein.positions }, { positions: protein.positions }]);
const crystal = new Structure({
  positions: Float64Array.of(0, 0, 0, 1, 1, 1),
  symbols: ['Ar', 'Ar'],
  box: mdlab.orthorhombic([5, 5, 5]),
});
const trace = line([0, 1], [0, 1]);
const drawing = figure(trace);
const live = drawing.live();
const pair = { tuples: [0, 1] };
const triple = { tuples: [0, 1, 2] };
const quadruple = { tuples: [0, 1, 2, 3] };
/** What no call may reach: a model made, a measure taken, a file touched. */
const never = (): never => {
  throw new Error('it was called');
};
const models = { models: { m: never } };
const sampling = { steps: 100 };
const quantisation = {
  ...{ formats: { m: never }, reference: never, structure: protein, equilibration: sampling },
};

/** Calls that are right but for what `odd` adds to their options. */
const calls: Readonly<Record<string, (odd: object) => unknown>> = {
  accuracyStudy: (odd) => mdlab.accuracyStudy({ ...models, reference: never, ...odd }),
  ashbaughHatch: (odd) => mdlab.ashbaughHatch({ ...pair, epsilon: 1, sigma: 1, lambda: 1, ...odd }),
  backbonePriors: (odd) => mdlab.backbonePriors(protein, { name: 'b', ...odd }),
  bars: (odd) => mdlab.bars(['a'], [1], { name: 'b', ...odd }),
  batchStudy: (odd) => mdlab.batchStudy({ ...models, ...odd }),
  beadsFromSequence: (odd) => beadsFromSequence('GG', { chain: 'B', ...odd }),
  contactMap: (odd) => mdlab.contactMap(protein, { cutoff: 8, ...odd }),
  driftFit: (odd) => mdlab.driftFit([0, 1, 2], [0, 1, 3], { degreesOfFreedom: 3, ...odd }),
  dropdown: (odd) => mdlab.dropdown([1, 2], { label: 'd', ...odd }),
  'Dropdown.new': (odd) => new mdlab.Dropdown([1, 2], { label: 'd', ...odd }),
  energyDriftOf: (odd) => mdlab.energyDriftOf(well, [protein], { ...sampling, ...odd }),
  evaluate: (odd) => mdlab.evaluate(well, protein, { virial: true, ...odd }),
  figure: (odd) => figure(trace, { title: 't', ...odd }),
  'Figure.new': (odd) => new mdlab.Figure(trace, { x: { label: 'x' }, ...odd }),
  'Figure.save': (odd) => drawing.save('never.png', { scale: 1, ...odd }),
  'Figure.toPNG': (odd) => drawing.toPNG({ scale: 1, ...odd }),
  findNativeContacts: (odd) => mdlab.findNativeContacts(protein, { cutoff: 9, ...odd }),
  fourierDihedrals: (odd) => mdlab.fourierDihedrals({ ...quadruple, k1: [1], k2: [1], ...odd }),
  frames: (odd) => mdlab.frames('never.xyz', { stride: 2, ...odd }).next(),
  harmonicAngles: (odd) => mdlab.harmonicAngles({ ...triple, x0: 1, k: 1, ...odd }),
  harmonicBonds: (odd) => mdlab.harmonicBonds({ ...pair, x0: 1, k: 1, ...odd }),
  harmonicDihedrals: (odd) => mdlab.harmonicDihedrals({ ...quadruple, x0: 1, k: 1, ...odd }),
  harmonicWell: (odd) => harmonicWell({ k: 1, ...odd }),
  heatmap: (odd) => mdlab.heatmap([[1]], { label: 'h', ...odd }),
  histogram: (odd) => mdlab.histogram([1, 2], { name: 'h', ...odd }),
  langevin: (odd) => langevin({ temperature: 1, timestep: 1, ...odd }),
  lennardJones: (odd) => mdlab.lennardJones({ epsilon: 1, sigma: 1, ...odd }),
  level: (odd) => mdlab.level(0, [0, 1], { name: 'l', ...odd }),
  line: (odd) => line([0], [0], { name: 'l', ...odd }),
  'LiveFigure.update': (odd) => live.update(trace, { title: 't', ...odd }),
  load: (odd) => mdlab.load('never.xyz', { frame: 0, ...odd }),
  loadModel: (odd) => mdlab.loadModel('never.safetensors', { pipeline: 'table', ...odd }),
  loadPriors: (odd) => mdlab.loadPriors('never.pt', protein, { energyUnit: 'eV', ...odd }),
  loadStructure: (odd) => mdlab.loadStructure('never.xyz', { frame: 0, ...odd }),
  loadTrajectory: (odd) => mdlab.loadTrajectory('never.xyz', { start: 1, ...odd }),
  meanSquaredDisplacement: (odd) => mdlab.meanSquaredDisplacement(two, { lags: 1, ...odd }),
  memoryStudy: (odd) => mdlab.memoryStudy({ ...models, ...odd }),
  minimize: (odd) => mdlab.minimize(protein, well, { maxSteps: 1, ...odd }),
  mlcgTerms: (odd) => mdlab.mlcgTerms([], protein, { energyUnit: 'eV', ...odd }),
  nativeContacts: (odd) => mdlab.nativeContacts(protein, protein, { cutoff: 20, ...odd }),
  neighborList: (odd) => mdlab.neighborList(protein, { cutoff: 3, ...odd }),
  openTrajectory: (odd) => mdlab.openTrajectory('never.xyz', protein, { append: true, ...odd }),
  polynomial: (odd) => mdlab.polynomial({ ...pair, of: 'distance', coefficients: [1], ...odd }),
  'PriorPotential.new': (odd) => new mdlab.PriorPotential([], undefined, { name: 'p', ...odd }),
  priors: (odd) => mdlab.priors(2, [], { name: 'p', ...odd }),
  priorsOfBatch: (odd) => mdlab.priorsOfBatch([], [], { name: 'p', ...odd }),
  'Progress.new': (odd) => new mdlab.Progress(1, { unit: 'rows', ...odd }),
  quantisationStudy: (odd) => mdlab.quantisationStudy({ ...quantisation, ...odd }),
  radiusOfGyration: (odd) => mdlab.radiusOfGyration(protein, { weights: 'mass', ...odd }),
  randomGlobule: (odd) => mdlab.randomGlobule({ beads: 2, ...odd }),
  randomSchnet: (odd) => randomSchnet(shape, { seed: 1, ...odd }),
  rdf: (odd) => mdlab.rdf(crystal, { cutoff: 2, ...odd }),
  readTorch: (odd) => mdlab.readTorch('never.pt', { maxBytes: 1, ...odd }),
  reference: (odd) => mdlab.reference([0], [0], { name: 'paper', ...odd }),
  replicas: (odd) => mdlab.replicas(protein, 2, { jitter: 1, ...odd }),
  repulsion: (odd) => mdlab.repulsion({ ...pair, sigma: 1, ...odd }),
  residueInteractions: (odd) => mdlab.residueInteractions(protein, { size: 1, ...odd }),
  restrictedAngles: (odd) => mdlab.restrictedAngles({ ...triple, a: 1, b: 1, e: 1, d: 1, k: 1, ...odd }),
  resume: (odd) => mdlab.resume('never.checkpoint', well, { steps: 9, ...odd }),
  rmsd: (odd) => mdlab.rmsd(protein, protein, { superpose: false, ...odd }),
  rooflineStudy: (odd) => mdlab.rooflineStudy({ models: { m: model }, ...odd }),
  sampleProtein: (odd) => mdlab.sampleProtein(well, [protein], { ...sampling, ...odd }),
  save: (odd) => mdlab.save('never.xtc', protein, { precision: 100, ...odd }),
  saveModel: (odd) => mdlab.saveModel('never.safetensors', model, { dtype: 'float32', ...odd }),
  scatter: (odd) => mdlab.scatter([0], [0], { name: 's', ...odd }),
  schnet: (odd) => mdlab.schnet(model.config, model.tensors, { backend: 'cpu', ...odd }),
  'Schnet.with': (odd) => model.with({ pipeline: 'flash', ...odd }),
  schnetWork: (odd) => mdlab.schnetWork(model.config, 10, 5, { forces: false, ...odd }),
  screenedCoulomb: (odd) => mdlab.screenedCoulomb({ ...pair, strength: 1, kappa: 1, ...odd }),
  simulate: (odd) => simulate(protein, well, { integrator: run.options.integrator, steps: 1, ...odd }),
  'Simulation.frames': (odd) => run.frames({ ...odd }).next(),
  'Simulation.run': (odd) => run.run({ ...odd }),
  slider: (odd) => mdlab.slider({ min: 0, max: 1, ...odd }),
  'Slider.new': (odd) => new mdlab.Slider({ min: 0, max: 1, ...odd }),
  stageStudy: (odd) => mdlab.stageStudy({ ...models, ...odd }),
  stepStudy: (odd) => mdlab.stepStudy({ ...models, structure: protein, ...odd }),
  study: (odd) => mdlab.study({ name: 's', grid: { a: [1] }, measure: never, ...odd }),
  superpose: (odd) => mdlab.superpose(protein, protein, { weights: 'mass', ...odd }),
  teacher: (odd) => mdlab.teacher(protein, { size: 1, ...odd }),
  tempering: (odd) => mdlab.tempering({ temperatures: [1, 2], every: 1, ...odd }),
  throughputStudy: (odd) => mdlab.throughputStudy({ ...models, timestep: 1, ...odd }),
  timed: (odd) => mdlab.timed(never, { repeats: 3, ...odd }),
  velocityVerlet: (odd) => mdlab.velocityVerlet({ timestep: 1, ...odd }),
  view: (odd) => view(protein, { width: 300, ...odd }),
  'View.save': (odd) => view(protein).save('never.png', { scale: 1, ...odd }),
  'View.toPNG': (odd) => view(protein).toPNG({ scale: 1, ...odd }),
};

async function thrown(call: () => unknown): Promise<string> {
  try {
    await call();
  } catch (error) {
    return error instanceof mdlab.MdlabError ? `${error.code} ${error.message}` : String(error);
  }
  return 'it was taken';
}

test('an option of an unknown name is refused by name, with the known ones', async () => {
  for (const [name, call] of Object.entries(calls))
    assert.match(
      await thrown(() => call({ oddOne: 1 })),
      /^EINVALID [\w.]+ option: must be one of '\w+'.*, received "oddOne"$/,
      name,
    );
});

test('and so is one within: of an axis, of the runs of a study, of a configuration', async () => {
  const odd = { ...sampling, tempreature: 310 };
  for (const [call, message] of [
    [() => figure(trace, { y: { labl: 'E' } as object }), /^EINVALID figure.y option: .*'label'.*"labl"/],
    [() => live.update(trace, { x: { lgo: true } as object }), /^EINVALID figure.x option: .*"lgo"/],
    [() => randomSchnet({ blcks: 1 } as object), /^EINVALID schnet.config option: .*'blocks'.*"blcks"/],
    [
      () => randomSchnet({ rbf: { type: 'gaussian', count: 8, gamma: 2 } as never }),
      /^EINVALID schnet.config.rbf option: .*'trained'.*"gamma"/,
    ],
    [
      () => randomSchnet({ cutoff: { lower: 0, upper: 9, onset: 8 } as never }),
      /^EINVALID schnet.config.cutoff option: .*"onset"/,
    ],
    ...(['equilibration', 'sampling', 'drift'] as const).map(
      (key) =>
        [
          () => mdlab.quantisationStudy({ ...quantisation, [key]: odd }),
          new RegExp(`^EINVALID quantisationStudy.${key} option: .*'temperature'.*"tempreature"`),
        ] as const,
    ),
    [
      () => mdlab.quantisationStudy({ ...quantisation, sampling: () => odd }),
      /^EINVALID quantisationStudy.sampling option: .*"tempreature"/,
    ],
  ] as const)
    assert.match(await thrown(call), message);
  live.update(trace, { title: 'still drawn' });
});

test('options that are missing are asked for', async () => {
  const { harmonicWell: well, figure: plot } = mdlab as unknown as Record<
    string,
    (...args: unknown[]) => unknown
  >;
  for (const [call, message] of [
    [() => well!(), /^EINVALID harmonicWell options: must be an object, received undefined$/],
    [() => plot!(trace, null), /^EINVALID figure options: must be an object, received null$/],
    [() => plot!(trace, { y: null }), /^EINVALID figure.y options: must be an object, received null$/],
  ] as const)
    assert.match(await thrown(call), message);
});

/** Public functions, and public methods of public classes, with a parameter `options`. */
function takingOptions(): string[] {
  const found = new Set<string>();
  const takes = (of: { parameters: ts.NodeArray<ts.ParameterDeclaration> }): boolean =>
    of.parameters.some((p) => p.name.getText() === 'options');
  const modifiers = (node: ts.Node): string[] =>
    (ts.canHaveModifiers(node) ? (ts.getModifiers(node) ?? []) : []).map((m) => m.getText());
  for (const file of (readdirSync(join(root, 'lib'), { recursive: true }) as string[]).filter((f) =>
    f.endsWith('.ts'),
  )) {
    const text = readFileSync(join(root, 'lib', file), 'utf8');
    const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
    for (const node of source.statements) {
      if (!modifiers(node).includes('export')) continue;
      if (ts.isFunctionDeclaration(node) && takes(node)) found.add(node.name!.text);
      if (!ts.isClassDeclaration(node)) continue;
      for (const m of node.members) {
        if (!(ts.isMethodDeclaration(m) || ts.isConstructorDeclaration(m)) || !takes(m)) continue;
        if (modifiers(m).some((word) => word === 'private' || word === 'protected')) continue;
        found.add(`${node.name!.text}.${ts.isMethodDeclaration(m) ? m.name.getText() : 'new'}`);
      }
    }
  }
  // A `Simulation` is public, its name a type alone.
  const known = new Set([...Object.keys(mdlab), 'Simulation']);
  return [...found].filter((name) => known.has(name.split('.')[0]!)).sort();
}

test('none of the public functions that take options is left out here', () => {
  // Made by `schnet`, `simulate` and `resume`, which check.
  const inner = ['Schnet.new', 'Simulation.new'];
  const found = takingOptions();
  assert.ok(found.includes('evaluate') && found.includes('Figure.save') && found.includes('Schnet.new'));
  assert.equal(
    found.filter((name) => !inner.includes(name)),
    Object.keys(calls).sort(),
  );
});

test.run();

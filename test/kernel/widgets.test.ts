// Widgets as a front end sees them: models opened by comms, changes both ways, clicks, and figures that follow.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { runNotebook } from '../../kernel/runner.js';
import { Client, type Received } from './client.js';
import { temporaryFolder } from './tools.js';

type Json = Record<string, unknown>;
type Model = { id: string; state: Json; metadata: Json };

let c: Client;
test.before(async () => {
  c = await Client.start();
  await c.execute(
    `import { slider, dropdown, toggle, textField, button, label, row, stack, interact, figure, line } from 'mdlab';`,
  );
});
test.after(() => c.close());

const viewType = 'application/vnd.jupyter.widget-view+json';

/** Runs a cell that shows a widget: the models it opened by name, the shown bundle, the id of the shown model. */
async function shown(
  code: string,
): Promise<{ models: Map<string, Model>; data: Json; model: string; cell: string }> {
  const { iopub, reply } = await c.execute(code);
  assert.is(reply.content['status'], 'ok', JSON.stringify(reply.content));
  const models = new Map(
    iopub
      .filter((m) => m.type === 'comm_open')
      .map((m) => {
        const { data, comm_id, target_name } = m.content as unknown as {
          data: Json;
          comm_id: string;
          target_name: string;
        };
        assert.is(target_name, 'jupyter.widget');
        const state = data['state'] as Json;
        return [String(state['_model_name']), { id: comm_id, state, metadata: m.metadata }] as const;
      }),
  );
  const out = iopub.find((m) => m.type === 'execute_result' || m.type === 'display_data')!;
  const data = (out.content as unknown as { data: Json }).data;
  return {
    models,
    data,
    model: String((data[viewType] as Json | undefined)?.['model_id']),
    cell: reply.parent,
  };
}

/** What the front end does when a reader moves a control; settles when the kernel has dealt with it. */
async function change(model: string, state: Json): Promise<Received[]> {
  return say(model, { method: 'update', state, buffer_paths: [] });
}

async function say(model: string, data: Json): Promise<Received[]> {
  const id = c.send('comm_msg', { comm_id: model, data });
  const idle = (m: Received): boolean =>
    m.parent === id && m.type === 'status' && m.content['execution_state'] === ('idle' as never);
  await c.wait(idle);
  return c.received.slice(c.received.findIndex((m) => m.parent === id));
}

const updatesOf = (messages: Received[], model: string): Json[] =>
  messages
    .filter((m) => m.type === 'comm_msg' && m.content['comm_id'] === (model as never))
    .map((m) => m.content['data'] as Json);

test('a slider opens a model of the standard controls, and shows as itself, as HTML and as text', async () => {
  const { models, data, model } = await shown(
    "const T = slider({ label: 'T / K', min: 250, max: 400, step: 5, value: 300 }); T",
  );
  const { id, state, metadata } = models.get('IntSliderModel')!;
  assert.is(id, model);
  assert.is(metadata['version'], '2.1.0');
  assert.equal(
    [state['_model_module'], state['_model_module_version'], state['_view_name'], state['_view_module']],
    ['@jupyter-widgets/controls', '2.0.0', 'IntSliderView', '@jupyter-widgets/controls'],
  );
  assert.equal([state['min'], state['max'], state['step'], state['value']], [250, 400, 5, 300]);
  assert.is(state['description'], 'T / K');
  assert.is(state['layout'], `IPY_MODEL_${models.get('LayoutModel')!.id}`);
  assert.is(state['style'], `IPY_MODEL_${models.get('SliderStyleModel')!.id}`);
  assert.is(models.get('LayoutModel')!.state['_model_module'], '@jupyter-widgets/base');
  assert.is(data['text/plain'], 'T / K: 300 (250 … 400)');
  assert.match(String(data['text/html']), /<b>T &#47; K<\/b>|<b>T \/ K<\/b> 300/);
});

test('a long label leaves a slider its track, and labels of one panel take as much room each', async () => {
  const long = 'temperature of the thermostat (K)';
  const alone = await shown(`slider({ label: '${long}', min: 0, max: 1 })`);
  assert.is(alone.models.get('LayoutModel')!.state['width'], `calc(230px + ${long.length}ch)`);
  const panel = await shown(
    "interact(({ a }) => a, { a: slider({ label: 'a long enough label', min: 0, max: 7, step: 1 }), t: toggle('t') }); 0",
  );
  for (const kind of ['SliderStyleModel', 'CheckboxStyleModel'])
    assert.is(panel.models.get(kind)!.state['description_width'], '19ch');
  assert.is(panel.models.get('CheckboxModel')!.state['indent'], true);
});

test('moving it in the page calls the handlers, whose output goes below the cell that showed it', async () => {
  const { models, cell } = await shown(
    "const x = slider({ label: 'x', min: 0, max: 1, value: 0.5 }); x.onChange((v) => console.log('x is', v)); x",
  );
  const { id, state } = models.get('FloatSliderModel')!;
  assert.equal([state['step'], state['readout_format']], [0.01, '.2f']);
  await change(id, { value: 0.75 });
  const said = await c.wait((m) => m.type === 'stream' && m.parent === cell);
  assert.is(said.content['text'], 'x is 0.75\n');
  assert.is(await c.value('x.value'), '0.75');
});

test('the code moves it in the page; the page is not told what it said itself', async () => {
  const { models } = await shown("const y = slider({ label: 'y', min: 0, max: 10, step: 1 }); y");
  const { id } = models.get('IntSliderModel')!;
  const { iopub } = await c.execute('y.value = 7');
  assert.equal(updatesOf(iopub, id), [{ method: 'update', state: { value: 7 }, buffer_paths: [] }]);
  assert.equal(updatesOf(await change(id, { value: 3 }), id), []);
  assert.is(await c.value('y.value'), '3');
});

test('values outside of what a control holds are refused from code and passed over from the page', async () => {
  const { models } = await shown("const z = slider({ label: 'z', min: 0, max: 10, step: 1 }); z");
  const { reply } = await c.execute('z.value = 11');
  assert.match(String(reply.content['evalue']), /slider\.value: must be within 0\.\.10, received 11/);
  for (const value of [99, 'x', null]) await change(models.get('IntSliderModel')!.id, { value });
  for (const data of [{}, { method: 'update' }, { method: 'custom' }, { method: 7, state: [] }])
    await say(models.get('IntSliderModel')!.id, data);
  assert.is(await c.value('z.value'), '0');
  const wrong = await c.execute('slider({ min: 1, max: 1 })');
  assert.match(String(wrong.reply.content['evalue']), /slider\.min, max: must be numbers that rise/);
  const none = await c.execute("dropdown(['a', 'b'], { value: 'c' as string as 'a' })");
  assert.match(
    String(none.reply.content['evalue']),
    /dropdown\.value: must be one of 'a', 'b', received "c"/,
  );
});

test('a dropdown goes by index, a switch by truth, a text field by text', async () => {
  const d = await shown("const law = dropdown({ Morse: 1, harmonic: 2 }, { label: 'law', value: 2 }); law");
  const { id, state } = d.models.get('DropdownModel')!;
  assert.equal([state['_options_labels'], state['index']], [['Morse', 'harmonic'], 1]);
  await change(id, { index: 0 });
  assert.is(await c.value('law.value'), '1');
  const s = await shown("const on = toggle('box', true); on");
  assert.is(s.models.get('CheckboxModel')!.state['value'], true);
  await change(s.model, { value: false });
  assert.is(await c.value('on.value'), 'false');
  const t = await shown("const code = textField('code', '1enh'); code");
  assert.is(t.models.get('TextModel')!.state['continuous_update'], false);
  await change(t.model, { value: '1l2y' });
  assert.is(await c.value('code.value'), "'1l2y'");
});

test('a click runs the button’s function; the next click waits for it', async () => {
  const { model, cell } = await shown(
    "const words = label('none'); const b = button('go', async () => { await new Promise((r) => setTimeout(r, 50)); words.value += '!'; console.log('clicked'); }); stack(b, row(words))",
  );
  const box = c.received.find((m) => m.type === 'comm_open' && m.content['comm_id'] === (model as never))!;
  const children = ((box.content['data'] as Json)['state'] as Json)['children'] as string[];
  const id = children[0]!.replace('IPY_MODEL_', '');
  await say(id, { method: 'custom', content: { event: 'click' } });
  await say(id, { method: 'custom', content: { event: 'click' } });
  assert.is(await c.value('words.value'), "'none!!'");
  const said = c.received.filter((m) => m.type === 'stream' && m.parent === cell);
  assert.match(said.map((m) => String(m.content['text'])).join(''), /clicked\nclicked\n/);
});

test('an error in a handler is told, with the line of the cell, and the widget lives on', async () => {
  const { model, cell } = await shown(
    "const bad = slider({ label: 'bad', min: 0, max: 10, step: 1 });\nbad.onChange((v) => { if (v === 5) throw new RangeError('five'); });\nbad",
  );
  await change(model, { value: 5 });
  const told = await c.wait((m) => m.type === 'stream' && m.parent === cell);
  assert.match(String(told.content['text']), /RangeError: five/);
  await change(model, { value: 6 });
  assert.is(await c.value('bad.value'), '6');
});

test('a page that is loaded again is told every model', async () => {
  const comm_id = 'control-1';
  c.send('comm_open', { comm_id, target_name: 'jupyter.widget.control', data: {} });
  const answer = (await say(comm_id, { method: 'request_states' })).concat(
    await c.wait((m) => m.type === 'comm_msg' && m.content['comm_id'] === (comm_id as never)),
  );
  const { method, states } = updatesOf(answer, comm_id)[0] as {
    method: string;
    states: Record<string, Json>;
  };
  assert.is(method, 'update_states');
  const slider = Object.values(states).find((s) => (s['state'] as Json)['description'] === 'T / K')!;
  assert.equal([slider['model_name'], slider['model_module_version']], ['IntSliderModel', '2.0.0']);
  for (const { state } of Object.values(states) as { state: Json }[])
    for (const name of ['layout', 'style']) {
      const reference = state[name] as string | undefined;
      if (reference) assert.ok(reference.replace('IPY_MODEL_', '') in states, `${name} is among the states`);
    }
  const asked = await say(Object.keys(states)[0]!, { method: 'request_state' });
  assert.is(updatesOf(asked, Object.keys(states)[0]!)[0]!['method'], 'update');
});

test('a handler redraws a live figure at once', async () => {
  const { models } = await shown(`
    const fig = figure(line([0, 1], [0, 300])).live();
    const K = slider({ label: 'K', min: 250, max: 400, step: 5, value: 300 });
    K.onChange((v) => fig.update(line([0, 1], [0, v])));
    K`);
  const from = c.received.length;
  for (const value of [350, 355, 360]) await change(models.get('IntSliderModel')!.id, { value });
  const drawn = c.received.slice(from).filter((m) => m.type === 'update_display_data');
  const ends = drawn.map((m) => {
    const data = (m.content['data'] as Json)['application/vnd.plotly.v1+json'] as { data: { y: number[] }[] };
    return data.data[0]!.y[1];
  });
  assert.equal(ends, [350, 355, 360], 'each is drawn before the page sends the next');
});

test('a structure inside another value, or printed, is one line', async () => {
  await c.execute("import { beadsFromSequence } from 'mdlab'; const s = beadsFromSequence('AG');");
  assert.match(
    (await c.value('({ s })'))!,
    /^\{\n? *s: Structure.*: 9 particles, 2 residues, 8 bonds, no box\n? ?\}$/,
  );
  const { stdout } = await c.execute('console.log(s)');
  assert.match(stdout, /^Structure.*: 9 particles.*\n$/);
});

test('interact: controls, and below them one figure that follows', async () => {
  const { iopub, reply } = await c.execute(`
    const panel = interact(({ T, shape, grid }) => {
      if (T === 270) throw new Error('no such temperature');
      return figure(line([0, 1, 2], [T, T + 1, shape === 'a' ? 0 : 1]), { title: 'T = ' + T + (grid ? ' grid' : '') });
    }, {
      T: slider({ min: 250, max: 400, step: 5, value: 300 }),
      shape: dropdown(['a', 'b']),
      grid: toggle('grid'),
    });
    panel`);
  const outputs = iopub.filter((m) => /display_data|execute_result/.test(m.type));
  assert.equal(
    outputs.map((m) => m.type),
    ['display_data', 'display_data'],
  );
  const [controls, drawn] = outputs.map((m) => m.content as unknown as { data: Json; transient: Json });
  assert.ok(viewType in controls!.data);
  assert.is(controls!.data['text/plain'], 'T: 300 (250 … 400)\nshape: a (a, b)\ngrid: off');
  assert.is(drawn!.data['text/plain'], 'Figure: T = 300');
  const slider = iopub.find(
    (m) => (((m.content['data'] as Json)?.['state'] as Json)?.['description'] as string) === 'T',
  )!;
  const id = String(slider.content['comm_id']);

  const title = async (value: number): Promise<Json> => {
    await change(id, { value });
    const wanted = (m: Received): boolean =>
      m.type === 'update_display_data' &&
      (m.content['transient'] as Json)['display_id'] === drawn!.transient['display_id'];
    return c.received.filter(wanted).at(-1)!.content['data'] as Json;
  };
  const after = await title(350);
  assert.is(after['text/plain'], 'Figure: T = 350');
  assert.ok('image/png' in after, 'a picture is saved');
  assert.is((await title(270))['text/plain'], 'Error: no such temperature');
  assert.is((await title(400))['text/plain'], 'Figure: T = 400', 'it goes on after an error');
  assert.is(await c.value('panel.values.T'), '400');
  assert.is(reply.content['status'], 'ok');
});

test('interact: what fails at first fails the cell; what is no control is refused', async () => {
  const failed = await c.execute("interact(() => { throw new Error('at once'); }, { k: toggle('k') })");
  assert.is(failed.reply.content['evalue'], 'at once');
  const odd = await c.execute('interact(() => 1, { k: 3 as never })');
  assert.match(String(odd.reply.content['evalue']), /interact\.k: must be a slider/);
});

test('values are typed by their controls', async () => {
  const { reply } = await c.execute("interact(({ m }) => m.toFixed(), { m: dropdown(['x', 'y']) })");
  assert.match(JSON.stringify(reply.content), /toFixed/);
  assert.is(reply.content['status'], 'error');
});

test('a notebook run headless keeps its widgets, which a front end shows without a kernel', async () => {
  const file = join(temporaryFolder(), 'widgets.ipynb');
  const source = (text: string): object => ({ cell_type: 'code', metadata: {}, source: text, outputs: [] });
  const cells = [
    source(
      "import { slider, toggle } from 'mdlab'; const a = slider({ label: 'a', min: 0, max: 9, step: 1 }); a",
    ),
    source("a.value = 4; const b = toggle('b'); display(b); b.close();"),
  ];
  writeFileSync(file, JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells }));
  const { notebook } = await runNotebook(file);
  const widgets = notebook.metadata['widgets'] as Record<string, { state: Record<string, Model & Json> }>;
  const { state } = widgets['application/vnd.jupyter.widget-state+json']!;
  const names = Object.values(state).map((m) => m['model_name']);
  assert.equal(names.sort(), ['CheckboxStyleModel', 'IntSliderModel', 'LayoutModel', 'SliderStyleModel']);
  const [out] = notebook.cells[0]!.outputs as unknown as { data: Json }[];
  const kept = state[String((out!.data[viewType] as Json)['model_id'])]!;
  assert.equal([kept.state['value'], String(kept.state['layout']) in refs(state)], [4, true]);
});

const refs = (state: Json): Json =>
  Object.fromEntries(Object.keys(state).map((id) => [`IPY_MODEL_${id}`, true]));

test('closing removes it from the page', async () => {
  const { model } = await shown("const gone = toggle('gone'); gone");
  const { iopub } = await c.execute('gone.close()');
  assert.ok(iopub.some((m) => m.type === 'comm_close' && m.content['comm_id'] === (model as never)));
});

test.run();

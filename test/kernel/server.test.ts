// The Jupyter protocol, message by message, as a front end sees it.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Client, type Execution, type Received } from './client.js';
import { sleep } from './tools.js';

let c: Client;
let ready = 0;
test.before(async () => {
  const t = Date.now();
  c = await Client.start();
  ready = Date.now() - t;
});
test.after(() => Client.closeAll());

const types = (e: Execution): string[] => e.iopub.map((m) => m.type);
const content = (m: Received | undefined): Record<string, unknown> => m!.content;
const only = (e: Execution, type: string): Record<string, unknown> => {
  const found = e.iopub.filter((m) => m.type === type);
  assert.is(found.length, 1, `${found.length} messages of type ${type}`);
  return found[0]!.content;
};

/** Lines of an error's traceback without colours. */
const traceOf = (error: object): string[] =>
  (error as { traceback: string[] }).traceback.map((line) =>
    line.replaceAll('\x1b', '␛').replace(/␛\[[\d;]*m/g, ''),
  );

test('kernel_info comes fast, before TypeScript is loaded', async () => {
  assert.ok(ready < 1500, `${ready} ms`);
  const r = content(await c.request('kernel_info_request', {}));
  assert.is(r['status'], 'ok');
  assert.is(r['protocol_version'], '5.4');
  assert.is(r['implementation'], 'mdlab');
  assert.is((r['language_info'] as { name: string }).name, 'typescript');
  assert.match((r['language_info'] as { version: string }).version, /^5\.9\./);
});

test('iopub_welcome is the first message of a subscription', () => {
  assert.is(c.received.find((m) => m.type !== 'kernel_info_reply')!.type, 'iopub_welcome');
});

test('every message has a full header and version 5.4', async () => {
  await c.value('1');
  for (const m of c.received) {
    for (const field of ['msg_id', 'session', 'username', 'date', 'msg_type'])
      assert.type(m.header[field], 'string', `${m.type}.${field}`);
    assert.is(m.header['version'], '5.4');
    assert.not.throws(() => new Date(m.header['date']!).toISOString());
  }
  assert.is(new Set(c.received.map((m) => m.id)).size, c.received.length);
});

test('a cell: busy, input, stream, result, idle, in this order', async () => {
  const e = await c.execute('console.log("hello, world"); 6 * 7');
  assert.equal(types(e), ['status', 'execute_input', 'stream', 'execute_result', 'status']);
  const n = content(e.reply)['execution_count'];
  assert.equal(only(e, 'execute_input'), { code: 'console.log("hello, world"); 6 * 7', execution_count: n });
  assert.equal(only(e, 'stream'), { name: 'stdout', text: 'hello, world\n' });
  assert.equal(only(e, 'execute_result'), { execution_count: n, data: { 'text/plain': '42' }, metadata: {} });
  assert.equal(content(e.reply), { status: 'ok', execution_count: n, payload: [], user_expressions: {} });
  assert.ok(Math.abs(Date.parse(String(e.reply.metadata['started'])) - e.reply.at) < 5000);
});

test('stderr is a stream of its own and order is kept', async () => {
  const e = await c.execute('console.log(1); console.error(2); console.log(3)');
  assert.equal(
    e.iopub.filter((m) => m.type === 'stream').map((m) => [m.content['name'], m.content['text']]),
    [
      ['stdout', '1\n'],
      ['stderr', '2\n'],
      ['stdout', '3\n'],
    ],
  );
});

test('undefined has no result, null has', async () => {
  assert.not(types(await c.execute('undefined')).includes('execute_result'));
  assert.is(await c.value('null'), 'null');
});

test('an error: name, message, code around the place, no internal frames', async () => {
  const e = await c.execute(
    'function f(x: number) {\n\n  throw new RangeError(`bad ` + x);\n}\nfunction g() { f(3) }\ng()',
  );
  const error = only(e, 'error') as { ename: string; evalue: string; traceback: string[] };
  assert.is(error.ename, 'RangeError');
  assert.is(error.evalue, 'bad 3');
  const n = content(e.reply)['execution_count'];
  const text = traceOf(error).join('\n');
  assert.match(text, new RegExp(`In\\[${n}\\]:3\\n.*\\n.*\\n> 3 \\|   throw new RangeError`));
  assert.equal(
    traceOf(error).filter((l) => l.startsWith('    at ')),
    [`    at f (In[${n}]:3:9)`, `    at g (In[${n}]:5:16)`, `    at In[${n}]:6:1`],
  );
  const { status, ename, evalue, traceback } = content(e.reply);
  assert.equal({ status, ename, evalue, traceback }, { status: 'error', ...error });
});

test('errors from Node, from values and with causes', async () => {
  const node = only(
    await c.execute('import { readFileSync } from "node:fs";\nreadFileSync("/absent")'),
    'error',
  );
  assert.match(String(node['evalue']), /ENOENT/);
  assert.not.match(traceOf(node).join('\n'), /node:internal|\(node:|\/kernel\//);
  assert.match(traceOf(node).join('\n'), /> 2 \| readFileSync/);
  const value = only(await c.execute('throw { code: 5 }'), 'error');
  assert.is(value['evalue'], '{ code: 5 }');
  const cause = only(await c.execute('throw new Error("outer", { cause: new TypeError("inner") })'), 'error');
  assert.match(traceOf(cause).join('\n'), /Error: outer[\s\S]*Caused by: TypeError: inner/);
});

test('a rejected await shows the line that awaited', async () => {
  const e = only(
    await c.execute(
      'const later = async () => {\n  await null;\n  throw new Error("late");\n};\nawait later()',
    ),
    'error',
  );
  assert.match(traceOf(e).join('\n'), /> 3 \| {3}throw new Error/);
});

test('an error deep inside a library shows the lines of cells that awaited it', async () => {
  const e = only(await c.execute("import { load } from 'mdlab';\n\nawait load('/absent.pdb')"), 'error');
  assert.match(traceOf(e).join('\n'), /> 3 \| await load/);
  const own = only(
    await c.execute(
      "async function fail() { await null; throw new Error('own') }\nasync function middle() {\n  return (await fail());\n}\nawait middle()",
    ),
    'error',
  );
  assert.match(
    traceOf(own).join('\n'),
    /at fail \(.*:1:43\)\n {4}at async middle \(.*:3:11\)\n {4}at async In\[\d+\]:5:1/,
  );
});

test('a type error stops the cell before it runs, strictly', async () => {
  const e = await c.execute('console.log("ran");\nconst s: string = null;\nfunction u(x) { return x }');
  assert.equal(types(e), ['status', 'execute_input', 'error', 'status']);
  const error = only(e, 'error') as { ename: string; evalue: string; traceback: string[] };
  assert.is(error.ename, 'TypeScriptError');
  assert.is(error.evalue, "Type 'null' is not assignable to type 'string'.");
  assert.match(
    traceOf(error).join('\n'),
    /:2:7 - error TS2322\n[\s\S]*> 2 \| const s: string = null;\n {4}\| {7}\^/,
  );
  assert.match(traceOf(error).join('\n'), /:3:12 - error TS7006: Parameter 'x' implicitly/);
  assert.is(traceOf(error).join('\n').split(error.evalue).length, 2, 'its message stands there once');
});

test('a syntax error is an error with its place', async () => {
  const error = only(await c.execute('const = 3'), 'error');
  assert.match(traceOf(error).join('\n'), /:1:7 - error TS1134[\s\S]*> 1 \| const = 3/);
});

test('colours of tracebacks: the name, places, the mark; never in ename, evalue or stderr', async () => {
  const e = await c.execute('\nthrow new RangeError("far")');
  const n = content(e.reply)['execution_count'];
  const error = only(e, 'error') as { ename: string; evalue: string; traceback: string[] };
  assert.equal([error.ename, error.evalue], ['RangeError', 'far']);
  assert.equal(error.traceback.join('\n').replaceAll('\x1b', '').split('\n'), [
    '[1;31mRangeError[0m: far',
    `[96mIn[${n}]:2[0m`,
    ' [2m 1 |[0m',
    '[1;31m>[0m[2m 2 | [0mthrow new RangeError("far")',
    '[2m    | [0m      [1;31m^[0m',
    `[2m    at [0m[96mIn[${n}]:2:7[0m`,
  ]);
  const type = only(await c.execute('const n: number = "a"'), 'error') as typeof error;
  assert.match(
    type.traceback[1]!.replaceAll('\x1b', '␛'),
    /^␛\[96mIn\[\d+\]:1:7␛\[0m␛\[2m - error TS2322␛\[0m\n/,
  );
  const late = await c.execute(
    'setTimeout(() => { throw new Error("late") }, 0); await new Promise((r) => setTimeout(r, 50))',
  );
  const text = late.iopub
    .filter((m) => m.type === 'stream')
    .map((m) => m.content['text'])
    .join('');
  assert.match(text, /late/);
  assert.not.ok(text.includes('\x1b'));
});

test('cells queued behind a failing one are aborted, unless told otherwise', async () => {
  const count = Number(content((await c.execute('0')).reply)['execution_count']);
  const ids = ['await new Promise((r) => setTimeout(r, 100)); throw new Error("x")', '1', '2'].map((code) =>
    c.sendExecute(code),
  );
  const [a, b, d] = await Promise.all(ids.map((id) => c.finished(id)));
  assert.is(content(a!.reply)['status'], 'error');
  for (const e of [b!, d!]) {
    assert.is(content(e.reply)['status'], 'aborted');
    assert.equal(types(e), ['status', 'status']);
  }
  const after = await c.execute('3');
  assert.is(content(after.reply)['execution_count'], count + 2);
  const go = ['throw new Error("y")', '5'].map((code) => c.sendExecute(code, { stop_on_error: false }));
  const [, second] = await Promise.all(go.map((id) => c.finished(id)));
  assert.is(content(second!.reply)['status'], 'ok');
});

test('silent and store_history', async () => {
  const count = Number(content((await c.execute('0')).reply)['execution_count']);
  const silent = await c.execute('7', { silent: true });
  assert.equal(types(silent), ['status', 'status']);
  assert.is(content(silent.reply)['execution_count'], count);
  const unstored = await c.execute('8', { store_history: false });
  assert.is(content(unstored.reply)['execution_count'], count);
  assert.ok(types(unstored).includes('execute_result'));
  const printing = await c.execute('console.log(1); display(2); clearOutput()', { silent: true });
  assert.equal(types(printing), ['status', 'status']);
  const failing = await c.execute('throw 1', { silent: true });
  assert.equal(types(failing), ['status', 'status']);
  assert.is(content(failing.reply)['status'], 'error');
});

test('user_expressions', async () => {
  const e = await c.execute('const ue = 4', {
    user_expressions: {
      double: 'ue * 2',
      broken: 'nothing + 1',
      empty: 'undefined',
      waits: 'await Promise.resolve(ue)',
    },
  });
  const r = content(e.reply)['user_expressions'] as Record<string, Record<string, unknown>>;
  assert.equal(r['double'], { status: 'ok', data: { 'text/plain': '8' }, metadata: {} });
  assert.equal(r['empty']!['data'], { 'text/plain': 'undefined' });
  assert.equal(r['waits']!['data'], { 'text/plain': '4' });
  assert.is(r['broken']!['status'], 'error');
  assert.match(String(r['broken']!['evalue']), /Cannot find name 'nothing'/);
});

test('display, update and clear', async () => {
  const e = await c.execute(
    "const h = display(md`**a**`); h.update('b'); clearOutput(true); display({ 'x/y': { z: 1 } }, { raw: true, id: 'own' }); html`<i>`",
  );
  assert.equal(types(e), [
    'status',
    'execute_input',
    'display_data',
    'update_display_data',
    'clear_output',
    'display_data',
    'execute_result',
    'status',
  ]);
  const [first, second] = e.iopub
    .filter((m) => m.type === 'display_data')
    .map((m) => m.content as Record<string, Record<string, unknown>>);
  assert.is(first!['data']!['text/markdown'], '**a**');
  assert.type(first!['data']!['text/plain'], 'string');
  assert.equal(second!['data'], { 'x/y': { z: 1 } });
  assert.equal(second!['transient'], { display_id: 'own' });
  const update = only(e, 'update_display_data') as Record<string, Record<string, unknown>>;
  assert.equal(update['transient'], first!['transient']);
  assert.equal(only(e, 'clear_output'), { wait: true });
  assert.is((only(e, 'execute_result')['data'] as Record<string, string>)['text/html'], '<i>');
});

test('an object shows itself by Symbol.for("Jupyter.display"), also asynchronously', async () => {
  const e = await c.execute(
    "display({ async [Symbol.for('Jupyter.display')]() { await null; return { 'text/html': '<b>' } } })",
  );
  assert.equal(only(e, 'display_data')['data'], { 'text/html': '<b>' });
});

test('a display that fails is an error of its cell', async () => {
  const e = await c.execute(
    "display({ async [Symbol.for('Jupyter.display')]() { await null; throw new Error('cannot draw') } }); 1",
  );
  assert.is(only(e, 'error')['evalue'], 'cannot draw');
});

test('completion: members, variables of the notebook, globals; by code points', async () => {
  await c.execute('const completeMe = { alphaOne: 1, alphaTwo: 2 }');
  const ask = async (code: string, at = [...code].length) =>
    content(await c.request('complete_request', { code, cursor_pos: at }));
  const members = await ask('completeMe.al');
  assert.equal([...(members['matches'] as string[])].sort(), ['alphaOne', 'alphaTwo']);
  assert.equal([members['cursor_start'], members['cursor_end'], members['status']], [11, 13, 'ok']);
  assert.equal((await ask('compl'))['matches'], ['completeMe']);
  assert.ok(((await ask('disp'))['matches'] as string[]).includes('display'));
  const emoji = await ask("const s = '😀😀'; completeMe.al");
  assert.equal([emoji['cursor_start'], emoji['cursor_end']], [27, 29]);
  assert.is(((await ask('completeMe.'))['matches'] as string[]).length >= 2, true);
});

test('completion and hover know mdlab and its documentation', async () => {
  await c.execute('import { Structure } from "mdlab"');
  const r = content(
    await c.request('complete_request', { code: 'import { Struc } from "mdlab"', cursor_pos: 14 }),
  );
  assert.ok((r['matches'] as string[]).includes('Structure'));
  const i = content(
    await c.request('inspect_request', { code: 'Structure', cursor_pos: 5, detail_level: 0 }),
  );
  assert.is(i['found'], true);
  assert.match((i['data'] as Record<string, string>)['text/plain']!, /class Structure/);
});

test('inspection: signature and documentation, inside a call too; nothing for nothing', async () => {
  await c.execute(
    '/** Adds things.\n * @param a the first */\nfunction addUp(a: number, b: number) { return a + b }',
  );
  const ask = async (code: string, cursor_pos: number) =>
    content(await c.request('inspect_request', { code, cursor_pos, detail_level: 0 }));
  for (const [code, at] of [
    ['addUp', 2],
    ['addUp', 5],
    ['addUp(1, ', 9],
    ["'😀' + addUp", 8],
  ] as const) {
    const r = await ask(code, at);
    assert.is(r['found'], true, code);
    assert.match(
      (r['data'] as Record<string, string>)['text/plain']!,
      /function addUp\(a: number, b: number\): number\n\nAdds things/,
    );
    assert.match((r['data'] as Record<string, string>)['text/markdown']!, /^```typescript\nfunction addUp/);
  }
  assert.equal(await ask('   ', 1), { status: 'ok', found: false, data: {}, metadata: {} });
});

test('a question mark pages the help', async () => {
  const asked = ['addUp?', ' addUp ?? ', '?addUp'].map((code) => c.execute(code));
  const [e, ...same] = await Promise.all(asked);
  for (const s of same) assert.equal(content(s.reply)['payload'], content(e!.reply)['payload']);
  const none = content((await c.execute('noSuchName?')).reply)['payload'] as { data: object }[];
  assert.equal(none[0]!.data, { 'text/plain': 'nothing is known about noSuchName' });
  const payload = content(e!.reply)['payload'] as {
    source: string;
    data: Record<string, string>;
    start: number;
  }[];
  assert.is(payload[0]!.source, 'page');
  assert.match(payload[0]!.data['text/plain']!, /Adds things/);
});

test('is_complete', async () => {
  const expect: [code: string, status: string][] = [
    ['const x = 1', 'complete'],
    ['function f() { return 1 }', 'complete'],
    ['await fetch("x")', 'complete'],
    ['', 'complete'],
    ['for (const x of [1]) {', 'incomplete'],
    ['const x = [1,\n', 'incomplete'],
    ['foo(', 'incomplete'],
    ['const s = `abc', 'incomplete'],
    ['/* begun', 'incomplete'],
    ['if (a) {\n  b()', 'incomplete'],
    ['const x =', 'incomplete'],
    ['const = 3', 'invalid'],
    ['foo)', 'invalid'],
    ['let 1a', 'invalid'],
    ["const s = 'abc", 'invalid'],
  ];
  for (const [code, status] of expect) {
    const r = content(await c.request('is_complete_request', { code }));
    assert.is(r['status'], status, code);
    if (status === 'incomplete') assert.type(r['indent'], 'string');
  }
  const r = content(await c.request('is_complete_request', { code: '  if (x) {' }));
  assert.is(r['indent'], '    ');
});

test('requests without an answer of their own', async () => {
  for (const type of ['surprise_request', 'constructor_request', 'toString']) {
    const id = c.send(type, {});
    await c.wait((m) => m.parent === id && m.content['execution_state'] === ('idle' as never));
    const answers = (m: Received): boolean => m.parent === id && m.type.endsWith('_reply');
    if (type.endsWith('_request')) {
      const reply = content(await c.wait(answers));
      assert.equal([reply['status'], reply['ename']], ['error', 'UnknownRequest']);
    } else assert.not(c.received.some(answers));
  }
  assert.equal(content(await c.request('comm_info_request', {})), { status: 'ok', comms: {} });
  assert.is(content(await c.request('connect_request', {}))['shell_port'], c.connection.shell_port);
  const debug = content(await c.request('debug_request', { type: 'request', command: 'attach' }, 'control'));
  assert.equal(
    [debug['status'], debug['evalue']],
    ['error', 'the kernel has no debugger (kernel_info says so)'],
  );
});

test('requests of the wrong kind are told what is wrong, and harm nothing', async () => {
  for (const [type, wrong, rule] of [
    ['execute_request', { code: 5 }, /^code: must be text, received 5$/],
    ['execute_request', { code: '1', silent: 'no' }, /^silent: must be true or false/],
    ['execute_request', { code: '1', user_expressions: [1] }, /^user_expressions: must be an object/],
    ['execute_request', { code: '1', user_expressions: { a: 2 } }, /^a: must be text/],
    ['is_complete_request', {}, /^code: must be text, received undefined$/],
    ['complete_request', { code: null }, /^code: must be text/],
    ['inspect_request', { code: {} }, /^code: must be text/],
    ['history_request', { hist_access_type: 'elsewhere' }, /^hist_access_type: must be one of/],
  ] as const) {
    const reply = await c.request(type, wrong);
    assert.is(content(reply)['status'], 'error', type);
    assert.match(String(content(reply)['evalue']), rule);
    await c.wait((m) => m.parent === reply.parent && m.content['execution_state'] === ('idle' as never));
  }
  const open = c.send('comm_open', { comm_id: 3 });
  await c.wait((m) => m.parent === open && m.content['execution_state'] === ('idle' as never));
  assert.is(await c.value('1 + 1'), '2');
});

test('every request is bracketed by busy and idle', async () => {
  const id = (await c.request('is_complete_request', { code: '1' })).parent;
  await c.wait((m) => m.parent === id && m.content['execution_state'] === ('idle' as never));
  const states = c.received
    .filter((m) => m.parent === id && m.type === 'status')
    .map((m) => m.content['execution_state']);
  assert.equal(states, ['busy', 'idle']);
});

test('messages with a wrong signature are dropped', async () => {
  const id = c.send('kernel_info_request', {}, 'shell', { key: 'not the key' });
  await c.request('kernel_info_request', {});
  await sleep(100);
  assert.is(c.received.filter((m) => m.parent === id).length, 0);
});

test('a message that comes again is dropped', async () => {
  const first = c.send('kernel_info_request', {});
  await c.wait((m) => m.parent === first && m.type === 'kernel_info_reply');
  c.sendAgain();
  c.sendAgain();
  await c.request('kernel_info_request', {});
  await sleep(50);
  assert.is(c.received.filter((m) => m.parent === first && m.type === 'kernel_info_reply').length, 1);
});

test('heartbeat', async () => {
  assert.is(await c.heartbeat(), 'ping');
});

test('the control channel and the heartbeat answer while a cell keeps its process busy', async () => {
  const id = c.sendExecute('{ const end = Date.now() + 1500; while (Date.now() < end); }');
  await c.wait((m) => m.parent === id && m.type === 'execute_input');
  await sleep(200);
  for (const channel of ['control', 'shell'] as const) await c.request('kernel_info_request', {}, channel);
  assert.is(await c.heartbeat(), 'ping');
  assert.not(c.received.some((m) => m.parent === id && m.type === 'execute_reply'));
  await c.finished(id);
});

test('completion answers while a cell keeps its process busy', async () => {
  const id = c.sendExecute('{ const end = Date.now() + 1500; while (Date.now() < end); }');
  await c.wait((m) => m.parent === id && m.type === 'execute_input');
  await sleep(200);
  const t = Date.now();
  await c.request('complete_request', { code: 'consol', cursor_pos: 6 });
  const took = Date.now() - t;
  assert.is(
    c.received.some((m) => m.parent === id && m.type === 'execute_reply'),
    false,
  );
  // The answer's idle is not the last word about a kernel that is still busy.
  await sleep(50);
  const states = c.received.filter((m) => m.type === 'status').at(-1)!;
  assert.equal([states.parent, states.content['execution_state']], [id, 'busy'] as never);
  assert.ok(took < 1000, `${took} ms`);
  await c.finished(id);
});

test.run();

import { zipSync } from 'fflate';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  configurations,
  GlobalName,
  InertObject,
  isSparseTensor,
  isTensor,
  type PickleValue,
  readTorch,
  stateDict,
  type Tensor,
  torchAt,
} from '../../lib/io/index.js';
import { sample, skip } from '../tools.js';
import { archive, global, int, pickle, tensor, text, tuple } from './pickle-tools.js';
import { bytes, file, refusal } from './tools.js';

const f32 = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);
const i64 = (...values: bigint[]): Uint8Array => new Uint8Array(BigInt64Array.from(values).buffer);

function read(data: Uint8Array, storages: Record<string, Uint8Array> = {}): PickleValue {
  return readTorch(file('m.pt', archive(data, storages)));
}
const refused = (data: Uint8Array, storages: Record<string, Uint8Array> = {}): string =>
  refusal(() => read(data, storages));

test('plain values of all protocols', () => {
  const value = read(
    pickle(
      ...['(', 'N', 0x88, 0x89, 'I7\n', 'I01\n', 'L-12345678901234567890L\n', 'F2.5\n', int(-3)],
      ...[
        'M',
        Uint8Array.of(0x39, 0x30),
        0x8a,
        Uint8Array.of(1, 0xff),
        0x8a,
        Uint8Array.of(2, 0xff, 0x00),
        0x8a,
        0,
      ],
      ...['G', Uint8Array.of(0xbf, 0xf8, 0, 0, 0, 0, 0, 0), text('Å'), 0x8c, Uint8Array.of(1, 0x61)],
      ...[
        "S'it'\n",
        'Vh\\u00e9\n',
        'C',
        Uint8Array.of(2, 1, 2),
        '(K\x01K\x02\x91',
        ']K\x05a',
        '}K\x01K\x02s',
        'l',
      ],
    ),
  );
  assert.equal(value, [
    ...[
      null,
      true,
      false,
      7,
      true,
      -12345678901234567890n,
      2.5,
      -3,
      12345,
      -1,
      255,
      0,
      -1.5,
      'Å',
      'a',
      'it',
      'hé',
    ],
    ...[Uint8Array.of(1, 2), new Set([1, 2]), [5], new Map([[1, 2]])],
  ]);
});

test('tensors of every storage type', () => {
  const cases: [string, Uint8Array, Tensor['dtype'], Tensor['data']][] = [
    ['FloatStorage', f32(1, -2), 'float32', Float32Array.of(1, -2)],
    ['DoubleStorage', bytes('f64', 0.1, 'f64', 2), 'float64', Float64Array.of(0.1, 2)],
    ['HalfStorage', bytes('u16', 0x3c00, 'u16', 0xc000), 'float16', Float32Array.of(1, -2)],
    ['BFloat16Storage', bytes('u16', 0x3f80, 'u16', 0xc000), 'bfloat16', Float32Array.of(1, -2)],
    ['LongStorage', i64(3n, -4n), 'int64', BigInt64Array.of(3n, -4n)],
    ['IntStorage', bytes('i32', 3, 'i32', -4), 'int32', Int32Array.of(3, -4)],
    ['ShortStorage', bytes('u16', 3, 'u16', 0xfffc), 'int16', Int16Array.of(3, -4)],
    ['CharStorage', Uint8Array.of(3, 0xfc), 'int8', Int8Array.of(3, -4)],
    ['ByteStorage', Uint8Array.of(3, 0xfc), 'uint8', Uint8Array.of(3, 252)],
    ['BoolStorage', Uint8Array.of(1, 0), 'bool', Uint8Array.of(1, 0)],
  ];
  for (const [type, data, dtype, want] of cases) {
    assert.equal(read(pickle(tensor(type, '0', 2, 0, [2], [1])), { 0: data }), {
      shape: [2],
      dtype,
      data: want,
    });
  }
});

test('strided views become row-major', () => {
  const storage = { 0: f32(0, 1, 2, 3, 4, 5, 6, 7) };
  const view = (offset: number, size: number[], stride: number[]): Tensor['data'] =>
    (read(pickle(tensor('FloatStorage', '0', 8, offset, size, stride)), storage) as Tensor).data;
  assert.equal(view(0, [2, 3], [1, 2]), Float32Array.of(0, 2, 4, 1, 3, 5));
  assert.equal(view(1, [2, 2], [4, 2]), Float32Array.of(1, 3, 5, 7));
  assert.equal(view(3, [3], [0]), Float32Array.of(3, 3, 3));
  assert.equal(view(5, [], []), Float32Array.of(5));
  assert.equal(view(0, [4, 0], [1, 4]), new Float32Array());
  assert.equal(view(0, [2, 2, 2], [1, 2, 4]), Float32Array.of(0, 4, 2, 6, 1, 5, 3, 7));
});

const sparse = (size: Uint8Array): Uint8Array =>
  pickle(
    ...[global('torch._utils', '_rebuild_sparse_tensor'), '('],
    ...[global('torch.serialization', '_get_layout'), text('torch.sparse_coo'), 0x85, 'R('],
    ...[tensor('LongStorage', '0', 4, 0, [2, 2], [2, 1]), tensor('FloatStorage', '1', 2, 0, [2], [1])],
    ...[global('torch', 'Size'), size, 0x85, 'R', 't', 't', 'R'],
  );

test('sparse tensors keep their coordinates, checked against the shape', () => {
  const storages = { 0: i64(0n, 4n, 1n, 2n), 1: f32(7, 8) };
  const value = read(sparse(tuple(int(5), int(3))), storages);
  assert.ok(isSparseTensor(value) && !isTensor(value));
  assert.equal(value.shape, [5, 3]);
  assert.equal(value.indices.data, BigInt64Array.of(0n, 4n, 1n, 2n));
  assert.equal(value.values.data, Float32Array.of(7, 8));
  assert.match(
    refused(sparse(tuple(int(4), int(3))), storages),
    /sparse index must be within 0\.\.3, received 4/,
  );
  assert.match(refused(sparse(tuple(int(9))), storages), /sparse tensor indices must be \(1, 2\)/);
});

/** A module object: NEWOBJ and BUILD with parameters, buffers and submodules. */
const moduleState = (parameters: Uint8Array | string, modules: Uint8Array | string): Uint8Array =>
  Buffer.concat([
    Buffer.from('}('),
    ...[text('_parameters'), Buffer.from(parameters), text('_buffers'), Buffer.from('}'), text('_modules')],
    ...[Buffer.from(modules), text('act'), Buffer.from(`${global('torch', 'tanh')}u`)],
  ]);

test('a pickled module is inert state, reached by path and as a state dict', () => {
  const weight = tensor('FloatStorage', '0', 2, 0, [2], [1]);
  const inner = Buffer.concat([
    Buffer.from(`${global('mlcg.nn.schnet', 'CFConv')})\x81`, 'latin1'),
    moduleState(Buffer.concat([Buffer.from('}'), text('weight'), weight, Buffer.from('s')]), '}'),
    Buffer.from('b'),
  ]);
  const outer = Buffer.concat([
    Buffer.from(`${global('torch.nn.modules.container', 'ModuleDict')})\x81`, 'latin1'),
  ]);
  const value = read(
    pickle(
      outer,
      moduleState('}', Buffer.concat([Buffer.from('}'), text('conv'), inner, Buffer.from('s')])),
      'b',
    ),
    { 0: f32(1, 2) },
  );
  assert.instance(value, InertObject);
  const conv = torchAt(value, 'conv') as InertObject;
  assert.equal([conv.module, conv.className], ['mlcg.nn.schnet', 'CFConv']);
  const act = torchAt(value, 'conv', 'act') as GlobalName;
  assert.instance(act, GlobalName);
  assert.equal([act.module, act.name], ['torch', 'tanh']);
  assert.equal((torchAt(value, 'conv', 'weight') as Tensor).data, Float32Array.of(1, 2));
  assert.equal([...stateDict(value).keys()], ['conv.weight']);
  assert.is(torchAt(value, 'conv', 'missing', 'deeper'), undefined);
});

test('checkpoints: the state dict under its key, shared and circular values', () => {
  const weight = tensor('FloatStorage', '0', 1, 0, [1], [1]);
  const value = read(
    pickle(
      '}q\x00(',
      text('self'),
      'h\x00',
      text('state_dict'),
      '}',
      text('a.weight'),
      weight,
      's',
      text('n'),
      'K\x05u',
    ),
    { 0: f32(9) },
  );
  assert.is((value as Map<string, unknown>).get('self'), value);
  assert.equal(
    [...stateDict(value)],
    [['a.weight', { shape: [1], dtype: 'float32', data: Float32Array.of(9) }]],
  );
});

test('numpy scalars and arrays', () => {
  const dtype = (code: string): Uint8Array =>
    Buffer.concat([
      Buffer.from(`${global('numpy', 'dtype')}(`),
      ...[
        text(code),
        Uint8Array.of(0x89, 0x88),
        Buffer.from('tR(K\x03'),
        text('<'),
        Buffer.from('NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb', 'latin1'),
      ],
    ]);
  const raw = (s: string): Uint8Array =>
    Buffer.concat([
      Buffer.from(`${global('_codecs', 'encode')}(`),
      text(s),
      text('latin1'),
      Buffer.from('tR'),
    ]);
  const scalar = pickle(
    global('numpy.core.multiarray', 'scalar'),
    '(',
    dtype('i8'),
    raw(`\xf9${'\xff'.repeat(7)}`),
    'tR',
  );
  assert.is(read(scalar), -7);
  const array = (fortran: number): Uint8Array =>
    pickle(
      ...[global('numpy._core.multiarray', '_reconstruct'), '(', global('numpy', 'ndarray'), 'K\x00\x85'],
      ...['C', Uint8Array.of(1, 0x62), 'tR(K\x01', tuple(int(2), int(3)), dtype('u1'), fortran],
      ...['C', Uint8Array.of(6, 1, 2, 3, 4, 5, 6), 'tb'],
    );
  assert.equal(
    { ...(read(array(0x89)) as Tensor) },
    { shape: [2, 3], dtype: 'uint8', data: Uint8Array.of(1, 2, 3, 4, 5, 6) },
  );
  assert.equal((read(array(0x88)) as Tensor).data, Uint8Array.of(1, 3, 5, 2, 4, 6));
  assert.match(
    refused(
      pickle(dtype('O'), 'q\x000', global('numpy.core.multiarray', 'scalar'), '(h\x00', raw('x'), 'tR'),
    ),
    /numpy type must be one of/,
  );
});

test('a hostile pickle is refused by the name of what it wanted to run', () => {
  const reduce = (module: string, name: string): Uint8Array =>
    pickle(global(module, name), text('echo pwned'), 0x85, 'R');
  assert.match(
    refused(reduce('os', 'system')),
    /m\.pt: m\/data\.pkl byte 2: refused a global .*nothing was run.*"os\.system"/,
  );
  for (const [module, name] of [
    ['posix', 'system'],
    ['builtins', 'eval'],
    ['__builtin__', 'exec'],
    ['builtins', 'getattr'],
    ['subprocess', 'Popen'],
    ['torch.hub', 'load'],
    ['torch', 'load'],
    ['mlcgx', 'Thing'],
    ['mlcg.nn', 'os.system'],
    ['torch.serialization', 'load'],
    ['functools', 'partial'],
  ] as const) {
    const message = refused(reduce(module, name));
    assert.ok(message.includes(`"${module}.${name}"`), message);
  }
  const stack = pickle(text('nt'), text('system'), 0x93, text('x'), 0x85, 'R');
  assert.match(refused(stack), /"nt\.system"/);
  assert.match(refused(pickle('(ios\nsystem\n')), /"os\.system"/);
});

test('broken pickles and tensors are refused at their byte', () => {
  const one = { 0: f32(1, 2, 3, 4) };
  const view = (count: number, offset: number, size: number[], stride: number[]): string =>
    refused(pickle(tensor('FloatStorage', '0', count, offset, size, stride)), one);
  assert.match(
    view(4, 1, [4], [1]),
    /tensor must lie inside its storage of 4 elements, last element, received 4/,
  );
  assert.match(view(4, 0, [2, 2], [3, 1]), /must lie inside its storage/);
  assert.match(view(4, -1, [1], [1]), /tensor offset must be a whole number, received -1/);
  assert.match(view(4, 0, [2], [-1]), /tensor stride must be a whole number/);
  assert.match(view(5, 0, [1], [1]), /storage data\/0 must hold 20 bytes, received 16/);
  assert.match(view(4, 0, [2000000000], [0]), /tensors must fit \d+ bytes more \(an expanded tensor\?\)/);
  assert.match(view(4, 0, [2e9, 2e9, 2e9, 2e9], [0, 0, 0, 0]), /tensors must fit/);
  assert.match(view(4, 0, [1], []), /stride must have an entry for each size/);
  assert.match(
    refused(pickle(tensor('FloatStorage', '7', 1, 0, [1], [1])), one),
    /storage of the archive, received "data\/7"/,
  );
  assert.match(refused(pickle(tensor('QInt8Storage', '0', 1, 0, [1], [1])), one), /"torch\.QInt8Storage"/);
  assert.match(refused(pickle('a')), /byte 2: needs a value, the stack is empty/);
  assert.match(refused(pickle('h\x05')), /byte 2: must name a stored value, memo, received 5/);
  assert.match(refused(pickle('t')), /byte 2: needs a mark/);
  assert.match(refused(pickle('K\x01)R')), /must call a global/);
  assert.match(refused(pickle('X', Uint8Array.of(255, 255, 255, 255))), /byte 2: needs 4294967295 bytes/);
  assert.match(refused(pickle('\x82\x01')), /must be an opcode this reader knows, received "0x82"/);
});

test('a small pickle that asks for a lot of work is refused', () => {
  const odict = global('collections', 'OrderedDict');
  const copies = pickle(
    odict,
    'q\x010(',
    'K\x01'.repeat(10_000),
    'l\x85q\x020',
    'h\x01h\x02R0'.repeat(300),
    'N',
  );
  assert.match(refused(copies), /must copy at most \d+ elements by calls/);
  assert.match(refused(pickle('('.repeat(20_000))), /must nest at most 10000 marks/);
  assert.match(refused(pickle(']', '\x85'.repeat(2000))), /must nest at most 1000 deep/);
  assert.is((read(pickle('K\x07', '\x85'.repeat(900))) as unknown[]).length, 1);
  assert.match(refused(pickle('(', ')'.repeat(4_000_001), 't')), /must hold at most 4000000 objects/);
});

test('a tuple whose BUILD claims four billion entries is refused, not spread', () => {
  const hostile = pickle(
    global('collections', 'OrderedDict'),
    ')}',
    text('length'),
    0x8a,
    Uint8Array.of(4, 255, 255, 255, 255),
    'sbR',
  );
  assert.match(refused(hostile), /must set the state of an object/);
});

test('archives: cut, bombed, mislabelled, of another program', () => {
  const good = archive(pickle('N'), {});
  assert.match(
    refusal(() => readTorch(file('cut.pt', good.subarray(0, good.length - 5)))),
    /cut\.pt: byte \d+: must end with a zip end record/,
  );
  assert.match(
    refusal(() => readTorch(file('old.pt', Uint8Array.of(0x80, 2, 0x8a, 10)))),
    /old\.pt: byte 0: must be a zip archive/,
  );
  assert.match(
    refusal(() => readTorch(file('empty.pt', ''))),
    /empty\.pt: byte 0/,
  );
  const flipped = Buffer.from(good);
  flipped[flipped.indexOf(Uint8Array.of(0x80, 2, 0x4e)) + 2] = 0x88;
  assert.match(
    refusal(() => readTorch(file('crc.pt', flipped))),
    /zip entry 'm\/data\.pkl' at byte 0: must match its checksum/,
  );
  // Declared sizes are the directory's: 24 bytes into its entry, which starts with PK 1 2.
  const declare = (level: 0 | 9, size: number): Buffer => {
    const zip = Buffer.from(zipSync({ 'm/data.pkl': new Uint8Array(100_000) }, { level }));
    zip.writeUInt32LE(size, zip.indexOf('PK\x01\x02') + 24);
    return zip;
  };
  assert.match(
    refusal(() => readTorch(file('bomb.pt', declare(9, 90_000_000)))),
    /unpacks to more than .*zip bomb.*received 90000000/,
  );
  assert.match(
    refusal(() => readTorch(file('more.pt', declare(9, 1000)))),
    /must inflate to 1000 bytes/,
  );
  assert.match(
    refusal(() => readTorch(file('less.pt', declare(9, 200_000)))),
    /must inflate to 200000 bytes, received 100000/,
  );
  assert.match(
    refusal(() => readTorch(file('stored.pt', declare(0, 1000)))),
    /must hold 1000 bytes, received 100000/,
  );
  const script = zipSync({ 'm/data.pkl': pickle('N'), 'm/constants.pkl': pickle('N') });
  assert.match(
    refusal(() => readTorch(file('script.pt', script))),
    /TorchScript/,
  );
  const big = zipSync({ 'm/data.pkl': pickle('N'), 'm/byteorder': Buffer.from('big') });
  assert.match(
    refusal(() => readTorch(file('big.pt', big))),
    /byteorder: must be little/,
  );
});

test('deflated archives read as stored ones', () => {
  const packed = zipSync({ 'm/data.pkl': pickle(']', 'K\x07a'.repeat(1000)) }, { level: 9 });
  assert.is((readTorch(file('deflated.pt', packed)) as number[]).length, 1000);
});

test('CLN025: trained priors and configurations read completely', () => {
  const prior = sample('mlcg/prior.pt');
  const start = sample('mlcg/cln_configurations_demo.pt');
  if (!prior || !start) return skip('CLN025 files', 'sample data absent');
  const value = readTorch(prior);
  const x0 = torchAt(value, 'bulk_bonds', 'model', 'x_0');
  assert.ok(isSparseTensor(x0));
  assert.equal(x0.shape, [25, 25]);
  // N-CA 1.4742 Å (spec: sample values).
  const at = (i: number, j: number): number => {
    const n = x0.values.data.length;
    const { data } = x0.indices as { data: BigInt64Array };
    return Number(
      x0.values.data[[...Array(n).keys()].find((e) => data[e] === BigInt(i) && data[n + e] === BigInt(j))!],
    );
  };
  assert.ok(Math.abs(at(21, 22) - 1.4742) < 1e-4);
  assert.is(stateDict(value).size, 145);
  const structures = configurations(readTorch(start), 'configurations.pt');
  assert.is(structures.length, 10);
  assert.is(structures[0]!.count, 49);
  assert.equal(
    [...structures[0]!.masses!.slice(0, 3)].map((m) => Math.round(m)),
    [14, 12, 12],
  );
  assert.equal([...structures[0]!.types!.slice(0, 5)], [21, 22, 20, 23, 24]);
  assert.equal(structures[0]!.symbols.slice(0, 5), ['N', 'CA', 'CB', 'C', 'O']);
});

test('configurations with a broken field are refused by its name', () => {
  const data = (fields: (Uint8Array | string)[]): Uint8Array =>
    pickle(']', global('mlcg.data.atomic_data', 'AtomicData'), ')\x81}(', ...fields, 'uba');
  const pos = (size: number[], stride: number[]): Uint8Array =>
    tensor('FloatStorage', '0', 3, 0, size, stride);
  const storages = { 0: f32(0, Number.NaN, 1), 1: i64(2n) };
  const types = tensor('LongStorage', '1', 1, 0, [1], [1]);
  const message = (fields: (Uint8Array | string)[]): string =>
    refusal(() => configurations(read(data(fields), storages), 'c.pt'));
  assert.match(
    message([text('pos'), pos([3], [1])]),
    /c\.pt: configuration 0 pos: must be a tensor of shape \(n,3\)/,
  );
  assert.match(message([text('pos'), pos([1, 3], [3, 1])]), /atom_types: must be a tensor of 1 entries/);
  assert.match(
    message([text('pos'), pos([1, 3], [3, 1]), text('atom_types'), types]),
    /pos\[0\]: must be finite, received NaN/,
  );
});

test.run();

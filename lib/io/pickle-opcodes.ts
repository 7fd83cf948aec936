/** What each opcode of a pickle does (Python's pickletools), and the loop that runs them. */
import type { PickleValue, Unpickler } from './pickle.js';

type Opcode = (u: Unpickler) => void;
const opcodes: (Opcode | undefined)[] = [];
const stop = 0x2e;
const maxOpcodes = 32_000_000;

/**
 * Reads a pickle up to STOP. Time and memory are bounded: every opcode adds at most one object, and objects and
 * opcodes are counted.
 * @throws EFORMAT naming the byte and, for a refused global, its name
 */
export function runPickle(u: Unpickler): PickleValue {
  for (let count = 0; ; count++) {
    if (count === maxOpcodes) u.fail(`must be of at most ${maxOpcodes} opcodes`);
    const opcode = u.opcode();
    if (opcode === stop) return u.pop();
    const read = opcodes[opcode];
    if (!read) return u.fail('must be an opcode this reader knows', `0x${opcode.toString(16)}`);
    read(u);
  }
}

function define(code: string | number, body: Opcode): void {
  opcodes[typeof code === 'string' ? code.charCodeAt(0) : code] = body;
}

// Structure, stack and memo.
define(0x80, (u) => {
  const version = u.byte();
  if (version > 5) u.fail('must be protocol 0..5', version);
});
define(0x95, (u) => u.take(8));
define('(', (u) => u.mark());
define('0', (u) => u.pop());
define('1', (u) => u.popMark());
define('2', (u) => u.push(u.top()));
define('p', (u) => u.put(Number(u.line())));
define('q', (u) => u.put(u.byte()));
define('r', (u) => u.put(u.uint32()));
define(0x94, (u) => u.memoize());
define('g', (u) => u.get(Number(u.line())));
define('h', (u) => u.get(u.byte()));
define('j', (u) => u.get(u.uint32()));

// Scalars.
define('N', (u) => u.push(null));
define(0x88, (u) => u.push(true));
define(0x89, (u) => u.push(false));
define('I', (u) => {
  const text = u.line();
  if (text === '00' || text === '01') u.push(text === '01');
  else u.decimal(text);
});
define('L', (u) => u.decimal(u.line()));
define('F', (u) => u.push(Number(u.line())));
define('J', (u) => u.push(u.int32()));
define('K', (u) => u.push(u.byte()));
define('M', (u) => u.push(u.uint16()));
define(0x8a, (u) => u.long(u.byte()));
define(0x8b, (u) => u.long(u.int32()));
define('G', (u) => u.push(u.float64()));

// Strings and bytes.
define('S', (u) => {
  const text = u.line();
  if (!/^'[^\\]*'$|^"[^\\]*"$/.test(text)) u.fail('must be a plain quoted string');
  u.push(text.slice(1, -1));
});
define('V', (u) => {
  u.push(u.line().replace(/\\u([0-9a-fA-F]{4})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))));
});
define('T', (u) => u.push(u.ascii(u.uint32())));
define('U', (u) => u.push(u.ascii(u.byte())));
define('X', (u) => u.push(u.text(u.uint32())));
define(0x8c, (u) => u.push(u.text(u.byte())));
define(0x8d, (u) => u.push(u.text(u.uint64())));
define('B', (u) => u.push(u.copy(u.uint32())));
define('C', (u) => u.push(u.copy(u.byte())));
define(0x8e, (u) => u.push(u.copy(u.uint64())));
define(0x96, (u) => u.push(u.copy(u.uint64())));

// Tuples, lists, dicts, sets.
define(')', (u) => u.create([]));
define('t', (u) => u.create(u.popMark()));
define(0x85, (u) => u.create([u.pop()]));
define(0x86, (u) => {
  const b = u.pop();
  u.create([u.pop(), b]);
});
define(0x87, (u) => {
  const c = u.pop();
  const b = u.pop();
  u.create([u.pop(), b, c]);
});
define(']', (u) => u.create([]));
define('l', (u) => u.create(u.popMark()));
define('a', (u) => {
  const item = u.pop();
  u.append([item]);
});
define('e', (u) => u.append(u.popMark()));
define('}', (u) => u.create(new Map()));
define('d', (u) => {
  const items = u.popMark();
  u.create(new Map());
  u.setItems(items);
});
define('s', (u) => {
  const value = u.pop();
  const key = u.pop();
  u.setItems([key, value]);
});
define('u', (u) => u.setItems(u.popMark()));
define(0x8f, (u) => u.create(new Set()));
define(0x91, (u) => {
  const items = u.popMark();
  u.create(new Set());
  u.addItems(items);
});
define(0x90, (u) => u.addItems(u.popMark()));

// Objects. EXT1..EXT4 (process-wide registry) and out-of-band buffers have no meaning in a file and stay unknown.
define('c', (u) => {
  const module = u.line();
  u.global(module, u.line());
});
define(0x93, (u) => {
  const name = u.pop();
  u.global(u.pop(), name);
});
define('R', (u) => {
  const args = u.pop();
  u.call(u.pop(), args);
});
define(0x81, (u) => {
  const args = u.pop();
  u.call(u.pop(), args);
});
define(0x92, (u) => {
  u.pop(); // keyword arguments
  const args = u.pop();
  u.call(u.pop(), args);
});
define('i', (u) => {
  const module = u.line();
  u.global(module, u.line());
  const target = u.pop();
  u.call(target, u.popMark());
});
define('o', (u) => {
  const [target, ...args] = u.popMark();
  u.call(target ?? null, args);
});
define('b', (u) => u.build());
define('P', (u) => u.persistent(u.line()));
define('Q', (u) => u.persistent(u.pop()));

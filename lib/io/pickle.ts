/**
 * A reader of Python pickles (protocols 0..5) that runs nothing: an object becomes inert data, and a global is
 * either on the caller's list of known harmless ones or the file is refused by the global's name.
 * Opcodes: Python's pickletools. Own code rather than a package because a hostile pickle must not be able to
 * end the process: packages spread attacker-sized arrays into calls and assign attacker-named properties.
 */
import { malformed } from '../errors.js';
import type { SparseTensor } from './sparse.js';
import type { Tensor } from './tensor.js';

/** An instance of a Python class, as it was written; nothing of the class is run. */
export class InertObject {
  /** For example `mlcg.nn.prior`. */
  readonly module: string;
  readonly className: string;
  /** What the constructor was called with. */
  readonly args: PickleValue[];
  /** The instance's attributes: a Map by name, unless the class pickles itself in another way. */
  state: PickleValue = null;
  /** Items of a class that extends dict (else empty). */
  readonly entries: Map<PickleValue, PickleValue> = new Map();
  /** Items of a class that extends list (else empty). */
  readonly items: PickleValue[] = [];

  constructor(module: string, className: string, args: PickleValue[]) {
    this.module = module;
    this.className = className;
    this.args = args;
  }
}

/** A class or function named by a pickle and not called, for example an activation `torch tanh`. */
export class GlobalName {
  readonly module: string;
  readonly name: string;

  constructor(module: string, name: string) {
    this.module = module;
    this.name = name;
  }
}

/**
 * What a pickle holds. Tuples and lists are arrays, dicts are Maps, bytes are Uint8Arrays, integers are numbers
 * where these are exact and bigints beyond. A value may contain itself.
 */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | Set<PickleValue>
  | InertObject
  | GlobalName
  | Tensor
  | SparseTensor;

/** What a global on the list does when a pickle calls it; absent: the call makes an InertObject. */
export type PickleFunction = (args: PickleValue[]) => PickleValue;

export interface PickleOptions {
  /** File and place, as errors begin. */
  file: string;
  entry: string;
  /** True: harmless, an inert class or name. A function: harmless, and this is what calling it gives. False: refused. */
  allow(module: string, name: string): boolean | PickleFunction;
  /** The object a persistent id stands for. */
  persistent?(id: PickleValue): PickleValue;
  /** Called for BUILD on an object that is not an InertObject or Map; returns false when that makes no sense. */
  build?(object: PickleValue, state: PickleValue): boolean;
}

class Callable extends GlobalName {
  readonly call: PickleFunction | undefined;

  constructor(module: string, name: string, call: PickleFunction | undefined) {
    super(module, name);
    this.call = call;
  }
}

const maxContainers = 4_000_000;
/** Elements and bytes that calls may copy together. */
const maxCharge = 256_000_000;
/** Marks inside marks: a tuple in a list in a dict … */
const maxMarks = 10_000;

const utf8 = new TextDecoder('utf-8');
const latin1 = new TextDecoder('latin1');

/** The stack machine that a pickle drives; `runPickle` feeds it the opcodes. */
export class Unpickler {
  private readonly view: DataView;
  private stack: PickleValue[] = [];
  private readonly marks: PickleValue[][] = [];
  private readonly memo = new Map<number, PickleValue>();
  private opcodeAt = 0;
  private containers = 0;
  private charged = 0;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly options: PickleOptions,
    private at: number = 0,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The next opcode; errors name its byte until the one after. */
  opcode(): number {
    this.opcodeAt = this.at;
    return this.byte();
  }

  fail(rule: string, received?: unknown): never {
    return malformed(this.options.file, `${this.options.entry} byte ${this.opcodeAt}`, rule, received);
  }

  push(value: PickleValue): void {
    this.stack.push(value);
  }

  /** Counts work that a call does beyond its own bytes: a few bytes of a pickle may copy one long list many times. */
  charge(elements: number): void {
    this.charged += elements;
    if (this.charged > maxCharge) this.fail(`must copy at most ${maxCharge} elements by calls`);
  }

  /** JavaScript's own maps end at 2^24 entries, with an error that is not ours. */
  checkSize(entries: number): void {
    if (entries > maxContainers) this.fail(`must hold at most ${maxContainers} entries together`);
  }

  /** Pushes a new container; they are counted, since an empty one takes 200 bytes for a byte of the file. */
  create(value: PickleValue): void {
    if (++this.containers > maxContainers) this.fail(`must hold at most ${maxContainers} objects`);
    this.stack.push(value);
  }

  pop(): PickleValue {
    if (this.stack.length === 0) this.fail('needs a value, the stack is empty');
    return this.stack.pop() as PickleValue;
  }

  top(): PickleValue {
    if (this.stack.length === 0) this.fail('needs a value, the stack is empty');
    return this.stack[this.stack.length - 1] as PickleValue;
  }

  mark(): void {
    if (this.marks.length === maxMarks) this.fail(`must nest at most ${maxMarks} marks`);
    this.marks.push(this.stack);
    this.stack = [];
  }

  popMark(): PickleValue[] {
    const items = this.stack;
    const below = this.marks.pop();
    if (!below) this.fail('needs a mark');
    this.stack = below;
    return items;
  }

  put(index: number): void {
    this.memo.set(index, this.top());
    this.checkSize(this.memo.size);
  }

  memoize(): void {
    this.put(this.memo.size);
  }

  get(index: number): void {
    const value = this.memo.get(index);
    if (value === undefined) this.fail('must name a stored value, memo', index);
    this.push(value);
  }

  /** The next `n` bytes, as a view. */
  take(n: number): Uint8Array {
    if (!(n >= 0 && n <= this.bytes.length - this.at)) {
      this.fail(`needs ${n} bytes, ${this.bytes.length - this.at} are left`);
    }
    this.at += n;
    return this.bytes.subarray(this.at - n, this.at);
  }

  private fixed(n: number): number {
    this.take(n);
    return this.at - n;
  }

  byte(): number {
    return this.view.getUint8(this.fixed(1));
  }

  uint16(): number {
    return this.view.getUint16(this.fixed(2), true);
  }

  int32(): number {
    return this.view.getInt32(this.fixed(4), true);
  }

  uint32(): number {
    return this.view.getUint32(this.fixed(4), true);
  }

  uint64(): number {
    return Number(this.view.getBigUint64(this.fixed(8), true));
  }

  float64(): number {
    return this.view.getFloat64(this.fixed(8), false);
  }

  text(n: number): string {
    return utf8.decode(this.take(n));
  }

  ascii(n: number): string {
    return latin1.decode(this.take(n));
  }

  copy(n: number): Uint8Array {
    return this.take(n).slice();
  }

  line(): string {
    const end = this.bytes.indexOf(10, this.at);
    if (end < 0) this.fail('must end its line');
    const text = this.ascii(end - this.at);
    this.at = end + 1;
    return text;
  }

  /** Two's complement, little-endian. */
  long(n: number): void {
    if (n > 64) this.fail('must be an integer of at most 64 bytes', n);
    const bytes = this.take(n);
    let value = 0n;
    for (let i = n - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
    if (n > 0 && bytes[n - 1]! & 0x80) value -= 1n << BigInt(8 * n);
    this.push(plainInteger(value));
  }

  decimal(text: string): void {
    if (!/^[+-]?\d{1,400}L?$/.test(text)) this.fail('must be a decimal integer', text);
    this.push(plainInteger(BigInt(text.replace('L', '').replace('+', ''))));
  }

  append(items: PickleValue[]): void {
    const list = this.top();
    const into = Array.isArray(list) ? list : list instanceof InertObject ? list.items : undefined;
    if (!into) this.fail('must append to a list');
    for (const item of items) into.push(item);
  }

  setItems(items: PickleValue[]): void {
    const dict = this.top();
    const into = dict instanceof Map ? dict : dict instanceof InertObject ? dict.entries : undefined;
    if (!into || items.length % 2) this.fail('must set pairs of a dict');
    this.checkSize(into.size + items.length / 2);
    for (let i = 0; i < items.length; i += 2) into.set(items[i] as PickleValue, items[i + 1] as PickleValue);
  }

  addItems(items: PickleValue[]): void {
    const set = this.top();
    if (!(set instanceof Set)) this.fail('must add to a set');
    this.checkSize(set.size + items.length);
    for (const item of items) set.add(item);
  }

  global(module: PickleValue, name: PickleValue): void {
    if (typeof module !== 'string' || typeof name !== 'string') this.fail('must name a global');
    const allowed = this.options.allow(module, name);
    if (allowed === false) {
      this.fail(
        'refused a global that is not on the list of known harmless ones (nothing was run)',
        `${module}.${name}`,
      );
    }
    this.push(new Callable(module, name, allowed === true ? undefined : allowed));
  }

  /** Calls a global on `args`: its harmless meaning, or an inert object. */
  call(target: PickleValue, args: PickleValue): void {
    if (!(target instanceof Callable)) this.fail('must call a global');
    if (!Array.isArray(args)) this.fail('must call with a tuple', target.name);
    this.create(target.call ? target.call(args) : new InertObject(target.module, target.name, args));
  }

  build(): void {
    const state = this.pop();
    const object = this.top();
    if (object instanceof InertObject) object.state = state;
    else if (object instanceof Map)
      return; // attributes of a dict, such as a state_dict's _metadata
    else if (!this.options.build?.(object, state)) this.fail('must set the state of an object');
  }

  persistent(id: PickleValue): void {
    if (!this.options.persistent) this.fail('must not refer to data outside the pickle');
    this.push(this.options.persistent(id));
  }
}

function plainInteger(value: bigint): number | bigint {
  const n = Number(value);
  return Number.isSafeInteger(n) ? n : value;
}

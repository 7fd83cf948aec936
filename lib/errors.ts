/**
 * The one error users meet. Its message reads `subject: rule, received value; remedy`, for example
 * `neighborList.cutoff: must be positive, received -1; give a length in Å`.
 */
export class MdlabError extends Error {
  override readonly name: string = 'MdlabError';
  /**
   * A stable word to test for: `EINVALID`, `EFORMAT`, `EINTERRUPTED`, `ENOTFOUND`, `EIO`, `EUNSUPPORTED`, `ENUMERIC`, `ENOMEM`;
   * of GPUs `EDEVICE` (lost: this process has none any more), `ECUDA` (any other refusal of the driver), `ECOMPILE`.
   */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Functions of native code, whose errors carry a code, such that they throw, at once or by a promise, as all others do. */
export function withMdlabErrors<T extends object>(functions: T): T {
  const rethrow = (error: Error & { code?: unknown }): never => {
    throw typeof error.code === 'string' ? new MdlabError(error.code, error.message) : error;
  };
  const checked = Object.entries(functions).map(([name, call]: [string, (...args: unknown[]) => unknown]) => [
    name,
    (...args: unknown[]): unknown => {
      try {
        const got = call(...args);
        return got instanceof Promise ? got.catch(rethrow) : got;
      } catch (error) {
        return rethrow(error as Error);
      }
    },
  ]);
  return Object.fromEntries(checked) as T;
}

/** Throws `EINVALID`: an argument breaks a rule. `received` is shown as code, shortened. */
export function invalid(subject: string, rule: string, received: unknown, remedy?: string): never {
  throw new MdlabError('EINVALID', sentence(subject, rule, received, remedy));
}

/** Throws `EFORMAT`: a file breaks a rule of its format. `where` is a field, line or byte offset. */
export function malformed(file: string, where: string, rule: string, received?: unknown): never {
  const got = received === undefined ? '' : `, received ${show(received)}`;
  throw new MdlabError('EFORMAT', `${file}: ${where}: ${rule}${got}`);
}

/** Throws `EINVALID` naming the known choices. */
export function unknownChoice(subject: string, received: unknown, known: readonly string[]): never {
  return invalid(subject, `must be one of ${known.map((k) => `'${k}'`).join(', ')}`, received);
}

/**
 * Throws `EINVALID` for an option of an unknown name, naming the known ones, and for options that are missing. TypeScript finds
 * unknown names in literals only, not in an object held by a variable.
 * @param known of the options' type, so that the compiler finds one forgotten here
 */
export function checkOptionNames<T extends object>(
  who: string,
  options: NoInfer<T>,
  known: Readonly<Record<keyof T, true>>,
): void {
  if (options === undefined || options === null) invalid(`${who} options`, 'must be an object', options);
  const odd = Object.keys(options).find((name) => !Object.hasOwn(known, name));
  if (odd !== undefined) unknownChoice(`${who} option`, odd, Object.keys(known));
}

/** Why the system could not read or write a file, in words. */
export function systemReason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const known: Record<string, string> = {
    ENOENT: 'no such file or folder',
    EACCES: 'permission denied',
    EISDIR: 'it is a folder',
    ENOTDIR: 'a folder of its path is a file',
    ENOSPC: 'no space left',
    EDQUOT: 'disk quota exceeded',
    EROFS: 'the file system is read-only',
  };
  return known[code ?? ''] ?? code ?? message;
}

function sentence(subject: string, rule: string, received: unknown, remedy?: string): string {
  return `${subject}: ${rule}, received ${show(received)}${remedy ? `; ${remedy}` : ''}`;
}

function show(value: unknown): string {
  if (typeof value === 'string')
    return JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}...` : value);
  if (ArrayBuffer.isView(value)) return `${value.constructor.name}(${(value as Float64Array).length})`;
  if (Array.isArray(value)) return `array of ${value.length}`;
  if (typeof value === 'object' && value !== null) return value.constructor?.name ?? 'object';
  return String(value);
}

/** Jupyter messages on the wire: identities, delimiter, signature, four JSON parts, buffers (protocol 5.4, "wire protocol"). */
import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';
import { isObject } from './requests.js';

export const protocolVersion = '5.4';

export interface Header {
  msg_id: string;
  session: string;
  username: string;
  date: string;
  msg_type: string;
  version: string;
}

export interface Message {
  /** Routing identities, for the answer. */
  identities: Buffer[];
  header: Header;
  parent: Partial<Header>;
  metadata: Record<string, unknown>;
  content: Record<string, unknown>;
  buffers: Buffer[];
  /** When the cell it brought began to run. */
  started?: string;
}

export interface Outgoing {
  type: string;
  /** Made up when not given. */
  id?: string;
  content: object;
  parent?: Partial<Header>;
  identities?: readonly (Buffer | string)[];
  metadata?: object;
  buffers?: readonly Uint8Array[];
}

/** A message is known again among so many before it. */
const remembered = 65_536;

const delimiter = Buffer.from('<IDS|MSG>');

export class Codec {
  private readonly session = randomUUID();
  private readonly hash: string;
  /** Signatures of the last messages, oldest first. */
  private readonly seen = new Set<string>();

  /**
   * @param key empty: messages are not signed
   * @param scheme `hmac-` and a hash Node knows
   */
  constructor(
    private readonly key: string,
    scheme: string = 'hmac-sha256',
    private readonly username: string = 'kernel',
  ) {
    this.hash = scheme.replace(/^hmac-/, '');
    this.sign([]);
  }

  encode(m: Outgoing): (Uint8Array | string)[] {
    const header: Header = {
      msg_id: m.id ?? randomUUID(),
      session: this.session,
      username: this.username,
      date: new Date().toISOString(),
      msg_type: m.type,
      version: protocolVersion,
    };
    const parts = [header, m.parent ?? {}, m.metadata ?? {}, m.content].map((p) =>
      Buffer.from(JSON.stringify(p)),
    );
    return [...(m.identities ?? []), delimiter, this.sign(parts), ...parts, ...(m.buffers ?? [])];
  }

  /** undefined for what is no message, is not signed with the key, or came before: such are dropped. Nothing is parsed unsigned. */
  decode(frames: readonly Buffer[]): Message | undefined {
    const at = frames.findIndex((f) => f.equals(delimiter));
    if (at < 0 || frames.length < at + 6) return undefined;
    const parts = frames.slice(at + 2, at + 6);
    if (!this.verified(frames[at + 1]!, parts)) return undefined;
    try {
      const [header, parent, metadata, content] = parts.map((p) => JSON.parse(p.toString('utf8')));
      if (typeof header?.msg_type !== 'string' || typeof header?.msg_id !== 'string') return undefined;
      if (!isObject(parent) || !isObject(metadata) || !isObject(content)) return undefined;
      const [identities, buffers] = [frames.slice(0, at), frames.slice(at + 6)];
      return { identities, header, parent, metadata, content, buffers };
    } catch {
      return undefined;
    }
  }

  private verified(signature: Buffer, parts: readonly Buffer[]): boolean {
    if (!this.key) return true;
    const expected = this.sign(parts);
    if (!equal(signature, Buffer.from(expected)) || this.seen.has(expected)) return false;
    if (this.seen.size >= remembered) for (const oldest of this.seen) if (this.seen.delete(oldest)) break;
    this.seen.add(expected);
    return true;
  }

  private sign(parts: readonly Buffer[]): string {
    if (!this.key) return '';
    const hmac = createHmac(this.hash, this.key);
    for (const p of parts) hmac.update(p);
    return hmac.digest('hex');
  }
}

function equal(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** The connection file: where a front end expects the kernel to listen. */
import { getHashes } from 'node:crypto';
import { malformed } from '../lib/errors.js';
import { readText } from '../lib/io/text.js';

export interface Connection {
  transport: 'tcp' | 'ipc';
  ip: string;
  key: string;
  signature_scheme: string;
  shell_port: number;
  iopub_port: number;
  stdin_port: number;
  control_port: number;
  hb_port: number;
}

const ports = ['shell_port', 'iopub_port', 'stdin_port', 'control_port', 'hb_port'] as const;

/** What ZeroMQ is to read as one address, and nothing beside it. */
const address = {
  tcp: /^(\*|[A-Za-z0-9.:%_-]+)$/,
  ipc: /^[^\0]+$/,
};

/** @throws ENOTFOUND, EFORMAT naming file and field */
export function readConnection(file: string): Connection {
  const text = readText(file, `connection file ${file}`, 'Jupyter writes it when it starts a kernel');
  let c: Partial<Connection>;
  try {
    c = JSON.parse(text) as Partial<Connection>;
  } catch (e) {
    malformed(file, 'text', `must be a connection file in JSON (${(e as Error).message})`);
  }
  if (typeof c !== 'object' || c === null) malformed(file, 'text', 'must be a JSON object', c);
  if (c.transport !== 'tcp' && c.transport !== 'ipc')
    malformed(file, 'transport', "must be 'tcp' or 'ipc'", c.transport);
  if (typeof c.ip !== 'string' || !address[c.transport].test(c.ip))
    malformed(file, 'ip', 'must be an address', c.ip);
  if (typeof c.key !== 'string')
    malformed(file, 'key', "must be text ('' where messages are not to be signed)", c.key);
  const scheme = c.signature_scheme || 'hmac-sha256';
  if (!/^hmac-[a-z0-9-]+$/.test(scheme) || !getHashes().includes(scheme.slice(5)))
    malformed(file, 'signature_scheme', 'must be hmac- and a hash that Node has', scheme);
  for (const p of ports)
    if (!Number.isInteger(c[p]) || c[p]! < 1 || c[p]! > 65535)
      malformed(file, p, 'must be a port number', c[p]);
  return { ...(c as Connection), signature_scheme: scheme };
}

/** Where the socket of a port is bound. */
export function addressOf(c: Connection, port: (typeof ports)[number]): string {
  return c.transport === 'tcp' ? `tcp://${c.ip}:${c[port]}` : `ipc://${c.ip}-${c[port]}`;
}

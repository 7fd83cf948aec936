/** Tells Jupyter about the kernel: a folder with kernel.json and logos in one of Jupyter's data folders. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { invalid, MdlabError, systemReason } from '../lib/errors.js';
import { homeFolder } from '../lib/folders.js';
import { writeWhole } from '../lib/io/write-whole.js';
import { version } from './version.js';

export interface KernelspecPlace {
  /** Folder name of the kernel; letters, digits, `.`, `_`, `-`. Default 'mdlab'. */
  name?: string;
  /** Install below PREFIX/share/jupyter, as for a virtual environment. Default: the user's data folder. */
  prefix?: string;
}

export interface KernelspecOptions extends KernelspecPlace {
  /** What front ends show. Default 'TypeScript (mdlab)'; with a name of its own the version too, to tell several apart. */
  displayName?: string;
  /** Environment variables of the kernel. */
  env?: Record<string, string>;
}

export interface InstalledKernel {
  name: string;
  folder: string;
  argv: string[];
  displayName: string;
  /** Of mdlab. */
  version: string;
  /** What it starts and is not there any more, if anything. */
  missing: string | undefined;
}

const command = fileURLToPath(new URL('./cli.js', import.meta.url));

/** Jupyter's data folder of the user: JUPYTER_DATA_DIR, else the platform's. */
export function userDataFolder(
  env: NodeJS.ProcessEnv = process.env,
  platform: string = process.platform,
): string {
  if (env['JUPYTER_DATA_DIR']) return resolve(env['JUPYTER_DATA_DIR']);
  const home = homeFolder(env);
  if (platform === 'darwin') return join(home, 'Library', 'Jupyter');
  if (platform === 'win32') return join(env['APPDATA'] ?? join(home, 'AppData', 'Roaming'), 'jupyter');
  return join(env['XDG_DATA_HOME'] || join(home, '.local', 'share'), 'jupyter');
}

/** Installs, or installs anew. @returns the kernel's folder @throws EINVALID where another kernel has the name */
export async function installKernelspec(options: KernelspecOptions = {}): Promise<string> {
  const folder = folderOf(options);
  const spec = join(folder, 'kernel.json');
  if (existsSync(spec) && !isOurs(spec))
    invalid('kernel name', 'is taken by another kernel', options.name ?? 'mdlab', 'choose one with --name');
  try {
    mkdirSync(folder, { recursive: true });
  } catch (e) {
    const why = systemReason(e);
    throw new MdlabError('EIO', `${folder}: cannot be made: ${why}; choose another place with --prefix`);
  }
  const own = options.name !== undefined && options.name !== 'mdlab';
  const content = {
    argv: [process.execPath, command, 'kernel', '{connection_file}'],
    display_name: options.displayName ?? `TypeScript (mdlab${own ? ` ${version}` : ''})`,
    language: 'typescript',
    interrupt_mode: 'message',
    env: options.env ?? {},
    metadata: { debugger: false, mdlab: true, version },
  };
  writeWhole(spec, [`${JSON.stringify(content, null, 2)}\n`]);
  await writeLogos(folder);
  return folder;
}

/** Removes the kernel, and the folders above it that are empty then. @throws ENOTFOUND when it is not there */
export function uninstallKernelspec(place: KernelspecPlace = {}): string {
  const folder = folderOf(place);
  const spec = join(folder, 'kernel.json');
  if (!existsSync(spec)) throw new MdlabError('ENOTFOUND', `kernel: none is installed in ${folder}`);
  if (!isOurs(spec)) invalid('kernel', 'is not one of mdlab', folder, 'remove it with its own tools');
  rmSync(folder, { recursive: true });
  const kernels = dirname(folder);
  const made = [
    kernels,
    dirname(kernels),
    ...(place.prefix === undefined ? [] : [dirname(dirname(kernels))]),
  ];
  for (const above of made) {
    if (readdirSync(above).length) break;
    rmdirSync(above);
  }
  return folder;
}

/** mdlab's kernels in the folders Jupyter would look into. */
export function listKernelspecs(prefix?: string, env: NodeJS.ProcessEnv = process.env): InstalledKernel[] {
  const roots = [
    ...(prefix ? [join(resolve(prefix), 'share', 'jupyter')] : []),
    ...(env['JUPYTER_PATH'] ?? '').split(delimiter).filter(Boolean),
    userDataFolder(env),
    '/usr/local/share/jupyter',
    '/usr/share/jupyter',
  ];
  return [...new Set(roots)].flatMap((root) => {
    const kernels = join(root, 'kernels');
    if (!existsSync(kernels)) return [];
    return readdirSync(kernels).flatMap((name) => {
      const spec = join(kernels, name, 'kernel.json');
      if (!existsSync(spec) || !isOurs(spec)) return [];
      const { argv, display_name, metadata } = JSON.parse(readFileSync(spec, 'utf8')) as {
        argv: string[];
        display_name: string;
        metadata: { version?: string };
      };
      const missing = argv.slice(0, 2).find((path) => !existsSync(path));
      const found = { name, folder: join(kernels, name), argv, displayName: display_name, missing };
      return [{ ...found, version: metadata.version ?? 'unknown' }];
    });
  });
}

function folderOf({ name = 'mdlab', prefix }: KernelspecPlace): string {
  if (!/^[A-Za-z0-9._-]+$/.test(name) || /^\.+$/.test(name))
    invalid('kernel name', 'must be of letters, digits, dot, dash and underscore', name);
  const data = prefix === undefined ? userDataFolder() : join(resolve(prefix), 'share', 'jupyter');
  return join(data, 'kernels', name);
}

function isOurs(spec: string): boolean {
  try {
    const { metadata } = JSON.parse(readFileSync(spec, 'utf8')) as { metadata?: { mdlab?: unknown } };
    return metadata?.mdlab === true;
  } catch {
    return false;
  }
}

/** Three beads of a chain. */
const logo = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">
<rect width="64" height="64" rx="12" fill="#12343b"/>
<path d="M14 46 30 20 50 38" fill="none" stroke="#e8f1f2" stroke-width="5" stroke-linecap="round" stroke-linejoin="round"/>
<circle cx="14" cy="46" r="8" fill="#f2a541"/><circle cx="30" cy="20" r="9" fill="#4fb3bf"/><circle cx="50" cy="38" r="8" fill="#e4572e"/>
</svg>
`;

async function writeLogos(folder: string): Promise<void> {
  const { Resvg } = await import('@resvg/resvg-js');
  writeWhole(join(folder, 'logo-svg.svg'), [logo]);
  for (const size of [32, 64]) {
    const png = new Resvg(logo, { fitTo: { mode: 'width', value: size } }).render().asPng();
    writeWhole(join(folder, `logo-${size}x${size}.png`), [png]);
  }
}

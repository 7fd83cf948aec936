/** Finds a Jupyter front end, or puts JupyterLab into a private virtual environment, and starts it on this machine only. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { MdlabError } from '../lib/errors.js';

/** Pinned: what the committed notebooks were tried with. */
const jupyterlab = 'jupyterlab==4.6.6';

/** A front end that starts with `command ...args`. */
export interface FrontEnd {
  kind: 'lab' | 'notebook';
  command: string;
  args: string[];
  version: string;
}

/** Looks in the private environment, on PATH, and in each python3 of PATH: the first python3 may be the wrong one. */
export function findJupyter(root: string): FrontEnd | undefined {
  const venv = join(root, 'build', 'venv', 'bin');
  const folders = [venv, ...(process.env['PATH'] ?? '').split(delimiter).filter(Boolean)];
  for (const folder of folders) {
    for (const [kind, name] of [
      ['lab', 'jupyter-lab'],
      ['notebook', 'jupyter-notebook'],
    ] as const) {
      const found = tryFrontEnd(kind, join(folder, name), []);
      if (found) return found;
    }
  }
  for (const python of pythons()) {
    const found =
      tryFrontEnd('lab', python, ['-m', 'jupyterlab']) ?? tryFrontEnd('notebook', python, ['-m', 'notebook']);
    if (found) return found;
  }
  return undefined;
}

function tryFrontEnd(kind: FrontEnd['kind'], command: string, args: string[]): FrontEnd | undefined {
  if (!existsSync(command)) return undefined;
  const { status, stdout } = spawnSync(command, [...args, '--version'], {
    encoding: 'utf8',
    timeout: 30_000,
  });
  return status === 0 ? { kind, command, args, version: stdout.trim() } : undefined;
}

/** Every python3 on PATH. */
function pythons(): string[] {
  const names = (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((f) => f && existsSync(f))
    .flatMap((f) =>
      readdirSync(f)
        .filter((n) => /^python3(\.\d+)?$/.test(n))
        .map((n) => join(f, n)),
    );
  return [...new Set(names)];
}

/**
 * Puts JupyterLab into build/venv; as root on Debian, apt's classic notebook where no environment can be made.
 * @returns undefined, having said why, when neither can be had
 */
export function installJupyter(root: string, say: (line: string) => void): FrontEnd | undefined {
  const venv = join(root, 'build', 'venv');
  for (const python of pythons()) {
    if (spawnSync(python, ['-m', 'venv', '--clear', venv], { stdio: 'ignore' }).status !== 0) continue;
    say(`installing ${jupyterlab} into ${venv}`);
    const pip = [join(venv, 'bin', 'python3'), '-m', 'pip', 'install', '--quiet', jupyterlab] as const;
    const done = spawnSync(pip[0], pip.slice(1), { stdio: ['ignore', 'inherit', 'inherit'] });
    if (done.status === 0) return findJupyter(root);
    rmSync(venv, { recursive: true, force: true });
    break;
  }
  const command = ['install', '-y', '--no-install-recommends', 'jupyter-notebook'];
  if (process.getuid?.() === 0 && spawnSync('apt-get', ['--version'], { stdio: 'ignore' }).status === 0) {
    say('installing jupyter-notebook with apt');
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    spawnSync('apt-get', ['update', '-qq'], { stdio: 'ignore' });
    spawnSync('apt-get', command, { stdio: 'ignore', env });
    const found = findJupyter(root);
    if (found) return found;
  }
  say(
    `no Jupyter found, and none could be installed. Install one, for example\n    sudo apt-get ${command.join(' ')}`,
  );
  return undefined;
}

export interface OpenOptions {
  /** What the server shows and serves. */
  folder: string;
  /** Opened first, relative to `folder`. */
  notebook: string;
  /** The folder whose kernels/ holds our kernelspec. */
  jupyterPath: string;
}

/** Starts the front end on 127.0.0.1 with a token of its own, our kernel preselected. The child ends with us. */
export function openJupyter(frontEnd: FrontEnd, options: OpenOptions): ChildProcess {
  const lab = frontEnd.kind === 'lab';
  // Notebook 6 takes its old application's names; Lab and Notebook 7 the server's.
  const old = !lab && Number.parseInt(frontEnd.version, 10) < 7;
  const app = old ? 'NotebookApp' : 'ServerApp';
  const display = process.platform !== 'linux' || process.env['DISPLAY'] || process.env['WAYLAND_DISPLAY'];
  const args = [
    ...frontEnd.args,
    `--${app}.ip=127.0.0.1`,
    `--${app}.${old ? 'notebook_dir' : 'root_dir'}=${options.folder}`,
    // Lab ignores the server's own setting.
    `--${lab ? 'LabApp' : app}.default_url=${lab ? '/lab/tree' : '/notebooks'}/${options.notebook}`,
    '--MultiKernelManager.default_kernel_name=mdlab',
    ...(display ? [] : [`--${app}.open_browser=False`]),
    ...(process.getuid?.() === 0 ? ['--allow-root'] : []),
  ];
  const paths = [options.jupyterPath, process.env['JUPYTER_PATH']].filter(Boolean).join(delimiter);
  const child = spawn(frontEnd.command, args, {
    stdio: 'inherit',
    env: { ...process.env, JUPYTER_PATH: paths },
  });
  child.on('error', (e) => {
    throw new MdlabError('ENOTFOUND', `${frontEnd.command}: could not be started (${e.message})`);
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  return child;
}

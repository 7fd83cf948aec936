/** Finds a Jupyter front end, or puts JupyterLab into a private virtual environment, and starts it on this machine only. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { MdlabError } from '../lib/errors.js';

/** Pinned: what the notebooks are tested with. The last one draws widgets. */
const packages = ['jupyterlab==4.6.6', 'notebook==7.6.5', 'jupyterlab_widgets==3.0.17'];

/**
 * No question about news on the first start, and no request to anybody. Saving widgets with their notebook (saveState of
 * jupyterlab-manager) stays off: it marks each notebook that has some as changed when it is opened, and its next save keeps only
 * widgets whose kernel lives, so that a committed notebook would lose them by being looked at.
 */
const settings = {
  '@jupyterlab/apputils-extension:notification': { fetchNews: 'false', checkForUpdates: false },
};

/** A front end that starts with `command ...args`. */
export interface FrontEnd {
  kind: 'lab' | 'notebook';
  command: string;
  args: string[];
  version: string;
  /** Environment variables it runs with. */
  env?: Record<string, string>;
}

const venvOf = (root: string): string => join(root, 'build', 'venv');
const stampOf = (root: string): string => join(venvOf(root), 'mdlab-packages');

/** The front end of the private environment, where that stands as the pins ask. */
export function privateJupyter(root: string, kind: FrontEnd['kind'] = 'lab'): FrontEnd | undefined {
  const stamp = stampOf(root);
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== packages.join(' ')) return undefined;
  const found = tryFrontEnd(kind, join(venvOf(root), 'bin', `jupyter-${kind}`), []);
  // Settings, trust and workspaces stay in the checkout too: nothing is left behind when that goes.
  return found && { ...found, env: homeIn(join(root, 'build', 'jupyter', 'user')) };
}

/** Where Jupyter and IPython keep what they write for a user. */
export function homeIn(folder: string): Record<string, string> {
  return {
    JUPYTER_CONFIG_DIR: join(folder, 'config'),
    JUPYTER_DATA_DIR: join(folder, 'data'),
    JUPYTER_RUNTIME_DIR: join(folder, 'runtime'),
    IPYTHONDIR: join(folder, 'ipython'),
  };
}

/** Looks in the private environment, on PATH, and in each python3 of PATH: the first python3 may be the wrong one. */
export function findJupyter(root: string, path: string = process.env['PATH'] ?? ''): FrontEnd | undefined {
  const own = privateJupyter(root);
  if (own) return own;
  for (const folder of path.split(delimiter).filter(Boolean)) {
    for (const kind of ['lab', 'notebook'] as const) {
      const found = tryFrontEnd(kind, join(folder, `jupyter-${kind}`), []);
      if (found) return found;
    }
  }
  for (const python of pythons(path)) {
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
function pythons(path: string): string[] {
  const names = path
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
  const made = privateJupyter(root) ?? makeEnvironment(root, say);
  if (made) return made;
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

function makeEnvironment(root: string, say: (line: string) => void): FrontEnd | undefined {
  const venv = venvOf(root);
  const python = pythons(process.env['PATH'] ?? '').find(
    (p) => spawnSync(p, ['-m', 'venv', '--clear', venv], { stdio: 'ignore' }).status === 0,
  );
  if (!python) return undefined;
  say(`installing ${packages.join(', ')} into ${venv}`);
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages];
  const done = spawnSync(join(venv, 'bin', 'python3'), pip, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (done.status !== 0) {
    rmSync(venv, { recursive: true, force: true });
    return undefined;
  }
  const folder = join(venv, 'share', 'jupyter', 'lab', 'settings');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'overrides.json'), `${JSON.stringify(settings, null, 2)}\n`);
  // Jupyter's own scripts for Node are not modules, as those below our package.json would be.
  writeFileSync(join(venv, 'package.json'), '{ "type": "commonjs" }\n');
  writeFileSync(stampOf(root), packages.join(' '));
  return privateJupyter(root);
}

export interface OpenOptions {
  /** What the server shows and serves. */
  folder: string;
  /** Opened first, relative to `folder`. */
  notebook: string;
  /** The folder whose kernels/ holds our kernelspec. */
  jupyterPath: string;
  /** Whether a browser is opened. Default: where there is a screen. */
  browser?: boolean;
}

/** Starts the front end on 127.0.0.1 with a token of its own, our kernel preselected. Ctrl-C ends it, and kernels with it. */
export function openJupyter(frontEnd: FrontEnd, options: OpenOptions): ChildProcess {
  const lab = frontEnd.kind === 'lab';
  // Notebook 6 takes its old application's names; Lab and Notebook 7 the server's, but for the page to open.
  const old = !lab && Number.parseInt(frontEnd.version, 10) < 7;
  const app = old ? 'NotebookApp' : 'ServerApp';
  const opener = lab ? 'LabApp' : old ? 'NotebookApp' : 'JupyterNotebookApp';
  const display = process.platform !== 'linux' || process.env['DISPLAY'] || process.env['WAYLAND_DISPLAY'];
  const args = [
    ...frontEnd.args,
    `--${app}.ip=127.0.0.1`,
    `--${app}.${old ? 'notebook_dir' : 'root_dir'}=${options.folder}`,
    `--${opener}.default_url=${lab ? '/lab/tree' : '/notebooks'}/${options.notebook}`,
    // One Ctrl-C ends it, without a question.
    `--${app}.answer_yes=True`,
    '--MultiKernelManager.default_kernel_name=mdlab',
    // The address is told at the highest level; thirty lines about extensions are not.
    '--log-level=ERROR',
    ...((options.browser ?? display) ? [] : [`--${app}.open_browser=False`]),
    ...(process.getuid?.() === 0 ? ['--allow-root'] : []),
  ];
  const paths = [options.jupyterPath, process.env['JUPYTER_PATH']].filter(Boolean).join(delimiter);
  const child = spawn(frontEnd.command, args, {
    stdio: 'inherit',
    env: { ...process.env, ...frontEnd.env, JUPYTER_PATH: paths },
  });
  child.on('error', (e) => {
    throw new MdlabError('ENOTFOUND', `${frontEnd.command}: could not be started (${e.message})`);
  });
  return child;
}

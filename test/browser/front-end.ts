// A Jupyter front end in a real Chromium, driven as a person does: clicks and keys, no calls into its insides.
import type { ChildProcess } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { type FrontEnd, findJupyter, homeIn, openJupyter, privateJupyter } from '../../kernel/jupyter.js';
import { installKernelspec } from '../../kernel/kernelspec.js';
import type { Notebook } from '../../kernel/notebook.js';
import { chromiumArguments, findChromium } from '../../lib/plot/chromium.js';
import { root } from '../tools.js';
import { ClassicPage } from './classic-page.js';
import { type Kind, NotebookPage, until } from './notebook-page.js';

/** Where Notebook 6 stands for these tests, and nothing newer. */
const classicFolder = join(root, 'build', 'venv-classic', 'bin');

/** The front end of a kind; Notebook 6 is found as on a machine that has only that. */
export function frontEnd(kind: Kind): FrontEnd | undefined {
  return kind === 'classic' ? findJupyter('/nowhere', classicFolder) : privateJupyter(root, kind);
}

/** What lacks for these tests, or undefined. */
export function lacking(kind: Kind): string | undefined {
  if (!findChromium()) return 'Chromium is not installed (apt-get install chromium)';
  if (frontEnd(kind)) return undefined;
  return kind === 'classic'
    ? 'no Notebook 6 in build/venv-classic (pip install -r test/browser/classic.txt there)'
    : 'no JupyterLab in build/venv (npm run setup -- --jupyter)';
}

/** Figures and views among the saved outputs. */
export function figures(file: string): number {
  const { cells } = JSON.parse(readFileSync(file, 'utf8')) as Notebook;
  return cells
    .flatMap((c) => c.outputs ?? [])
    .filter((o) => 'data' in o && (o.data?.['image/png'] || String(o.data?.['text/html']).includes('<img')))
    .length;
}

/** The Chromium of this machine. */
export async function launch(): Promise<Browser> {
  const { chromium } = await import('playwright-core');
  return chromium.launch({ executablePath: findChromium()!, args: [...chromiumArguments] });
}

/** A server with a home of its own, so that it trusts nothing yet, and a browser to look at it. */
export class FrontEndUnderTest {
  /** What it serves; notebooks go here. */
  readonly folder: string;
  private readonly home: string;
  private child: ChildProcess | undefined;
  private browser: Browser | undefined;
  private address = { url: '', token: '', port: 0 };

  constructor(readonly kind: Kind) {
    this.home = mkdtempSync(join(tmpdir(), `mdlab-${kind}-`));
    this.folder = join(this.home, 'work');
    mkdirSync(this.folder);
  }

  async start(): Promise<void> {
    const found = frontEnd(this.kind)!;
    const jupyterPath = join(this.home, 'kernel', 'share', 'jupyter');
    await installKernelspec({ prefix: join(this.home, 'kernel') });
    const env = homeIn(join(this.home, 'user'));
    this.child = openJupyter(
      { ...found, env },
      { folder: this.folder, notebook: 'tour.ipynb', jupyterPath, browser: false },
    );
    const runtime = env['JUPYTER_RUNTIME_DIR']!;
    const file = await until('the server', () => {
      if (this.child!.exitCode !== null) throw new Error(`Jupyter ended with ${this.child!.exitCode}`);
      return existsSync(runtime) && readdirSync(runtime).find((f) => /^(jp|nb)server-\d+\.json$/.test(f));
    });
    this.address = await until('its address', () => {
      try {
        return JSON.parse(readFileSync(join(runtime, String(file)), 'utf8')) as typeof this.address;
      } catch {
        return undefined; // being written
      }
    });
    await until('an answer', () =>
      fetch(`${this.address.url}api`).then(
        (r) => r.ok,
        () => false,
      ),
    );
    this.browser = await launch();
  }

  /** Asks the server itself. Without a token where `token` is false. */
  ask(path: string, token = true): Promise<Response> {
    const headers = new Headers(token ? { Authorization: `token ${this.address.token}` } : {});
    return fetch(this.address.url + path, { headers });
  }

  get port(): number {
    return this.address.port;
  }

  /** Copies a file into the served folder. */
  put(file: string, name: string): string {
    const to = join(this.folder, name);
    copyFileSync(file, to);
    return to;
  }

  async open(name: string): Promise<NotebookPage> {
    const context = await this.browser!.newContext({ viewport: { width: 1400, height: 1000 } });
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    // The page is ours alone: whatever leaves this machine is a mistake.
    const strangers: string[] = [];
    await context.route(
      (url) => url.hostname !== '127.0.0.1' && url.protocol.startsWith('http'),
      (route) => {
        strangers.push(route.request().url());
        return route.abort();
      },
    );
    const path = this.kind === 'lab' ? 'lab/tree' : 'notebooks';
    // Lab would open the last test's notebooks too.
    await page.goto(`${this.address.url}${path}/${name}?token=${this.address.token}&reset`);
    const notebook = new (this.kind === 'classic' ? ClassicPage : NotebookPage)(page, strangers, this.kind);
    await notebook.ready();
    return notebook;
  }

  /** As Ctrl-C does. @returns the exit code */
  async stop(): Promise<number | null> {
    await this.browser?.close();
    const child = this.child;
    if (child && child.exitCode === null) {
      child.kill('SIGINT');
      await until('the server ends', () => child.exitCode !== null || child.signalCode !== null);
    }
    rmSync(this.home, { recursive: true, force: true });
    return child?.exitCode ?? null;
  }
}

// A Jupyter front end in a real Chromium, driven as a person does: clicks and keys, no calls into its insides.
import type { ChildProcess } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { homeIn, openJupyter, privateJupyter } from '../../kernel/jupyter.js';
import { installKernelspec } from '../../kernel/kernelspec.js';
import type { Notebook } from '../../kernel/notebook.js';
import { chromiumArguments, findChromium } from '../../lib/plot/chromium.js';
import { root } from '../tools.js';

export type Kind = 'lab' | 'notebook';

/** Nothing here takes seconds on a quiet machine; on a busy one it may. */
export const patience = 90_000;

/** What lacks for these tests, or undefined. */
export function lacking(kind: Kind): string | undefined {
  if (!findChromium()) return 'Chromium is not installed (apt-get install chromium)';
  if (!privateJupyter(root, kind)) return 'no JupyterLab in build/venv (npm run setup -- --jupyter)';
  return undefined;
}

/** Calls `look` until it gives something true, and returns that. @throws with the last value when it takes too long */
export async function until<T>(
  what: string,
  look: () => Promise<T> | T,
  limit = patience,
): Promise<NonNullable<T>> {
  const end = Date.now() + limit;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (Date.now() > end) throw new Error(`${what}: still ${String(seen)} after ${limit / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Figures and views among the saved outputs. */
export function figures(file: string): number {
  const { cells } = JSON.parse(readFileSync(file, 'utf8')) as Notebook;
  return cells
    .flatMap((c) => c.outputs ?? [])
    .filter((o) => 'data' in o && (o.data?.['image/png'] || String(o.data?.['text/html']).includes('<img')))
    .length;
}

/** A folder of pictures for people to look at. */
export function screenshots(): string {
  const folder = join(root, 'build', 'screenshots');
  mkdirSync(folder, { recursive: true });
  return folder;
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
    const found = privateJupyter(root, this.kind)!;
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
      return existsSync(runtime) && readdirSync(runtime).find((f) => /^jpserver-\d+\.json$/.test(f));
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
    const notebook = new NotebookPage(page, strangers, this.kind);
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

/** A notebook open in JupyterLab or Notebook 7, which share their parts. */
export class NotebookPage {
  constructor(
    readonly page: Page,
    /** Addresses outside this machine that the page asked for. */
    readonly strangers: readonly string[],
    private readonly kind: Kind,
  ) {}

  async ready(): Promise<void> {
    await this.page.waitForSelector('.jp-NotebookPanel .jp-Notebook .jp-Cell');
    await this.page.locator('.jp-KernelName', { hasText: 'TypeScript (mdlab)' }).waitFor();
    await this.idle();
  }

  get cells(): Locator {
    return this.page.locator('.jp-Notebook .jp-Cell');
  }

  get indicator(): Locator {
    return this.page.locator('.jp-Notebook-ExecutionIndicator');
  }

  /** Until the kernel has nothing to do. */
  async idle(limit = patience): Promise<void> {
    await until('kernel status', async () => (await this.status()) === 'idle', limit);
  }

  async status(): Promise<string> {
    return (await this.indicator.getAttribute('data-status')) ?? '';
  }

  async press(command: string): Promise<void> {
    await this.page.locator(`.jp-NotebookPanel-toolbar [data-command="${command}"]`).click();
  }

  async runAll(): Promise<void> {
    await this.page.locator('.lm-MenuBar-item', { hasText: 'Run' }).click();
    await this.page.locator('.lm-Menu-item[data-command="runmenu:run-all"]').click();
  }

  async restart(): Promise<void> {
    await this.press('notebook:restart-kernel');
    await this.page.locator('.jp-Dialog .jp-mod-accept').click();
    await this.page.locator('.jp-Dialog').waitFor({ state: 'detached' });
  }

  /** A new last cell with the code, being edited. */
  async write(code: string): Promise<Locator> {
    const before = await this.cells.count();
    await this.cells.last().locator('.jp-InputPrompt').click();
    await this.press('notebook:insert-cell-below');
    await until('a new cell', async () => (await this.cells.count()) === before + 1);
    const cell = this.cells.nth(before);
    await cell.locator('.cm-content').click();
    await this.page.keyboard.insertText(code);
    return cell;
  }

  /** Writes and runs a new last cell, without waiting for its end. */
  async begin(code: string): Promise<Locator> {
    const cell = await this.write(code);
    await this.page.keyboard.press('Control+Enter');
    return cell;
  }

  /** Runs a new last cell to its end. @returns the cell */
  async run(code: string): Promise<Locator> {
    const cell = await this.begin(code);
    await this.done(cell);
    return cell;
  }

  /** Until the cell has a number in place of its star, and the kernel is idle. */
  async done(cell: Locator): Promise<void> {
    const prompt = cell.locator('.jp-InputPrompt');
    await until(`the end of a cell`, async () => /\[\d+\]/.test(await prompt.innerText()));
    await this.idle();
  }

  /** What the cell shows below itself. */
  async output(cell: Locator): Promise<string> {
    return (await cell.locator('.jp-OutputArea-output').allInnerTexts()).join('\n').trim();
  }

  /** Widths of every picture in outputs, as its file has it and as it shows; each is scrolled to. */
  async pictures(): Promise<{ natural: number; shown: number }[]> {
    const found: { natural: number; shown: number }[] = [];
    const count = await this.cells.count();
    for (let i = 0; i < count; i++) {
      await this.cells.nth(i).scrollIntoViewIfNeeded();
      for (const image of await this.cells.nth(i).locator('.jp-OutputArea-output img').all()) {
        await image.scrollIntoViewIfNeeded();
        const natural = await image.evaluate((e) => (e as unknown as { naturalWidth: number }).naturalWidth);
        const shown = (await image.isVisible()) ? (await image.boundingBox())!.width : 0;
        if (shown) found.push({ natural, shown });
      }
    }
    return found;
  }

  async save(): Promise<void> {
    await this.page.keyboard.press('Control+s');
  }

  /** For people to look at. */
  async screenshot(name: string): Promise<void> {
    await this.page.screenshot({ path: join(screenshots(), `${this.kind}-${name}.png`) });
  }

  close(): Promise<void> {
    return this.page.context().close();
  }
}

// A notebook open in a front end, used as a person does: clicks and keys, no calls into its insides.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { root } from '../tools.js';

export type Kind = 'lab' | 'notebook' | 'classic';

/** Nothing here takes seconds on a quiet machine; on a busy one it may. */
export const patience = 90_000;

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

/** A folder of pictures for people to look at. */
export function screenshots(): string {
  const folder = join(root, 'build', 'screenshots');
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** How a front end names what a person sees. */
export interface Parts {
  cell: string;
  prompt: string;
  editor: string;
  output: string;
  stderr: string;
  /** Seen when there is something to save; undefined where that is so of each notebook with widgets. */
  unsaved: string | undefined;
  completer: string;
  tooltip: string;
  /** Where a question is answered. */
  question: string;
}

const parts: Parts = {
  cell: '.jp-Notebook .jp-Cell',
  prompt: '.jp-InputPrompt',
  editor: '.cm-content',
  output: '.jp-OutputArea-output',
  stderr: '[data-mime-type="application/vnd.jupyter.stderr"]',
  unsaved: '.jp-mod-dirty',
  completer: '.jp-Completer',
  tooltip: '.jp-Tooltip',
  question: '.jp-Stdin-input',
};

/** A notebook open in JupyterLab or Notebook 7, which share their parts. */
export class NotebookPage {
  readonly parts: Parts = parts;

  constructor(
    readonly page: Page,
    /** Addresses outside this machine that the page asked for. */
    readonly strangers: readonly string[],
    protected readonly kind: Kind,
  ) {}

  async ready(): Promise<void> {
    await this.page.waitForSelector('.jp-NotebookPanel .jp-Notebook .jp-Cell');
    await this.page.locator('.jp-KernelName', { hasText: 'TypeScript (mdlab)' }).waitFor();
    await this.idle();
  }

  get cells(): Locator {
    return this.page.locator(this.parts.cell);
  }

  /** Until the kernel has nothing to do. */
  async idle(limit = patience): Promise<void> {
    await until('kernel status', async () => (await this.status()) === 'idle', limit);
  }

  async status(): Promise<string> {
    const indicator = this.page.locator('.jp-Notebook-ExecutionIndicator');
    return (await indicator.getAttribute('data-status')) ?? '';
  }

  private async press(command: string): Promise<void> {
    await this.page.locator(`.jp-NotebookPanel-toolbar [data-command="${command}"]`).click();
  }

  async interrupt(): Promise<void> {
    await this.press('notebook:interrupt-kernel');
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

  protected async insertBelow(): Promise<void> {
    await this.press('notebook:insert-cell-below');
  }

  /** What is written in the cell. */
  code(cell: Locator): Promise<string> {
    return cell.locator(this.parts.editor).innerText();
  }

  /** A new last cell with the code, being edited. */
  async write(code: string): Promise<Locator> {
    const before = await this.cells.count();
    await this.cells.last().locator(this.parts.prompt).click();
    await this.insertBelow();
    await until('a new cell', async () => (await this.cells.count()) === before + 1);
    const cell = this.cells.nth(before);
    await cell.locator(this.parts.editor).click();
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
    const prompt = cell.locator(this.parts.prompt);
    await until(`the end of a cell`, async () => /\[\d+\]/.test(await prompt.innerText()));
    await this.idle();
  }

  /** What the cell shows below itself. */
  async output(cell: Locator): Promise<string> {
    return (await cell.locator(this.parts.output).allInnerTexts()).join('\n').trim();
  }

  /** Widths of every picture in outputs, as its file has it and as it shows; each is scrolled to. */
  async pictures(): Promise<{ natural: number; shown: number }[]> {
    const found: { natural: number; shown: number }[] = [];
    const count = await this.cells.count();
    for (let i = 0; i < count; i++) {
      await this.cells.nth(i).scrollIntoViewIfNeeded();
      for (const image of await this.cells.nth(i).locator(`${this.parts.output} img`).all()) {
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

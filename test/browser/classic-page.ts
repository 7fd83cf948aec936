// A notebook open in classic Notebook 6, which shares no parts with its successors.
import type { Parts } from './notebook-page.js';
import { NotebookPage } from './notebook-page.js';

export class ClassicPage extends NotebookPage {
  override readonly parts: Parts = {
    cell: '#notebook-container > .cell',
    prompt: '.input_prompt',
    editor: '.CodeMirror-code',
    output: '.output_subarea',
    stderr: '.output_stderr',
    // Its widgets draw their cells again once they are loaded, which it takes for a change.
    unsaved: undefined,
    completer: '#complete',
    tooltip: '#tooltip',
    question: 'input.raw_input',
  };

  override async ready(): Promise<void> {
    await this.cells.first().waitFor();
    await this.page.locator('.kernel_indicator_name', { hasText: 'TypeScript (mdlab)' }).waitFor();
    await this.idle();
  }

  override async status(): Promise<string> {
    const name = (await this.page.locator('#kernel_indicator_icon').getAttribute('class')) ?? '';
    return /kernel_(\w+)_icon/.exec(name)?.[1] ?? '';
  }

  private async action(name: string): Promise<void> {
    await this.page.locator(`#maintoolbar [data-jupyter-action="jupyter-notebook:${name}"]`).click();
  }

  override async interrupt(): Promise<void> {
    await this.action('interrupt-kernel');
  }

  override async runAll(): Promise<void> {
    await this.page.locator('#celllink').click();
    await this.page.locator('#run_all_cells a').click();
  }

  override async restart(): Promise<void> {
    await this.action('confirm-restart-kernel');
    await this.page.locator('.modal-dialog .btn-danger').click();
    await this.page.locator('.modal-dialog').waitFor({ state: 'detached' });
  }

  protected override async insertBelow(): Promise<void> {
    await this.action('insert-cell-below');
  }
}

/** What a notebook has without importing it. Declared here for the type checker; the executor puts the functions in place. */

/** A shown object that can be shown anew in its place. */
export interface DisplayHandle {
  /** Identifies the output within the notebook. */
  readonly id: string;
  /** Replaces what is shown. */
  update(value: unknown): void;
}

/** Text of one rich type. As a cell's last expression, or given to `display`, it is rendered. */
export interface RichText {
  readonly type: string;
  readonly text: string;
}

export interface DisplayOptions {
  /** Identifies the output, for later updates. Made up when not given. */
  id?: string;
  /** Replace the outputs shown under `id` instead of adding one. */
  update?: boolean;
  /** `value` is itself a bundle: an object from MIME types to contents. */
  raw?: boolean;
}

declare global {
  /**
   * Shows a value below the cell: tables, figures, structures, anything with `Symbol.for('Jupyter.display')`, else as text.
   * @returns a handle whose `update(value)` replaces what is shown
   * @example const line = display('starting'); line.update('half-way');
   */
  function display(value: unknown, options?: DisplayOptions): DisplayHandle;
  /**
   * Removes the cell's output.
   * @param wait remove it only when the next output arrives, so that nothing flickers; default false
   */
  function clearOutput(wait?: boolean): void;
  /** Markdown. @example md`**T** = ${T} K` */
  function md(strings: TemplateStringsArray, ...values: unknown[]): RichText;
  /** HTML. @example html`<b>${name}</b>` */
  function html(strings: TemplateStringsArray, ...values: unknown[]): RichText;
  /** An SVG picture. @example svg`<svg …>…</svg>` */
  function svg(strings: TemplateStringsArray, ...values: unknown[]): RichText;
}

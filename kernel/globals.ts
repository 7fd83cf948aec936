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

/** What travels in a comm beside its buffers: anything JSON can say. */
export type CommData = Record<string, unknown>;

export interface CommOptions {
  metadata?: Record<string, unknown>;
  /** Bytes that travel as they are. */
  buffers?: (ArrayBufferView | ArrayBufferLike)[];
}

/** A message from the front end. */
export interface CommEvent {
  readonly data: CommData;
  readonly metadata: Record<string, unknown>;
  readonly buffers: readonly Uint8Array[];
}

/** A channel to code in the front end. What its handlers print or show goes to the cell that made it. */
export interface Comm {
  readonly id: string;
  readonly target: string;
  /** @throws EINVALID when closed */
  send(data?: CommData, options?: CommOptions): void;
  close(data?: CommData, options?: CommOptions): void;
  /** The next message is handled when the promise of this handler, if it gives one, has settled. */
  onMessage(handler: (event: CommEvent) => unknown): void;
  /** Called when the front end closes it. */
  onClose(handler: (event: CommEvent) => unknown): void;
}

export interface InputOptions {
  /** Do not show what is typed. */
  password?: boolean;
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
  /**
   * Asks the person at the notebook.
   * @throws EUNSUPPORTED where there is nobody to ask: in `mdlab run`, or a front end that takes no input
   * @example const name = await input('Name: '); const key = await input('Key: ', { password: true });
   */
  function input(prompt?: string, options?: InputOptions): Promise<string>;
  /**
   * Opens a channel to what the front end has registered under `target`. Messages are handled between cells, and while a cell awaits.
   * @example const comm = openComm('my.target', { a: 1 }); comm.onMessage(({ data }) => console.log(data));
   */
  function openComm(target: string, data?: CommData, options?: CommOptions): Comm;
  /**
   * Ends the process that runs the cells; the next cell runs in a new one. Every variable is lost, queued cells, history and counter
   * are kept. Gives back a GPU that was lost to the process (EDEVICE): save what you need first, then go on with `resume`.
   * @example restartExecutor()   // and in the next cell: const run = await resume('run.checkpoint', potential)
   */
  function restartExecutor(): never;
  /** Answers channels that the front end opens: `handler` gets each with the message that opened it. */
  function registerCommTarget(name: string, handler: (comm: Comm, event: CommEvent) => unknown): void;
}

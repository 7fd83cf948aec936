/**
 * Widgets that front ends draw by themselves: models of Jupyter's widget protocol (jupyter-widgets "Messaging", version 2.1)
 * of the standard controls, which JupyterLab, Notebook and VS Code have. Nothing of ours runs in the page.
 */
import { MdlabError } from '../errors.js';

/** What this needs of the kernel's comms. */
interface Comm {
  readonly id: string;
  send(data: Record<string, unknown>): void;
  close(): void;
  onMessage(handler: (event: { data: Record<string, unknown> }) => unknown): void;
}

/** The kernel's functions, where there is a kernel. */
interface Host {
  openComm?: (target: string, data: object, options: { metadata: object }) => Comm;
  registerCommTarget?: (name: string, handler: (comm: Comm) => void) => void;
}

/** Attributes of a model as the front end knows them. */
export type WidgetState = Record<string, unknown>;

const controls = '@jupyter-widgets/controls';
const base = '@jupyter-widgets/base';
/** Of both packages: ipywidgets 8 and jupyterlab_widgets 3. */
const moduleVersion = '2.0.0';
const target = 'jupyter.widget';
const protocol = { metadata: { version: '2.1.0' } };

/** Every model the front end knows of, for one that connects later. */
const opened = new Map<string, { state: () => WidgetState }>();

/** Opens a model in the front end; undefined where there is none. */
function openModel(state: () => WidgetState): Comm | undefined {
  const { openComm } = globalThis as Host;
  if (!openComm) return undefined;
  answerControl();
  const comm = openComm(target, { state: state(), buffer_paths: [] }, protocol);
  opened.set(comm.id, { state });
  return comm;
}

let answering = false;

/** Tells a page that is loaded again which widgets there are ("jupyter.widget.control", version 1.0). */
function answerControl(): void {
  if (answering) return;
  answering = true;
  (globalThis as Host).registerCommTarget?.(`${target}.control`, (comm) => {
    comm.onMessage(({ data }) => {
      if (data['method'] !== 'request_states') return;
      const states = Object.fromEntries(
        [...opened].map(([id, { state }]) => {
          const full = state();
          const { _model_name: model_name, _model_module: model_module } = full;
          const known = { model_name, model_module, model_module_version: moduleVersion };
          return [id, { ...known, state: full }];
        }),
      );
      comm.send({ method: 'update_states', states, buffer_paths: [] });
    });
  });
}

const shared = new Map<string, Comm>();

/** A reference to a model without behaviour of its own that widgets share: a layout, or a kind of style. */
function sharedModel(name: string, module: string, viewName: string, more: WidgetState = {}): string | null {
  const key = name + JSON.stringify(more);
  let comm = shared.get(key);
  if (!comm) {
    const state = { ...names(name, viewName, module, base), ...more };
    comm = openModel(() => state);
    if (!comm) return null;
    comm.onMessage(({ data }) => {
      if (data['method'] === 'request_state') comm!.send({ method: 'update', state, buffer_paths: [] });
    });
    shared.set(key, comm);
  }
  return `IPY_MODEL_${comm.id}`;
}

function names(model: string, view: string, modelModule: string, viewModule: string): WidgetState {
  return {
    _model_module: modelModule,
    _model_module_version: moduleVersion,
    _model_name: model,
    _view_module: viewModule,
    _view_module_version: moduleVersion,
    _view_name: view,
    _view_count: null,
  };
}

/** How a widget is drawn: the stem of its model and view, and of its style where it has one. */
export interface WidgetKind {
  name: string;
  style?: string;
  /** Attributes the model starts with. */
  state: WidgetState;
}

/** A model that lives here and in the front end. It is opened there when it is first shown. */
export abstract class Widget {
  private comm: Comm | undefined;
  private state: WidgetState | undefined;

  /** Asked once, when the widget is opened: until then its label may change. */
  protected abstract kind(): WidgetKind;
  /** What is shown where there are no widgets, as HTML and as text. */
  protected abstract fallback(): { html: string; text: string };
  /** A change the front end made. */
  protected received(_changes: WidgetState): unknown {
    return undefined;
  }
  /** Characters that its label takes at its left; `aligned`: as many as those of its neighbours. */
  protected labelRoom(): { characters: number; aligned: boolean } {
    return { characters: 0, aligned: false };
  }
  /** Anything else it says, such as a click. */
  protected said(_content: Record<string, unknown>): unknown {
    return undefined;
  }

  /** The model's id; undefined where there is no front end. */
  open(): string | undefined {
    if (this.comm || !(globalThis as Host).openComm) return this.comm?.id;
    const { name, style, state } = this.kind();
    const { characters, aligned } = this.labelRoom();
    // Front ends give a control 300 px: a long label would leave a slider no track.
    const width = characters > 8 ? { width: `calc(230px + ${characters}ch)` } : {};
    const description_width = aligned ? `${characters}ch` : 'initial';
    this.state = {
      ...names(`${name}Model`, `${name}View`, controls, controls),
      ...state,
      layout: sharedModel('LayoutModel', base, 'LayoutView', width),
      ...(style
        ? { style: sharedModel(`${style}StyleModel`, controls, 'StyleView', { description_width }) }
        : {}),
    };
    const comm = openModel(() => this.state!);
    comm?.onMessage(({ data }) => this.take(data));
    this.comm = comm;
    return comm?.id;
  }

  /** Changes attributes here and in the front end. */
  protected send(changes: WidgetState): void {
    if (!this.state) return;
    Object.assign(this.state, changes);
    this.comm?.send({ method: 'update', state: changes, buffer_paths: [] });
  }

  /** Removes it from the front end, wherever it is shown. */
  close(): void {
    if (!this.comm) return;
    opened.delete(this.comm.id);
    this.comm.close();
    this.comm = undefined;
    this.state = undefined;
  }

  private take(data: Record<string, unknown>): unknown {
    if (data['method'] === 'update') {
      const changes = (data['state'] ?? {}) as WidgetState;
      Object.assign(this.state!, changes);
      return this.received(changes);
    }
    if (data['method'] === 'request_state') this.send({ ...this.state });
    if (data['method'] === 'custom') return this.said((data['content'] ?? {}) as Record<string, unknown>);
    return undefined;
  }

  /** A MIME bundle: the widget, and what it stands for where there are none. */
  toBundle(): Record<string, unknown> {
    const { html, text } = this.fallback();
    const shown = { 'text/html': html, 'text/plain': text };
    const model_id = this.open();
    if (!model_id) return shown;
    const view = { version_major: 2, version_minor: 0, model_id };
    return { 'application/vnd.jupyter.widget-view+json': view, ...shown };
  }
}

Object.defineProperty(Widget.prototype, Symbol.for('Jupyter.display'), {
  value(this: Widget) {
    return this.toBundle();
  },
});

/** A widget with a value that the reader and the code may both change. */
export abstract class Control<V> extends Widget {
  label: string;
  /** Characters that the labels of controls one below another take, so that the controls stand in a column. */
  labelColumn: number | undefined;
  private current: V;
  private readonly handlers = new Set<(value: V) => unknown>();

  constructor(label: string, value: V) {
    super();
    this.label = label;
    this.current = value;
  }

  protected override labelRoom(): { characters: number; aligned: boolean } {
    return { characters: this.labelColumn ?? this.label.length, aligned: this.labelColumn !== undefined };
  }

  /** The model's attribute for a value, and back; undefined for what is no value of this control. */
  protected encode(value: V): WidgetState {
    return { value };
  }
  protected abstract decode(state: WidgetState): V | undefined;
  /** @throws EINVALID for what is no value of this control */
  protected abstract check(value: V): void;

  get value(): V {
    return this.current;
  }
  /** Moves the control in the page too, and tells the handlers. @throws EINVALID outside of what it can hold */
  set value(value: V) {
    this.check(value);
    if (Object.is(value, this.current)) return;
    this.current = value;
    this.send(this.encode(value));
    for (const handler of this.handlers) handler(value);
  }

  /**
   * Calls a function with each new value. What it prints or shows goes below the cell that showed the control.
   * @returns ends it
   */
  onChange(handler: (value: V) => unknown): () => void {
    if (typeof handler !== 'function') {
      throw new MdlabError('EINVALID', `onChange: must be a function, received ${typeof handler}`);
    }
    this.handlers.add(handler);
    return () => this.handlers.delete(handler);
  }

  protected override async received(changes: WidgetState): Promise<void> {
    const value = this.decode(changes);
    if (value === undefined || Object.is(value, this.current)) return;
    this.current = value;
    for (const handler of this.handlers) await handler(value);
  }
}

/** What a notebook file keeps of its widgets, so that they show when it is opened again without a kernel. */
import type { CommMessage } from './wire.js';

interface Model {
  model_module: string;
  model_module_version: string;
  model_name: string;
  state: Record<string, unknown>;
}

/** Follows the models of a notebook (https://jupyter.org/widgets, "Widget state JSON", version 2.0). */
export class WidgetStates {
  private readonly models = new Map<string, Model>();

  add({ type, comm, target, data }: CommMessage): void {
    const state = data['state'] as Record<string, unknown> | undefined;
    if (type === 'comm_close') this.models.delete(comm);
    else if (type === 'comm_msg') Object.assign(this.models.get(comm)?.state ?? {}, state);
    else if (target === 'jupyter.widget' && state) {
      const { _model_module, _model_module_version, _model_name, ...rest } = state;
      this.models.set(comm, {
        model_module: String(_model_module),
        model_module_version: String(_model_module_version),
        model_name: String(_model_name),
        state: rest,
      });
    }
  }

  /** `metadata.widgets` of a notebook; undefined where there are none. */
  get metadata(): Record<string, unknown> | undefined {
    if (!this.models.size) return undefined;
    const state = Object.fromEntries(this.models);
    const type = 'application/vnd.jupyter.widget-state+json';
    return { [type]: { version_major: 2, version_minor: 0, state } };
  }
}

/** Controls above what a function makes of their values. */
import { invalid } from '../errors.js';
import { Live } from '../live.js';
import { stack } from './controls.js';
import { Control, type Widget } from './widget.js';

/** The values of controls, by their names. */
export type ControlValues<C> = { [K in keyof C]: C[K] extends Control<infer V> ? V : never };

/**
 * Shows controls and, below them, what `draw` returns for their values: a figure, a table, text, anything `display` takes.
 * When a value changes it is drawn anew in place; while one drawing is made, only the newest values wait.
 * @param controls the names `draw` gets the values by; a control without a label is given its name
 * @example
 * interact(({ T, law }) => figure(line(r, r.map((x) => energy(x, T, law)))), {
 *   T: slider({ label: 'T / K', min: 250, max: 400, value: 300 }),
 *   law: dropdown(['harmonic', 'Morse']),
 * });
 * @throws EINVALID for what is no control, and what `draw` throws the first time; later errors are shown in the place
 */
export function interact<C extends Record<string, Control<never> | Control<unknown>>>(
  draw: (values: ControlValues<C>) => unknown,
  controls: C,
): Interaction<C> {
  return new Interaction(draw, controls);
}

/** Made by `interact`. */
export class Interaction<C> extends Live {
  private readonly draw: (values: ControlValues<C>) => unknown;
  private readonly controls: C;
  private drawn = false;

  constructor(draw: (values: ControlValues<C>) => unknown, controls: C) {
    super(0, 1);
    const named = Object.entries(controls as Record<string, Control<unknown>>);
    for (const [name, control] of named) {
      if (!(control instanceof Control))
        invalid(`interact.${name}`, 'must be a slider, dropdown, toggle or textField', control);
      control.label ||= name;
      control.onChange(() => this.changed());
    }
    const longest = Math.max(...named.map(([, control]) => control.label.length));
    for (const [, control] of named) control.labelColumn = longest;
    this.draw = draw;
    this.controls = controls;
    if (named.length) new Shown(stack(...named.map(([, control]) => control)));
    this.changed();
  }

  /** What the controls say now. */
  get values(): ControlValues<C> {
    const all = Object.entries(this.controls as Record<string, Control<unknown>>);
    return Object.fromEntries(all.map(([name, control]) => [name, control.value])) as ControlValues<C>;
  }

  override async content(): Promise<unknown> {
    try {
      const made = await this.draw(this.values);
      this.drawn = true;
      return made;
    } catch (error) {
      if (!this.drawn) throw error;
      return error;
    }
  }
}

/** Puts a widget into the calling cell. */
class Shown extends Live {
  private readonly widget: Widget;

  constructor(widget: Widget) {
    super(0, 1);
    this.widget = widget;
    this.changed();
  }

  override content(): Widget {
    return this.widget;
  }
}

/** Sliders, lists, switches, text fields and buttons. */
import { checkOptionNames, invalid, unknownChoice } from '../errors.js';
import { formatNumber } from '../format.js';
import { Control, Widget, type WidgetKind, type WidgetState } from './widget.js';

export interface SliderOptions {
  /** Words beside it, with the unit. */
  label?: string;
  min: number;
  max: number;
  /** Default a hundredth of the range. */
  step?: number;
  /** Where it starts; default min. */
  value?: number;
}

/**
 * A slider over a range of numbers.
 * @example
 * const T = slider({ label: 'T / K', min: 250, max: 400, step: 5, value: 300 });
 * T.onChange((value) => live.update(curve(value)));
 * display(T)
 * @throws EINVALID when the range is empty, the step not positive, or the value outside
 */
export function slider(options: SliderOptions): Slider {
  return new Slider(options);
}

/** Made by `slider`. */
export class Slider extends Control<number> {
  readonly min: number;
  readonly max: number;
  readonly step: number;

  constructor(options: SliderOptions) {
    checkOptionNames<SliderOptions>('slider', options, {
      label: true,
      min: true,
      max: true,
      step: true,
      value: true,
    });
    const { min, max, step = (max - min) / 100, value = min } = options;
    super(options.label ?? '', value);
    if (!(Number.isFinite(min) && Number.isFinite(max) && max > min)) {
      invalid('slider.min, max', 'must be numbers that rise', `${min}..${max}`);
    }
    if (!(step > 0 && step <= max - min)) invalid('slider.step', `must be within 0..${max - min}`, step);
    this.min = min;
    this.max = max;
    this.step = step;
    this.check(value);
  }

  protected override check(value: number): void {
    if (!(value >= this.min && value <= this.max)) {
      invalid('slider.value', `must be within ${this.min}..${this.max}`, value);
    }
  }

  protected override kind(): WidgetKind {
    const { min, max, step, value } = this;
    const whole = [min, step, value].every(Number.isInteger);
    return {
      name: whole ? 'IntSlider' : 'FloatSlider',
      style: 'Slider',
      state: {
        ...described(this.label),
        min,
        max,
        step,
        value,
        orientation: 'horizontal',
        readout: true,
        readout_format: whole ? 'd' : `.${decimals(step)}f`,
        continuous_update: true,
        behavior: 'drag-tap',
      },
    };
  }
  protected override decode({ value }: WidgetState): number | undefined {
    return typeof value === 'number' && value >= this.min && value <= this.max ? value : undefined;
  }
  protected override fallback(): { html: string; text: string } {
    const range = `${formatNumber(this.min)} … ${formatNumber(this.max)}`;
    return still(this.label, formatNumber(this.value, 6), range);
  }
}

/** Digits after the point that show every step, at most three significant ones of it. */
function decimals(step: number): number {
  const most = Math.min(12, Math.max(0, 2 - Math.floor(Math.log10(step))));
  const written = /\.(\d*?)0*$/.exec(step.toFixed(most));
  return written?.[1]?.length ?? 0;
}

export interface DropdownOptions<V> {
  label?: string;
  /** Default the first. */
  value?: V;
}

/**
 * A list to choose from: values, or names with their values.
 * @example dropdown(['table', 'flash', 'baseline'], { label: 'pipeline' })
 * @example dropdown({ 'room temperature': 300, 'melting': 273.15 }, { label: 'T' })
 * @throws EINVALID when there is nothing to choose, or the value is none of the choices
 */
export function dropdown<const V>(
  choices: readonly V[] | Readonly<Record<string, V>>,
  options: DropdownOptions<V> = {},
): Dropdown<V> {
  return new Dropdown(choices, options);
}

/** Made by `dropdown`. */
export class Dropdown<V> extends Control<V> {
  private readonly labels: readonly string[];
  private readonly values: readonly V[];

  constructor(choices: readonly V[] | Readonly<Record<string, V>>, options: DropdownOptions<V>) {
    checkOptionNames<typeof options>('dropdown', options, { label: true, value: true });
    const values = Array.isArray(choices) ? (choices as readonly V[]) : (Object.values(choices) as V[]);
    const labels = Array.isArray(choices) ? values.map(String) : Object.keys(choices);
    if (values.length === 0) invalid('dropdown.choices', 'must hold at least one', choices);
    super(options.label ?? '', 'value' in options ? options.value! : values[0]!);
    this.labels = labels;
    this.values = values;
    this.check(this.value);
  }

  protected override check(value: V): void {
    if (!this.values.includes(value)) unknownChoice('dropdown.value', String(value), this.labels);
  }
  protected override kind(): WidgetKind {
    const state = { ...described(this.label), _options_labels: [...this.labels], ...this.encode(this.value) };
    return { name: 'Dropdown', style: 'Description', state };
  }
  protected override encode(value: V): WidgetState {
    return { index: this.values.indexOf(value) };
  }
  protected override decode({ index }: WidgetState): V | undefined {
    return this.values[index as number];
  }
  protected override fallback(): { html: string; text: string } {
    return still(this.label, this.labels[this.values.indexOf(this.value)]!, this.labels.join(', '));
  }
}

/** A switch that is on or off. @example toggle('show the box', true) */
export function toggle(label: string, value: boolean = false): Toggle {
  return new Toggle(label, value);
}

/** Made by `toggle`. */
export class Toggle extends Control<boolean> {
  protected override check(value: boolean): void {
    if (typeof value !== 'boolean') invalid('toggle.value', 'must be true or false', value);
  }
  protected override kind(): WidgetKind {
    const state = { ...described(this.label), value: this.value, indent: this.labelColumn !== undefined };
    return { name: 'Checkbox', style: 'Checkbox', state };
  }
  protected override decode({ value }: WidgetState): boolean | undefined {
    return typeof value === 'boolean' ? value : undefined;
  }
  protected override fallback(): { html: string; text: string } {
    return still(this.label, this.value ? 'on' : 'off');
  }
}

/** A line of text to type; its value changes on Enter, or when the reader leaves it. @example textField('PDB code', '1enh') */
export function textField(label: string, value: string = ''): TextField {
  return new TextField(label, value);
}

/** Made by `textField`. */
export class TextField extends Control<string> {
  protected override check(value: string): void {
    if (typeof value !== 'string') invalid('textField.value', 'must be text', value);
  }
  protected override kind(): WidgetKind {
    const state = { ...described(this.label), value: this.value, continuous_update: false, placeholder: '' };
    return { name: 'Text', style: 'Text', state };
  }
  protected override decode({ value }: WidgetState): string | undefined {
    return typeof value === 'string' ? value : undefined;
  }
  protected override fallback(): { html: string; text: string } {
    return still(this.label, this.value || '–');
  }
}

/**
 * A button. What `click` prints or shows goes below the cell that showed the button; clicks wait for one another.
 * @example button('run 1000 more steps', async () => { sim.extend(1000); await sim.run(); })
 */
export function button(label: string, click: () => unknown): Button {
  return new Button(label, click);
}

/** Made by `button`. */
export class Button extends Widget {
  readonly label: string;
  private readonly click: () => unknown;

  constructor(label: string, click: () => unknown) {
    super();
    if (typeof click !== 'function') invalid('button.click', 'must be a function', click);
    this.label = label;
    this.click = click;
  }

  protected override kind(): WidgetKind {
    const state = { description: this.label, disabled: false, button_style: '', icon: '', tooltip: null };
    return { name: 'Button', style: 'Button', state };
  }
  protected override said(content: Record<string, unknown>): unknown {
    return content['event'] === 'click' ? this.click() : undefined;
  }
  protected override fallback(): { html: string; text: string } {
    return still('', `[ ${this.label} ]`);
  }
}

/** Words that change in place. @example const words = label('waiting'); words.value = 'done'; */
export function label(value: string): Label {
  return new Label(value);
}

/** Made by `label`. */
export class Label extends Widget {
  private text: string;

  constructor(value: string) {
    super();
    this.text = value;
  }

  get value(): string {
    return this.text;
  }
  set value(value: string) {
    this.text = String(value);
    this.send({ value: this.text });
  }
  protected override kind(): WidgetKind {
    return { name: 'Label', style: 'Label', state: { ...described(''), value: this.text } };
  }
  protected override fallback(): { html: string; text: string } {
    return still('', this.text);
  }
}

/** Widgets under one another. */
export function stack(...widgets: Widget[]): WidgetBox {
  return new WidgetBox('VBox', widgets);
}

/** Widgets side by side. */
export function row(...widgets: Widget[]): WidgetBox {
  return new WidgetBox('HBox', widgets);
}

/** Made by `row` and `stack`. */
export class WidgetBox extends Widget {
  private readonly way: 'VBox' | 'HBox';
  private readonly widgets: readonly Widget[];

  constructor(way: 'VBox' | 'HBox', widgets: readonly Widget[]) {
    super();
    const odd = widgets.find((w) => !(w instanceof Widget));
    if (odd) invalid(way === 'HBox' ? 'row' : 'stack', 'must hold widgets', odd);
    this.way = way;
    this.widgets = widgets;
  }

  protected override kind(): WidgetKind {
    const children = this.widgets.map((w) => `IPY_MODEL_${w.open()}`);
    return { name: this.way, state: { children, box_style: '' } };
  }
  protected override fallback(): { html: string; text: string } {
    const parts = this.widgets.map((w) => this.fallbackOf(w));
    const style = this.way === 'HBox' ? ' style="display:flex;gap:16px;flex-wrap:wrap"' : '';
    const text = parts.map((p) => p.text).join(this.way === 'HBox' ? '   ' : '\n');
    return { html: `<div${style}>${parts.map((p) => p.html).join('')}</div>`, text };
  }
  // A subclass may call a protected method of its own class only.
  private fallbackOf(widget: Widget): { html: string; text: string } {
    return (widget as unknown as WidgetBox).fallback();
  }
}

function described(label: string): WidgetState {
  return { description: label, description_allow_html: false, tooltip: null, disabled: false };
}

/** A control at rest: its label, its value, and what it could be. */
function still(label: string, value: string, could: string = ''): { html: string; text: string } {
  const words = label ? `<b>${escaped(label)}</b> ` : '';
  const more = could ? ` <span style="opacity:0.6">(${escaped(could)})</span>` : '';
  return {
    html: `<div>${words}${escaped(value)}${more}</div>`,
    text: `${label ? `${label}: ` : ''}${value}${could ? ` (${could})` : ''}`,
  };
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

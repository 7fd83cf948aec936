/** Puts the functions declared in globals.ts into the executor. */

import { Live, type LiveSink, liveSink } from '../lib/live.js';
import type { ProgressState } from '../lib/progress.js';
import { installInspection } from './describe.js';
import { bundle, liveBundle, progressBundle } from './display.js';
import { metadataOf } from './display-metadata.js';
import type { DisplayHandle, DisplayOptions, RichText } from './globals.js';
import type { MimeBundle, Output } from './wire.js';

const richDisplay = Symbol.for('Jupyter.display');
const progressSink = Symbol.for('mdlab.progress');

let made = 0;

/** What `display` needs of the cell that calls it. */
interface Caller {
  readonly place: string | undefined;
  /** Keeps the cell open until what it shows has been drawn; `hurry` is called when its code has ended. */
  track(shown: Promise<void>, hurry?: () => void): void;
}

/** @param more functions made elsewhere, by name */
export function installGlobals(
  emit: (output: Output) => void,
  caller: () => Caller | undefined,
  more: object,
): void {
  const send = (value: unknown, raw: boolean, id: string, update: boolean): void => {
    const type = update ? 'update_display_data' : 'display_data';
    const put = (data: MimeBundle): void => {
      if (Object.keys(data).length) emit({ type, data, metadata: metadataOf(data), id });
    };
    const cell = caller();
    const drawn = raw
      ? (value as MimeBundle)
      : value instanceof Live
        ? liveBundle(value, cell?.place)
        : bundle(value, cell?.place);
    if (drawn instanceof Promise) {
      const shown = drawn.then(put);
      cell?.track(shown);
    } else put(drawn);
  };

  const display = (value: unknown, options: DisplayOptions = {}): DisplayHandle => {
    const id =
      options.id ??
      (value instanceof Live ? value.id : undefined) ??
      `mdlab-display-${process.pid}-${++made}`;
    send(value, options.raw ?? false, id, options.update ?? false);
    const handle: DisplayHandle = { id, update: (next) => send(next, options.raw ?? false, id, true) };
    // As a cell's last expression it has nothing to add to what it shows.
    return Object.defineProperty(handle, richDisplay, { value: () => ({}) });
  };

  const tag =
    (type: string) =>
    (strings: TemplateStringsArray, ...values: unknown[]): RichText => {
      const text = String.raw({ raw: strings }, ...values);
      const rich = { type, text };
      return Object.defineProperty(rich, richDisplay, {
        value: () => ({ [type]: text, 'text/plain': text }),
      });
    };

  const shownProgress = new Set<string>();
  const progress = {
    show(state: ProgressState): void {
      send(progressBundle(state), true, state.id, shownProgress.has(state.id));
      shownProgress.add(state.id);
    },
  };

  installInspection();

  const live: LiveSink = {
    async show(object, update) {
      const data = await liveBundle(object, caller()?.place);
      const type = update ? 'update_display_data' : 'display_data';
      emit({ type, data, metadata: metadataOf(data), id: object.id });
    },
    hold: (work, hurry) =>
      caller()?.track(
        work.then(() => undefined),
        hurry,
      ),
  };

  Object.assign(globalThis, {
    display,
    clearOutput: (wait = false) => emit({ type: 'clear_output', wait }),
    md: tag('text/markdown'),
    html: tag('text/html'),
    svg: tag('image/svg+xml'),
    [progressSink]: progress,
    [liveSink]: live,
    ...more,
  });
}

/** Where a Chromium is on this machine, and how it is started. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** What it is called on PATH. */
export const chromiumNames: readonly string[] = [
  'chromium',
  'chromium-browser',
  'google-chrome',
  'google-chrome-stable',
  'chrome',
  'microsoft-edge',
];
const places = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
];

/** Path of a Chromium-like browser, or undefined. */
export function findChromium(): string | undefined {
  const folders = (process.env['PATH'] ?? '')
    .split(delimiter)
    .concat('/usr/bin', '/snap/bin')
    .filter(Boolean);
  return [...chromiumNames.flatMap((n) => folders.map((f) => join(f, n))), ...places].find((p) =>
    existsSync(p),
  );
}

/** No first-run traffic, and no sandbox where the kernel gives root none. */
export const chromiumArguments: readonly string[] = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  '--ignore-gpu-blocklist',
];

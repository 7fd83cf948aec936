/** A Chromium of the machine, for what needs a browser: PDF files and WebGL pictures. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { MdlabError } from '../errors.js';

const names = [
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
  return [...names.flatMap((n) => folders.map((f) => join(f, n))), ...places].find((p) => existsSync(p));
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

/** Runs `body` with a fresh page that may not reach the network, then closes the browser. @throws ENOTFOUND */
export async function withPage<T>(
  what: string,
  size: { width: number; height: number; scale?: number },
  body: (page: Page) => Promise<T>,
): Promise<T> {
  const executablePath = findChromium();
  if (!executablePath) {
    throw new MdlabError(
      'ENOTFOUND',
      `${what}: needs Chromium or Chrome, looked for ${names.join(', ')} on PATH; install one (Debian: apt-get install chromium)`,
    );
  }
  const { chromium } = await import('playwright-core');
  const browser: Browser = await chromium.launch({ executablePath, args: [...chromiumArguments] });
  try {
    const page = await browser.newPage({
      viewport: { width: Math.ceil(size.width), height: Math.ceil(size.height) },
      deviceScaleFactor: size.scale ?? 1,
      offline: true,
    });
    return await body(page);
  } finally {
    await browser.close();
  }
}

/**
 * A page of Chromium, for what needs a browser: PDF files and WebGL pictures. Apart from chromium.ts, so that whoever asks where
 * the browser is need not read playwright's types.
 */
import type { Browser, Page } from 'playwright-core';
import { MdlabError } from '../errors.js';
import { chromiumArguments, chromiumNames, findChromium } from './chromium.js';

/**
 * Runs `body` with a fresh page that may not reach the network, then closes the browser.
 * @throws ENOTFOUND where there is none, or none that starts
 */
export async function withPage<T>(
  what: string,
  size: { width: number; height: number; scale?: number },
  body: (page: Page) => Promise<T>,
): Promise<T> {
  const executablePath = findChromium();
  if (!executablePath) {
    throw new MdlabError(
      'ENOTFOUND',
      `${what}: needs Chromium or Chrome, looked for ${chromiumNames.join(', ')} on PATH; install one (Debian: apt-get install chromium)`,
    );
  }
  const browser = await launched(what, executablePath);
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

async function launched(what: string, executablePath: string): Promise<Browser> {
  const { chromium } = await import('playwright-core');
  try {
    return await chromium.launch({ executablePath, args: [...chromiumArguments] });
  } catch (e) {
    // What the browser itself said, a line of a long log; else the log's first.
    const { message } = e as Error;
    const said = /\[err\] (.*)/.exec(message)?.[1] ?? message.split('\n')[0]!;
    throw new MdlabError(
      'ENOTFOUND',
      `${what}: ${executablePath} does not start: ${said}; PNG and SVG of plain figures need no browser`,
    );
  }
}

// Figure files that only a browser can make.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { findChromium } from '../../lib/plot/chromium.js';
import { figure, line } from '../../lib/plot/index.js';
import { skip } from '../tools.js';

const folder = mkdtempSync(join(tmpdir(), 'mdlab-export-'));
test.after(() => rmSync(folder, { recursive: true }));

if (findChromium()) {
  test('a PDF is one page of the figure’s size with its words as text in our font', async () => {
    const fig = figure(line([0, 1], [0, 1]), { title: 'x', width: 400, height: 300 });
    const pdf = readFileSync(await fig.save(join(folder, 'a.pdf'))).toString('latin1');
    assert.ok(pdf.startsWith('%PDF-'));
    assert.is(pdf.match(/\/Type\s*\/Page\b/g)?.length, 1);
    assert.match(pdf, /\/MediaBox \[0 0 300(\.\d+)? 22[45](\.\d+)?\]/);
    assert.match(pdf, /Inter/);
  });

  test('a 3-D figure becomes a PNG of the figure’s size', async () => {
    const points = { type: 'scatter3d', x: [0, 1, 2], y: [0, 1, 0], z: [0, 1, 2], mode: 'markers' };
    const png = await figure(points, { width: 300, height: 200 }).toPNG({ scale: 2 });
    assert.equal([png.readUInt32BE(16), png.readUInt32BE(20)], [600, 400]);
    const empty = await figure({ ...points, x: [], y: [], z: [] }, { width: 300, height: 200 }).toPNG({
      scale: 2,
    });
    assert.ok(png.length > empty.length, 'the points add ink');
  });
} else skip('PDF and 3-D figure files', 'Chromium is not installed');

test.run();

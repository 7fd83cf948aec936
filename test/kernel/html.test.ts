import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { highlight } from '../../kernel/highlight.js';
import { notebookToHtml } from '../../kernel/html.js';
import type { CellOutput, Notebook, NotebookCell } from '../../kernel/notebook.js';

const code = (source: string, ...outputs: CellOutput[]): NotebookCell => ({
  cell_type: 'code',
  metadata: {},
  source,
  execution_count: 3,
  outputs,
});
const shown = (data: Record<string, unknown>): CellOutput => ({
  output_type: 'display_data',
  data,
  metadata: {},
});
const text = (source: string): NotebookCell => ({ cell_type: 'markdown', metadata: {}, source });
const page = (...cells: NotebookCell[]): string =>
  notebookToHtml({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells } satisfies Notebook);

test('markdown is rendered, its first heading is the title, its scripts are not run', () => {
  const html = page(
    text(
      '# Tour & more\n\n**bold**\n\n| a |\n|---|\n| 1 |\n\n<script>alert(1)</script><img src=x onerror="alert(2)">',
    ),
  );
  assert.match(html, /<title>Tour &#38; more<\/title>/);
  assert.match(html, /<strong>bold<\/strong>/);
  assert.match(html, /<table>/);
  assert.not.match(html, /alert/);
});

test('a figure’s picture is in the page, at the figure’s width', () => {
  const html = page(
    code(
      'fig',
      shown({
        'application/vnd.plotly.v1+json': { layout: { width: 640 } },
        'image/png': 'iVBO\nRw0=',
        'text/plain': 'Figure: "T"',
      }),
    ),
  );
  assert.match(html, /<img alt="Figure: &#34;T&#34;" src="data:image\/png;base64,iVBORw0=" width="640">/);
});

test('HTML goes before pictures, pictures before text', () => {
  assert.match(
    page(code('t', shown({ 'text/plain': 'TEXT', 'text/html': '<table id="x"></table>' }))),
    /<table id="x">/,
  );
  assert.not.match(page(code('t', shown({ 'text/plain': 'TEXT', 'text/html': '<p>' }))), /TEXT/);
  assert.match(page(code('t', shown({ 'text/plain': 'a < b' }))), /<pre>a &#60; b<\/pre>/);
});

test('streams and errors are shown as text without terminal colours', () => {
  const html = page(
    code(
      'x',
      { output_type: 'stream', name: 'stderr', text: '\x1b[33mwarn\x1b[0m <1>\n' },
      {
        output_type: 'error',
        ename: 'Error',
        evalue: 'bad',
        traceback: ['\x1b[31mError: bad\x1b[0m', 'In[1]:2'],
      },
    ),
  );
  assert.match(html, /<pre class="stream stderr">warn &#60;1&#62;/);
  assert.match(html, /<pre class="error">Error: bad\nIn\[1\]:2<\/pre>/);
});

test('code is coloured and stays the same text', () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the code under test has a template in it
  const source = "const a: number = 1.5e3; // if <b>\nlet s = `x ${a}` + 'it\\'s'; /* return";
  const html = highlight(source);
  assert.match(
    html,
    /<span class="k">const<\/span> a: <span class="k">number<\/span> = <span class="n">1\.5e3<\/span>/,
  );
  assert.match(html, /<span class="c">\/\/ if &#60;b&#62;<\/span>/);
  const back = html.replace(/<[^>]+>/g, '').replace(/&#(\d+);/g, (_, n) => String.fromCharCode(Number(n)));
  assert.is(back, source);
});

test('pictures attached to a markdown cell are in the page', () => {
  const html = page({
    ...text('![pic](attachment:a%20b.png)'),
    attachments: { 'a b.png': { 'image/png': 'AAAA' } },
  });
  assert.match(html, /src="data:image\/png;base64,AAAA"/);
});

test('nothing is fetched', () => {
  assert.not.match(
    page(text('# x'), code('1', shown({ 'text/plain': '1' }))),
    /(src|href|url\()\s*=?\s*["'(]?https?:/,
  );
});

test.run();

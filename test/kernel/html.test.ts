import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { highlight } from '../../kernel/highlight.js';
import { notebookToHtml } from '../../kernel/html.js';
import { type CellOutput, formatNotebook, type Notebook, type NotebookCell } from '../../kernel/notebook.js';
import { root } from '../tools.js';
import { temporaryFolder } from './tools.js';

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

test('streams and errors are shown with their terminal colours', () => {
  const html = page(
    code(
      'x',
      { output_type: 'stream', name: 'stderr', text: '\x1b[33mwarn\x1b[0m <1>\n' },
      {
        output_type: 'error',
        ename: 'Error',
        evalue: 'bad',
        traceback: ['\x1b[1;31mError\x1b[0m: bad', 'In[1]:2\x1b[2K'],
      },
    ),
  );
  assert.match(html, /<pre class="stream stderr"><span class="t33">warn<\/span> &#60;1&#62;/);
  assert.match(html, /<pre class="error"><span class="t1 t31">Error<\/span>: bad\nIn\[1\]:2<\/pre>/);
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

const hostile = [
  '<script>hacked(1)</script>',
  '<img src=x onerror="hacked(2)">',
  '<a href="javascript:hacked(3)">a</a>',
  '<a href=" \tJAVA&#10;SCRIPT:hacked(4)">a</a>',
  '[a](javascript:hacked(5))',
  '<svg onload="hacked(6)"><script>hacked(7)</script></svg>',
  '<iframe srcdoc="<script>parent.hacked(8)</script>"></iframe>',
  '<math><mtext></form><form><mglyph><style></math><img src onerror=hacked(9)>',
  '<object data="data:text/html,<script>hacked(10)</script>"></object>',
  '<meta http-equiv="refresh" content="0;url=https://example.org">',
  '<base href="https://example.org"><link rel=stylesheet href="https://example.org/x.css">',
  '<form action="https://example.org"><input name=a autofocus onfocus=hacked(11)><button>go</button></form>',
  '<div style="background:url(https://example.org/track.png)">kept text</div>',
  '<scr<script>ipt>hacked(12)</script>',
  '<noscript><p title="</noscript><img src=x onerror=hacked(13)>"></noscript>',
];

test('Markdown of a stranger keeps its text and loses all that acts', () => {
  const html = page(...hostile.map(text));
  assert.match(html, /kept text/);
  const body = html.slice(html.indexOf('<main>'));
  assert.not.match(
    body,
    /<(script|iframe|object|svg|meta|base|link|form|style)\b|<[^>]*\son\w+=|(href|src)="\s*java|https:\/\/example/i,
  );
});

test('the policy of the page lets only scripts of outputs run, or none', () => {
  const cell = code('x', shown({ 'text/html': '<p>a</p><SCRIPT>1</SCRIPT>', 'text/plain': 'a' }));
  const policy = (html: string): string => /Content-Security-Policy" content="([^"]+)"/.exec(html)![1]!;
  const html = page(text('# x'), cell);
  const nonce = /'nonce-([\w-]{20,})'/.exec(policy(html))![1]!;
  assert.match(
    policy(html),
    /^default-src 'none'; .*img-src data: blob:;.*base-uri 'none'; form-action 'none'$/,
  );
  assert.ok(html.includes(`<p>a</p><script nonce="${nonce}">1</SCRIPT>`));
  assert.is.not(policy(page(text('# y'), cell)), policy(html), 'another notebook, another nonce');
  assert.is(page(text('# x'), cell), html, 'the same notebook, the same page');
  const still = notebookToHtml(
    { nbformat: 4, nbformat_minor: 5, metadata: {}, cells: [cell] },
    { scripts: false },
  );
  assert.match(policy(still), /script-src 'none'/);
  assert.not.match(still, /<script/i);
  assert.match(still, /<p>a<\/p>/);
});

test('pictures beside the notebook are in the page, others are named', () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'a b.png'), 'PNG');
  const cells = [
    text('![in](<a b.png>) ![gone](none.png) ![far](https://example.org/x.png) ![no](/etc/passwd)'),
  ];
  const html = notebookToHtml({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells }, { folder });
  assert.match(html, /<img (alt="in" )?src="data:image\/png;base64,UE5H"/);
  assert.match(html, /\[gone: none\.png\] \[far: https:\/\/example\.org\/x\.png\] \[no: \/etc\/passwd\]/);
});

test('headings can be linked to, task lists and tables stay', () => {
  const html = page(text('## A b\n[there](#A-b)\n\n- [x] done\n\n| a |\n|--:|\n| 1 |'));
  assert.match(html, /<h2 id="A-b">A b<\/h2>/);
  assert.match(html, /<a href="#A-b">there<\/a>/);
  assert.match(html, /<input [^>]*checked[^>]*type="checkbox"|<input [^>]*type="checkbox"[^>]*checked/);
  assert.match(html, /<th align="right">a<\/th>/);
});

test('formulas are MathML, and dollars that are none stay', () => {
  const html = page(
    text('Energy $E = \\frac{1}{2} m v^2$ costs $5, or $6.\n\n$$\n\\int_0^1 x\\,dx\n$$\n\n`$code$` \\$a\\$'),
    code('x', shown({ 'text/latex': '$\\alpha_i$', 'text/plain': 'a' })),
    text('$\\frac{$ and <script>$</script>$ <math><mi onclick="x()">q</mi></math>'),
  );
  assert.is([...html.matchAll(/<math\b/g)].length, 3);
  assert.match(html, /<mfrac><mn>1<\/mn><mn>2<\/mn><\/mfrac>/);
  assert.match(html, /<math [^>]*display="block"[\s\S]*<mo>∫<\/mo>/);
  assert.match(html, /<msub><mi>α<\/mi><mi>i<\/mi><\/msub>/);
  assert.match(html, /costs \$5, or \$6\./);
  assert.match(html, /<code>\$code\$<\/code> \$a\$/);
  assert.match(html, /class="katex-error"[^>]*>\\frac\{</);
  assert.not.match(html, /<script|onclick/);
});

test('mdlab export writes the page of a notebook as it is', () => {
  const folder = temporaryFolder();
  const file = join(folder, 'a.ipynb');
  const cells = [text('# Title'), code('1', shown({ 'text/html': '<script>1</script>', 'text/plain': 'x' }))];
  writeFileSync(file, formatNotebook({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells }));
  const mdlab = (...args: string[]): SpawnSyncReturns<string> =>
    spawnSync(process.execPath, [join(root, 'dist', 'kernel', 'cli.js'), 'export', ...args], {
      encoding: 'utf8',
    });
  assert.is(mdlab(file).stdout, `${join(folder, 'a.html')}\n`);
  assert.match(readFileSync(join(folder, 'a.html'), 'utf8'), /<title>Title<\/title>/);
  const still = join(folder, 'still.html');
  assert.is(mdlab(file, '--no-scripts', '-o', still).status, 0);
  assert.not.match(readFileSync(still, 'utf8'), /<script/);
  const wrong = mdlab(file, '-o', join(folder, 'none', 'x.html'));
  assert.is(wrong.status, 1);
  assert.match(wrong.stderr, /must write into a folder that exists/);
});

test('nothing is fetched', () => {
  assert.not.match(
    page(text('# x'), code('1', shown({ 'text/plain': '1' }))),
    /(src|href|url\()\s*=?\s*["'(]?https?:/,
  );
});

test.run();

// `npm start` from end to end: the tour, its files, JupyterLab with the tour open, and nothing left after Ctrl-C.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { root, skip } from '../tools.js';
import { lacking, launch } from './front-end.js';
import { NotebookPage, until } from './notebook-page.js';

/** A command that a terminal would own: its process group gets Ctrl-C, and every process it made carries a mark. */
class Terminal {
  text = '';
  readonly home: string = mkdtempSync(join(tmpdir(), 'mdlab-start-'));
  private readonly mark = `MDLAB_TEST_MARK=${this.home}`;
  private readonly child: ChildProcess;

  constructor(command: string, args: string[]) {
    const { DISPLAY: _, WAYLAND_DISPLAY: __, ...env } = process.env;
    this.child = spawn(command, args, {
      cwd: root,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...env, HOME: this.home, MDLAB_TEST_MARK: this.home },
    });
    for (const stream of [this.child.stdout!, this.child.stderr!])
      stream.on('data', (d) => {
        this.text += d;
      });
  }

  get ended(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  get code(): number | null {
    return this.child.exitCode;
  }

  /** Until `pattern` was printed. */
  printed(pattern: RegExp, limit = 300_000): Promise<RegExpExecArray> {
    return until(
      String(pattern),
      () => {
        const found = pattern.exec(this.text);
        if (!found && this.ended) throw new Error(`ended with ${this.code}:\n${this.text}`);
        return found;
      },
      limit,
    );
  }

  async interrupt(): Promise<void> {
    process.kill(-this.child.pid!, 'SIGINT');
    await until('the end', () => this.ended);
  }

  /** Command lines of processes of ours that live. */
  processes(): string[] {
    return readdirSync('/proc')
      .filter((f) => /^\d+$/.test(f))
      .flatMap((pid) => {
        try {
          const ours = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(this.mark);
          return ours ? [readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ')] : [];
        } catch {
          return []; // gone meanwhile, or somebody else's
        }
      });
  }

  clear(): void {
    if (!this.ended) process.kill(-this.child.pid!, 'SIGKILL');
    rmSync(this.home, { recursive: true, force: true });
  }
}

const lacks = existsSync('/proc/self/environ') ? undefined : 'no /proc to see processes in';

if (lacks) skip('npm start', lacks);
else
  test('Ctrl-C during the tour ends it, and every process', async () => {
    const terminal = new Terminal(process.execPath, [join(root, 'dist', 'kernel', 'start.js'), '--no-ui']);
    try {
      await until('a kernel of its own', () => terminal.processes().some((p) => p.includes('executor')));
      await terminal.interrupt();
      assert.is(terminal.code, 130, terminal.text);
      await until('no process', () => terminal.processes().length === 0);
    } finally {
      terminal.clear();
    }
  });

const why = lacks ?? lacking('lab');
if (why) skip('npm start opens JupyterLab', why);
else
  test('npm start runs the tour, opens it in JupyterLab with our kernel, and Ctrl-C leaves nothing', async () => {
    const terminal = new Terminal('npm', ['start']);
    const browser = await launch();
    try {
      const [address] = await terminal.printed(
        /http:\/\/127\.0\.0\.1:\d+\/lab\/tree\/tour\.ipynb\?token=\w+/,
      );
      for (const file of ['tour.ipynb', 'tour.html', 'figures/temperature.png', 'figures/temperature.svg'])
        assert.ok(terminal.text.includes(file), `names ${file}:\n${terminal.text}`);
      assert.not.match(terminal.text, /node:internal|is not defined|Traceback/, 'no stack in what it prints');
      const page = await browser.newPage();
      await page.goto(address);
      const notebook = new NotebookPage(page, [], 'lab');
      await notebook.ready();
      assert.match(await page.title(), /tour/);
      await until('a kernel', () => terminal.processes().some((p) => p.includes('executor')));
      await terminal.interrupt();
      await until('no process', () => terminal.processes().length === 0);
      // npm's own log apart, only the cache that the README names.
      const left = (readdirSync(terminal.home, { recursive: true }) as string[]).filter(
        (f) => !/^\.npm|^\.cache$|^\.cache\/mdlab/.test(f),
      );
      assert.equal(left, [], 'nothing in the home folder');
    } finally {
      await browser.close();
      terminal.clear();
    }
  });

test.run();

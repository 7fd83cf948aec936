// Starting and ending: what the kernel leaves behind, and what it says when it cannot start.
import { execFile } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { skip } from '../tools.js';
import { Client, cli, connection } from './client.js';
import { addressesOf, alive, descendants, listening, sleep, TestSession, temporaryFolder } from './tools.js';

async function gone(pid: number, seconds: number): Promise<boolean> {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(20))
    if (!alive(pid)) return true;
  return false;
}

function mdlab(
  args: string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) =>
    execFile(process.execPath, [cli, ...args], { env: { ...process.env, ...env } }, (e, stdout, stderr) =>
      resolve({ code: e ? Number(e.code) : 0, stdout, stderr }),
    ),
  );
}

for (const [what, code] of [
  ['an idle kernel', '0'],
  ['a live timer', 'setInterval(() => {}, 10); 0'],
  ['a busy loop', undefined],
] as const)
  test(`shutdown ends ${what} and every process`, async () => {
    const c = await Client.start();
    const child = Number(
      await c.value(
        "import { spawn } from 'node:child_process'; const sleeper = spawn('sleep', ['60'], { stdio: 'ignore' }); sleeper.pid",
      ),
    );
    const executor = Number(await c.value('process.pid'));
    const others = descendants(c.process.pid!);
    if (code === undefined) c.sendExecute('while (true) {}');
    else await c.execute(code);
    await sleep(50);
    const t = Date.now();
    const reply = await c.request('shutdown_request', { restart: true }, 'control');
    assert.equal(reply.content, { status: 'ok', restart: true });
    assert.is(await c.exited(3), 0);
    assert.ok(Date.now() - t < 2500, `${Date.now() - t} ms`);
    assert.ok(await gone(executor, 1));
    assert.ok(await gone(child, 1));
    for (const pid of others) assert.ok(await gone(pid, 1), `${pid} of ${others}`);
    assert.is(c.errors, '');
    await c.close();
  });

test('a kernel that is killed takes every process along, busy or not', async () => {
  for (const busy of [true, false]) {
    const c = await Client.start();
    await c.value(
      "import { spawn } from 'node:child_process'; const sleeper = spawn('sleep', ['60'], { stdio: 'ignore' }); sleeper.pid",
    );
    const processes = descendants(c.process.pid!);
    if (existsSync('/proc/self/stat')) assert.ok(processes.length >= 3, `${processes}`); // executor, compiler, sleep
    if (busy) c.sendExecute('while (true) {}');
    await sleep(200);
    c.process.kill('SIGKILL');
    for (const pid of processes) assert.ok(await gone(pid, 5), `${pid} of ${processes}, busy: ${busy}`);
    await c.close();
  }
});

const six = Object.values(networkInterfaces()).some((all) => all!.some((i) => i.address === '::1'));
for (const [what, to] of [
  ['ipc', { transport: 'ipc', ip: join(temporaryFolder(), 'kernel') }],
  ['IPv6', { ip: '::1' }],
] as const)
  if (what === 'IPv6' && !six) skip('a kernel reached by IPv6', 'this machine has no ::1');
  else
    test(`a kernel reached by ${what}`, async () => {
      const c = await Client.start({ to });
      assert.is(await c.value('6 * 7'), '42');
      assert.is(await c.heartbeat(), 'ping');
      await c.close();
    });

test('SIGTERM is a shutdown, SIGINT an interrupt', async () => {
  const c = await Client.start();
  const id = c.sendExecute('while (true) {}');
  await c.wait((m) => m.parent === id && m.type === 'execute_input');
  await sleep(400);
  c.process.kill('SIGINT');
  assert.is((await c.finished(id)).reply.content['ename'], 'KeyboardInterrupt');
  c.process.kill('SIGTERM');
  assert.is(await c.exited(3), 0);
  await c.close();
});

test('listens on the address asked for and nowhere else', async () => {
  if (!existsSync('/proc/net/tcp')) return skip('listening addresses', 'no /proc/net/tcp here');
  const c = await Client.start();
  await c.value('1');
  const executor = Number(await c.value('process.pid'));
  assert.equal(listening([c.process.pid!, executor]), addressesOf(c.connection));
  await c.close();
});

test('a folder that is not there is said to be why cells do not run', async () => {
  const s = new TestSession('/absent/folder');
  for (let i = 0; i < 2; i++) {
    const e = await s.error('1');
    assert.is(e.ename, 'ExecutorDied');
    assert.match(e.evalue, /did not start: .*ENOENT/);
  }
  await s.close();
});

test('connection files that cannot be used are named with their fault', async () => {
  const folder = temporaryFolder();
  const refuse = async (text: string | undefined, rule: RegExp): Promise<void> => {
    const file = join(folder, 'c.json');
    if (text !== undefined) writeFileSync(file, text);
    const r = await mdlab(['kernel', text === undefined ? join(folder, 'absent.json') : file]);
    assert.is(r.code, 1);
    assert.match(r.stderr, rule);
    assert.is(r.stderr.trim().split('\n').length, 1, r.stderr);
  };
  const good = await connection();
  await refuse(undefined, /absent\.json: cannot be read: no such file/);
  await refuse('{', /c\.json: text: must be a connection file in JSON/);
  await refuse(
    JSON.stringify({ ...good, transport: 'udp' }),
    /transport: must be 'tcp' or 'ipc', received "udp"/,
  );
  for (const ip of ['', '127.0.0.1\0', '127.0.0.1;tcp://*', 'a b', 5])
    await refuse(JSON.stringify({ ...good, ip }), /c\.json: ip: must be an address, received/);
  await refuse(JSON.stringify({ ...good, ip: '192.0.2.1' }), /cannot listen on tcp:\/\/192\.0\.2\.1:\d+ for/);
  await refuse(JSON.stringify({ ...good, signature_scheme: 'hmac-none' }), /a hash that Node has/);
  await refuse(JSON.stringify({ ...good, hb_port: 'x' }), /hb_port: must be a port number/);
  await refuse(JSON.stringify({ ...good, key: undefined }), /c\.json: key: must be text/);
  await refuse(JSON.stringify({ ...good, signature_scheme: 'none' }), /signature_scheme/);
  const taken = createServer().listen(good.control_port, '127.0.0.1');
  await refuse(JSON.stringify(good), /cannot listen on tcp:\/\/127\.0\.0\.1:\d+ for control/);
  taken.close();
});

test.after(() => Client.closeAll());
test.run();

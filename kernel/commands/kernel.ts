/** `mdlab kernel`: what Jupyter starts, and how Jupyter is told. */
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { invalid, MdlabError } from '../../lib/errors.js';

export const help = `mdlab kernel install [options]   tell Jupyter about the kernel
      --prefix PREFIX         below PREFIX/share/jupyter (default: the user's data folder, or $JUPYTER_DATA_DIR)
      --name NAME             default mdlab
      --display-name TEXT     default TypeScript (mdlab); with a --name, the version is in it
      --env NAME=VALUE        set in the kernel's environment; may be repeated
mdlab kernel uninstall [--prefix PREFIX] [--name NAME]
mdlab kernel list [--prefix PREFIX]             name, version, folder, what front ends show
mdlab kernel CONNECTION_FILE    run the kernel; Jupyter does this`;

const options = {
  prefix: { type: 'string' },
  name: { type: 'string' },
  'display-name': { type: 'string' },
  env: { type: 'string', multiple: true },
  help: { type: 'boolean', short: 'h' },
} as const;

/** @returns the exit code */
export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const [what, ...more] = positionals;
  if (values.help || what === undefined || more.length) {
    console.log(help);
    return values.help ? 0 : 2;
  }
  const { prefix, name } = values;
  switch (what) {
    case 'install': {
      const { installKernelspec } = await import('../kernelspec.js');
      const env = variables(values.env ?? []);
      console.log(await installKernelspec({ prefix, name, displayName: values['display-name'], env }));
      return 0;
    }
    case 'uninstall': {
      const { uninstallKernelspec } = await import('../kernelspec.js');
      console.log(`removed ${uninstallKernelspec({ prefix, name })}`);
      return 0;
    }
    case 'list': {
      const { listKernelspecs } = await import('../kernelspec.js');
      for (const k of listKernelspecs(prefix)) {
        const state = k.missing ? `broken: ${k.missing} is gone` : k.displayName;
        console.log([k.name, k.version, k.folder, state].join('\t'));
      }
      return 0;
    }
    default:
      return serve(what);
  }
}

function variables(given: string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((text) => {
      const at = text.indexOf('=');
      if (at <= 0) invalid('--env', 'must be NAME=VALUE', text);
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

/** How often the kernel looks whether the process that started it is still there, ms. */
const parentCheck = 2000;

async function serve(file: string): Promise<number> {
  // Messages live briefly: a nursery that grows with them would only hold memory.
  setFlagsFromString('--semi-space-growth-factor=1');
  const [{ readConnection }, { KernelServer }] = await Promise.all([
    import('../connection.js'),
    import('../server.js'),
  ]);
  const server = new KernelServer(readConnection(file), process.cwd());
  process.on('SIGINT', () => server.interrupt());
  process.on('SIGTERM', () => void server.close());
  const log = (what: string) => (e: unknown) =>
    process.stderr.write(`mdlab kernel: ${what}: ${(e as Error)?.stack ?? String(e)}\n`);
  process.on('uncaughtException', log('failure'));
  process.on('unhandledRejection', log('failure'));
  // Jupyter names its own process: when that dies, nobody is left to shut the kernel down.
  if (process.env['JPY_PARENT_PID']) {
    const parent = process.ppid;
    setInterval(() => void (process.ppid !== parent && server.close()), parentCheck).unref();
  }
  try {
    await server.serve();
  } catch (e) {
    await server.close();
    if (!(e instanceof MdlabError)) throw e;
    console.error(e.message);
    process.exit(1);
  }
  // Sockets linger until what was said is out; then nothing may keep the process.
  setTimeout(() => process.exit(0), 100);
  return 0;
}

/** What the kernel says of itself. Loads nothing heavy: it is the first answer a front end waits for. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { protocolVersion } from './messages.js';
import { version } from './version.js';

function typescriptVersion(): string {
  const file = createRequire(import.meta.url).resolve('typescript/package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

export function kernelInfo(): Record<string, unknown> {
  const typescript = typescriptVersion();
  return {
    status: 'ok',
    protocol_version: protocolVersion,
    implementation: 'mdlab',
    implementation_version: version,
    language_info: {
      name: 'typescript',
      version: typescript,
      mimetype: 'text/typescript',
      file_extension: '.ts',
      codemirror_mode: { name: 'javascript', typescript: true },
      pygments_lexer: 'typescript',
      nbconvert_exporter: 'script',
    },
    banner: `mdlab ${version}, TypeScript ${typescript}, Node ${process.version}`,
    help_links: [{ text: 'TypeScript', url: 'https://www.typescriptlang.org/docs/' }],
    debugger: false,
    supported_features: [],
  };
}

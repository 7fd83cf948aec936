/** Whether a piece of code is a whole cell, the start of one, or broken: what a console asks before it runs a line. */
import ts from 'typescript';

export interface CompletenessReply {
  status: 'complete' | 'incomplete' | 'invalid';
  /** For incomplete code: what the next line starts with. */
  indent?: string;
}

/** Messages of text that ends inside a literal or comment. */
const unterminated = /^(Unterminated|'\*\/' expected)/;

export function isComplete(code: string): CompletenessReply {
  const file = ts.createSourceFile('cell.ts', code, ts.ScriptTarget.ESNext, true, ts.ScriptKind.TS);
  const errors = (file as unknown as { parseDiagnostics: ts.DiagnosticWithLocation[] }).parseDiagnostics;
  if (!errors.length) return { status: 'complete' };
  const end = code.trimEnd().length;
  const first = errors[0]!;
  const message = ts.flattenDiagnosticMessageText(first.messageText, '\n');
  const openLiteral = unterminated.test(message) && !isOneLineString(file, first);
  const atEnd = first.start >= end && / expected/.test(message);
  if (!openLiteral && !atEnd) return { status: 'invalid' };
  return { status: 'incomplete', indent: indentAfter(code) };
}

/** A quoted string cannot go on in the next line: leaving it open is an error, not a beginning. */
function isOneLineString(file: ts.SourceFile, error: ts.DiagnosticWithLocation): boolean {
  const message = ts.flattenDiagnosticMessageText(error.messageText, '\n');
  if (!message.startsWith('Unterminated string')) return false;
  return !/\\\s*$/.test(file.text);
}

function indentAfter(code: string): string {
  const line = code.trimEnd().split('\n').at(-1) ?? '';
  const own = /^\s*/.exec(line)![0];
  return /[{([]\s*(\/\/.*)?$/.test(line) || /=>\s*$/.test(line) ? `${own}  ` : own;
}

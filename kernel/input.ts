/** `input()` in the executor: questions to the person at the notebook, answered through the parent. */
import { MdlabError } from '../lib/errors.js';
import type { InputOptions } from './globals.js';
import type { Answer, Question } from './wire.js';

export class Inputs {
  private readonly open = new Map<number, { resolve(value: string): void; reject(e: Error): void }>();
  private asked = 0;

  constructor(private readonly put: (question: number, ask: Question) => void) {}

  readonly input = (prompt = '', options: InputOptions = {}): Promise<string> => {
    const question = ++this.asked;
    return new Promise((resolve, reject) => {
      this.open.set(question, { resolve, reject });
      this.put(question, { prompt: String(prompt), password: options.password === true });
    });
  };

  answer(question: number, answer: Answer): void {
    const asked = this.open.get(question);
    this.open.delete(question);
    if ('value' in answer) asked?.resolve(answer.value);
    else asked?.reject(new MdlabError('EUNSUPPORTED', `input: ${answer.refused}`));
  }
}

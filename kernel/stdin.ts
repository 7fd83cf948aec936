/** The stdin channel: what a cell asks goes to the front end that sent the cell, one question at a time. */
import { randomUUID } from 'node:crypto';
import type * as zmq from 'zeromq';
import type { Codec, Message } from './messages.js';
import { Outbox } from './outbox.js';
import type { Answer, Question } from './wire.js';

interface Open {
  id: string;
  /** Routing identity of the front end that was asked. */
  asked: Buffer[];
  resolve: (answer: Answer) => void;
}

const unwilling = 'the front end takes no input (allow_stdin); run the cell where a person can answer';
const over = 'the cell that asks is over';

export class Stdin {
  private readonly outbox: Outbox;
  private open: Open | undefined;
  private turn: Promise<unknown> = Promise.resolve();

  constructor(
    socket: zmq.Router,
    private readonly codec: Codec,
  ) {
    this.outbox = new Outbox(socket);
  }

  /** @param request the execute_request that asks */
  async ask(request: Message, question: Question, signal: AbortSignal): Promise<Answer> {
    if (request.content['allow_stdin'] !== true) return { refused: unwilling };
    const answer = this.turn.then(() =>
      signal.aborted ? { refused: over } : this.put(request, question, signal),
    );
    this.turn = answer;
    return answer;
  }

  private put(request: Message, question: Question, signal: AbortSignal): Promise<Answer> {
    const id = randomUUID();
    const { identities, header: parent } = request;
    return new Promise<Answer>((resolve) => {
      const end = (answer: Answer): void => {
        this.open = undefined;
        resolve(answer);
      };
      this.open = { id, asked: identities, resolve: end };
      signal.addEventListener('abort', () => end({ refused: over }), { once: true });
      const content = { prompt: question.prompt, password: question.password };
      this.outbox.send(this.codec.encode({ type: 'input_request', id, content, parent, identities }));
    });
  }

  /** An input_reply. What answers nothing is dropped: clients may leave out whom they answer, but not who they are. */
  receive(message: Message): void {
    const { open } = this;
    const { header, parent, content, identities } = message;
    if (!open || header.msg_type !== 'input_reply') return;
    if (parent.msg_id !== undefined && parent.msg_id !== open.id) return;
    if (!Buffer.concat(identities).equals(Buffer.concat(open.asked))) return;
    const { value, status, evalue } = content;
    if (status === 'error') open.resolve({ refused: String(evalue ?? 'the front end refused') });
    else if (typeof value === 'string') open.resolve({ value });
    else open.resolve({ refused: 'the front end sent no text' });
  }
}

/** Which comms are open, kept beside the process they live in: so it can be told while that is busy, and after it died. */
import type { CommMessage } from './wire.js';

export class CommList<Owner> {
  private readonly open = new Map<string, { target: string; owner: Owner }>();

  /** Takes note of a message of either side. */
  note(message: CommMessage, owner: Owner): void {
    if (message.type === 'comm_open') this.open.set(message.comm, { target: message.target ?? '', owner });
    else if (message.type === 'comm_close') this.open.delete(message.comm);
  }

  /** comm id -> its target; of one target, or all. */
  info(target?: string): Record<string, { target_name: string }> {
    const chosen = [...this.open].filter(([, c]) => target === undefined || c.target === target);
    return Object.fromEntries(chosen.map(([id, c]) => [id, { target_name: c.target }]));
  }

  /** Forgets all. @returns what tells the front end so */
  closeAll(): { owner: Owner; message: CommMessage }[] {
    const closed = [...this.open].map(([comm, { owner }]) => {
      const message: CommMessage = { type: 'comm_close', comm, data: {}, metadata: {}, buffers: [] };
      return { owner, message };
    });
    this.open.clear();
    return closed;
  }
}

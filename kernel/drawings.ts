/** What a cell is still drawing: it is part of its output, so the cell is not over before. */

/** How long a cell that ended early may take to draw what it has shown, ms. */
const limits = { failed: 3000, interrupted: 300 };

export class Drawings {
  /** What is being drawn, and how to speed it up. */
  private readonly going = new Map<Promise<void>, (() => void) | undefined>();
  private failure: { error: unknown } | undefined;

  /** @param hurry called when the cell's code has ended */
  add(drawing: Promise<void>, hurry?: () => void): void {
    const kept = drawing
      .catch((e: unknown) => {
        this.failure ??= { error: e };
      })
      .finally(() => this.going.delete(kept));
    this.going.set(kept, hurry);
  }

  /** @param wait awaits, unless the cell is interrupted @throws what a drawing failed with */
  async done(wait: (work: Promise<void>) => unknown): Promise<void> {
    while (this.going.size) await wait(this.all());
    if (this.failure) throw this.failure.error;
  }

  /** Of a cell that failed: what it has shown is still its own if it is drawn soon. */
  async abandoned(interrupted: boolean): Promise<void> {
    if (!this.going.size) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, interrupted ? limits.interrupted : limits.failed);
    });
    await Promise.race([this.all(), late]);
    clearTimeout(timer);
  }

  private async all(): Promise<void> {
    for (const hurry of this.going.values()) hurry?.();
    await Promise.all(this.going.keys());
  }
}

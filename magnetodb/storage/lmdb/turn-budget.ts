/**
 * Bounds what reads do in one turn of the event loop. LMDB answers reads at once, so a caller that reads page after
 * page would never let anything else run: promises that resolve at once do not give timers and sockets their turn.
 * Reads that find the turn's budget spent wait for the next turn, in the order in which they came.
 */

/** About five milliseconds of work. */
const ROWS = 1_000;
const BYTES = 4 * 1024 * 1024;

interface Waiter {
  readonly rows: number;
  readonly admit: () => void;
}

export class TurnBudget {
  private rows = 0;
  private bytes = 0;
  private waiting: Waiter[] = [];
  private nextTurnIsDue = false;

  /** Lets a read begin that looks at about so many rows, now or in a later turn. */
  enter(rows: number): void | Promise<void> {
    if (this.waiting.length === 0 && !this.isSpent()) {
      this.spend(rows, 0);
      return;
    }
    return new Promise((admit) => {
      this.waiting.push({ rows, admit });
    });
  }

  /** Counts rows and bytes that a read has looked at. */
  spend(rows: number, bytes: number): void {
    this.rows += rows;
    this.bytes += bytes;
    if (this.nextTurnIsDue) return;
    this.nextTurnIsDue = true;
    setImmediate(() => {
      this.beginTurn();
    });
  }

  /** Whether a read that still has rows to look at should `enter` again. */
  isSpent(): boolean {
    return this.rows >= ROWS || this.bytes >= BYTES;
  }

  private beginTurn(): void {
    this.nextTurnIsDue = false;
    this.rows = 0;
    this.bytes = 0;
    let admitted = 0;
    for (const { rows, admit } of this.waiting) {
      if (this.isSpent()) break;
      this.spend(rows, 0); // charged before the read runs, so that a turn does not admit everybody
      admit();
      admitted += 1;
    }
    this.waiting = this.waiting.slice(admitted);
  }
}

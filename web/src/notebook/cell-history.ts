// What was done to the cells here, so that it can be undone and done again, step by step.

/** Each answers whether there was anything to do: others may have changed the cells meanwhile. */
export interface Step {
  undo(): boolean;
  redo(): boolean;
}

/** How many steps can be undone, one after the other. */
const LIMIT = 50;

export class CellHistory {
  /** The last one first to be undone. */
  private readonly done: Step[] = [];
  private readonly undone: Step[] = [];

  /** Does a step for the first time. */
  act(step: Step): void {
    if (step.redo()) this.note(step);
  }

  /** Takes up a step that was done already. */
  note(step: Step): void {
    this.done.push(step);
    if (this.done.length > LIMIT) this.done.shift();
    this.undone.length = 0;
  }

  /** Undoes the given step, or the last. */
  undo(step = this.done.at(-1)): void {
    const index = step === undefined ? -1 : this.done.lastIndexOf(step);
    if (step === undefined || index < 0) return;
    this.done.splice(index, 1);
    if (step.undo()) this.undone.push(step);
  }

  redo(): void {
    const step = this.undone.pop();
    if (step?.redo()) this.done.push(step);
  }
}

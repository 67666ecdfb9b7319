// What keys and buttons do to the cells themselves: intents on the document, with the selection moved along.
import { effect, untracked } from "@preact/signals";
import { toast, toastStays } from "../ui/toasts";
import type { CellType, CellView } from "./cells";
import { cellFor, keepCell } from "./clipboard";
import type { WholeCell } from "./edit";
import type { ExecutionView } from "./executions";
import { neighbour, type Selection } from "./selection";
import type { NotebookStore } from "./store";
import { dropKept, keepMore } from "./unsent";

/** How many deleted cells can be brought back, one after the other. */
const DELETED_LIMIT = 50;

/** Whether a cell shows something that can be cleared: what still runs would have no place to be shown. */
export function isClearable(cell: CellView, execution: ExecutionView | undefined): boolean {
  if (execution?.status === "queued" || execution?.status === "running") return false;
  return cell.executionId !== undefined || cell.storedCount !== undefined;
}

export class CellActions {
  private readonly store: NotebookStore;
  private readonly selection: Selection;
  /** The last one first to come back. */
  private readonly deleted: WholeCell[] = [];
  /** Messages that offer a way back. */
  private readonly offers: (() => void)[] = [];
  /** The selected cell as it was last seen. */
  private last: { id: string; index: number; whole: WholeCell } | undefined;

  constructor(store: NotebookStore, selection: Selection) {
    this.store = store;
    this.selection = selection;
  }

  /**
   * Until the answer is called, a selected cell that somebody else deletes leaves the selection and the focus somewhere.
   * Then the ways back that are still offered go: nobody sees the notebook any more.
   */
  watch(): () => void {
    const stop = effect(() => {
      const cells = this.store.cells.value;
      const id = this.selection.cellId.value;
      untracked(() => this.follow(cells, id));
    });
    return () => {
      stop();
      for (const dismiss of this.offers.splice(0)) dismiss();
    };
  }

  addBelow(id: string | undefined, type: CellType): void {
    if (!this.store.canEdit.value) return;
    const last = this.store.cells.value.at(-1)?.id;
    this.selection.edit(this.store.editor.addCell(id ?? last, type));
  }

  insertAbove(id: string | undefined): void {
    if (!this.store.canEdit.value) return;
    const cells = this.store.cells.value;
    const index = cells.findIndex((cell) => cell.id === id);
    this.selection.command(this.store.editor.addCell(cells[index - 1]?.id, "code"));
  }

  insertBelow(id: string | undefined): void {
    if (!this.store.canEdit.value) return;
    this.selection.command(this.store.editor.addCell(id, "code"));
  }

  remove(id: string | undefined): void {
    if (this.takeOut(id)) this.offer("Cell deleted", () => this.bringBack());
  }

  /** Brings the cell that was deleted last back to its place, with its outputs. */
  bringBack(): void {
    if (!this.store.canEdit.value) return;
    const whole = this.deleted.pop();
    if (whole === undefined) return;
    this.store.editor.putBack(whole);
    dropKept(this.store.id, whole.id);
    this.selection.command(whole.id);
  }

  move(id: string | undefined, step: -1 | 1): void {
    if (id === undefined || !this.store.canEdit.value) return;
    this.store.editor.moveCell(id, step);
    requestAnimationFrame(() => this.selection.command(id));
  }

  setType(id: string | undefined, type: CellType): void {
    if (id === undefined || !this.store.canEdit.value) return;
    this.store.setType(id, type);
  }

  cut(id: string | undefined): void {
    const whole = this.takeOut(id);
    if (whole !== undefined) keepCell(this.store.id, whole);
  }

  copy(id: string | undefined): void {
    const whole = id === undefined ? undefined : this.store.editor.whole(id);
    if (whole !== undefined) keepCell(this.store.id, whole);
  }

  /** Puts the cell that was cut or copied before (0) or after (1) the given one. */
  paste(id: string | undefined, offset: 0 | 1): void {
    const whole = cellFor(this.store.id);
    if (whole === undefined || !this.store.canEdit.value) return;
    const cells = this.store.cells.value;
    const after = cells[cells.findIndex((cell) => cell.id === id) - 1 + offset]?.id;
    this.selection.command(this.store.editor.addCopy(after, whole));
  }

  /** Makes two cells of one: what is behind the place goes on in the second one. */
  split(id: string, at: number): void {
    const whole = this.store.editor.whole(id);
    if (whole === undefined || !this.store.canEdit.value) return;
    const { source, type } = whole;
    const head = source.slice(0, at).replace(/\n$/, "");
    const rest = source.slice(at).replace(/^\n/, "");
    this.store.editor.splice({}, id, [
      { index: head.length, remove: source.length - head.length, insert: "" },
    ]);
    this.selection.edit(this.store.editor.addCell(id, type, rest), "start");
  }

  /** Makes one cell of two; the second one can be brought back. */
  join(id: string | undefined): void {
    const cells = this.store.cells.value;
    const index = cells.findIndex((cell) => cell.id === id);
    const [first, second] = [cells[index], cells[index + 1]];
    if (index < 0 || first === undefined || second === undefined || !this.store.canEdit.value) return;
    const whole = this.store.editor.whole(second.id);
    const between = first.source === "" || second.source === "" ? "" : first.type === "code" ? "\n" : "\n\n";
    const insert = between + second.source;
    this.store.editor.splice({}, first.id, [{ index: first.source.length, remove: 0, insert }]);
    this.store.editor.deleteCell(second.id);
    if (whole !== undefined) this.remember(whole);
  }

  clearOutputs(id: string | undefined): void {
    const cell = this.store.cells.value.find((each) => each.id === id);
    if (cell === undefined) return;
    this.clear([cell], "Outputs cleared");
    // The button goes with the outputs.
    this.selection.command(id);
  }

  clearAllOutputs(): void {
    this.clear(this.store.cells.value, "All outputs cleared");
  }

  private clear(cells: readonly CellView[], said: string): void {
    if (!this.store.canEdit.value) return;
    const ids = cells.filter((cell) => isClearable(cell, this.store.executionOf(cell))).map(({ id }) => id);
    if (ids.length === 0) return;
    const before = this.store.editor.clearOutputs(ids);
    this.offer(said, () => {
      this.store.editor.showAgain(before);
      this.selection.command(this.selection.cellId.peek() ?? ids[0]);
    });
  }

  private offer(said: string, undo: () => void): void {
    this.offers.push(toast(said, { label: "Undo", run: undo }));
  }

  /** Removes a cell and selects the one that follows, or the one before the last. */
  private takeOut(id: string | undefined): WholeCell | undefined {
    if (id === undefined || !this.store.canEdit.value) return undefined;
    const whole = this.store.editor.whole(id);
    if (whole === undefined) return undefined;
    const cells = this.store.cells.value;
    const next = neighbour(cells, id, 1);
    const goTo = next === id ? neighbour(cells, id, -1) : next;
    this.last = undefined;
    this.remember(whole);
    this.selection.command(goTo === id ? undefined : goTo);
    if (goTo === id) this.selection.nothing();
    this.store.editor.deleteCell(id);
    return whole;
  }

  private remember(whole: WholeCell): void {
    this.deleted.push(whole);
    if (this.deleted.length > DELETED_LIMIT) this.deleted.shift();
  }

  private follow(cells: readonly CellView[], id: string | undefined): void {
    const index = cells.findIndex((cell) => cell.id === id);
    const whole = id === undefined ? undefined : this.store.editor.whole(id);
    if (id !== undefined && index >= 0 && whole !== undefined) {
      this.last = { id, index, whole };
    } else if (this.last !== undefined && this.last.id === id) {
      const { last } = this;
      this.last = undefined;
      this.lose(last.whole, cells[Math.min(last.index, cells.length - 1)]?.id);
    }
  }

  /** Somebody else deleted the selected cell; what was being written in it can be had back. */
  private lose(whole: WholeCell, next: string | undefined): void {
    const wasEditing = this.selection.isEditing(whole.id);
    if (this.selection.hasFocus(whole.id)) this.selection.command(next);
    if (next === undefined) this.selection.nothing();
    else this.selection.focused(next, false);
    if (!wasEditing || whole.source.trim() === "") return;
    this.remember(whole);
    const { id, type, source } = whole;
    keepMore(this.store.id, [{ id, type, source }]);
    const dismiss = toastStays(
      "The cell that you were editing was deleted by somebody else, or in another tab.",
      { label: "Bring it back", run: () => this.bringBackThis(whole) },
    );
    this.offers.push(dismiss);
  }

  private bringBackThis(whole: WholeCell): void {
    const index = this.deleted.indexOf(whole);
    if (index >= 0) this.deleted.splice(index, 1);
    this.deleted.push(whole);
    this.bringBack();
  }
}

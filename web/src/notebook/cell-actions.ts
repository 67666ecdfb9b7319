// What keys and buttons do to the cells themselves: intents on the document, with the selection moved along.
import { effect, untracked } from "@preact/signals";
import { toast, toastStays } from "../ui/toasts";
import { CellHistory, type Step } from "./cell-history";
import type { CellType, CellView } from "./cells";
import { cellsFor, keepCells } from "./clipboard";
import type { Pointer, WholeCell } from "./edit";
import type { ExecutionView } from "./executions";
import { joining, splitting } from "./join-split";
import { neighbour, type Selection } from "./selection";
import type { NotebookStore } from "./store";
import { dropKept, keepMore } from "./unsent";

/** Several cells, in their order; one that is not there any more is left alone. */
type Ids = readonly string[];

/** Whether a cell shows something that can be cleared: what still runs would have no place to be shown. */
export function isClearable(cell: CellView, execution: ExecutionView | undefined): boolean {
  if (execution?.status === "queued" || execution?.status === "running") return false;
  return cell.executionId !== undefined || cell.storedCount !== undefined;
}

export class CellActions {
  private readonly store: NotebookStore;
  private readonly selection: Selection;
  private readonly history = new CellHistory();
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
    const added = this.store.editor.addCell(id ?? last, type);
    this.noteAdded([added]);
    this.selection.edit(added);
  }

  insertAbove(id: string | undefined): void {
    if (!this.store.canEdit.value) return;
    const cells = this.store.cells.value;
    const index = cells.findIndex((cell) => cell.id === id);
    this.insertAfter(cells[index - 1]?.id);
  }

  insertBelow(id: string | undefined): void {
    if (this.store.canEdit.value) this.insertAfter(id);
  }

  remove(ids: Ids): void {
    const step = this.removal(ids);
    this.act(step);
    if (step.taken().length > 0) {
      this.offer(ids.length === 1 ? "Cell deleted" : `${ids.length} cells deleted`, step);
    }
  }

  /** Takes back what was done to cells last: a deletion, a move, a change of type. */
  undo(): void {
    if (this.store.canEdit.value) this.history.undo();
  }

  redo(): void {
    if (this.store.canEdit.value) this.history.redo();
  }

  move(ids: Ids, step: -1 | 1): void {
    const cells = this.store.cells.value;
    const places = ids.map((id) => cells.findIndex((cell) => cell.id === id)).filter((index) => index >= 0);
    const to = step < 0 ? Math.min(...places) - 1 : Math.max(...places) + 1;
    // Behind the one that is passed, or behind the one before that.
    if (cells[to] !== undefined) this.place(ids, cells[step < 0 ? to - 1 : to]?.id);
  }

  /** Puts cells behind the given one, or first. */
  place(ids: Ids, afterId: string | undefined): void {
    const { editor } = this.store;
    let before: ReturnType<typeof editor.place> = [];
    this.act({
      redo: () => {
        before = editor.place(ids, afterId);
        this.selection.focusAgain(ids);
        return before.length > 0;
      },
      undo: () => {
        editor.setPositions(before);
        this.selection.focusAgain(ids);
        return true;
      },
    });
  }

  setType(ids: Ids, type: CellType): void {
    const { editor } = this.store;
    let before: ReturnType<typeof editor.setType> = [];
    this.act({
      redo: () => {
        before = editor.setType(ids, type);
        return before.length > 0;
      },
      undo: () => {
        for (const { id, type: was } of before) editor.setType([id], was);
        this.selection.command(before[0]?.id);
        return true;
      },
    });
  }

  cut(ids: Ids): void {
    const step = this.removal(ids);
    this.act(step);
    if (step.taken().length > 0) keepCells(this.store.id, step.taken());
  }

  copy(ids: Ids): void {
    const cells = this.wholes(ids);
    if (cells.length > 0) keepCells(this.store.id, cells);
  }

  /** Puts the cells that were cut or copied before (0) or after (1) the given one. */
  paste(id: string | undefined, offset: 0 | 1): void {
    const { editor, canEdit, cells } = this.store;
    if (!canEdit.value) return;
    const index = cells.value.findIndex((cell) => cell.id === id);
    let after = cells.value[index - 1 + offset]?.id;
    const added = cellsFor(this.store.id).map((whole) => {
      after = editor.addCopy(after, whole);
      return after;
    });
    if (added.length === 0) return;
    this.noteAdded(added);
    this.selection.command(added.at(-1));
  }

  /** Makes two cells of one: what is behind the place goes on in the second one. */
  split(id: string, at: number): void {
    this.act(splitting(this.store.editor, this.selection, id, at));
  }

  /** Makes one cell of several, or of one and the next. */
  join(ids: Ids): void {
    const [first] = ids;
    if (first === undefined) return;
    const next = neighbour(this.store.cells.value, first, 1);
    const joined = ids.length > 1 ? ids : next === first || next === undefined ? [] : [first, next];
    this.act(joining(this.store.editor, this.selection, joined));
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
    const ids = cells.filter((cell) => isClearable(cell, this.store.executionOf(cell))).map(({ id }) => id);
    if (ids.length === 0) return;
    let before: Pointer[] = [];
    const step: Step = {
      redo: () => {
        before = this.store.editor.clearOutputs(ids);
        return true;
      },
      undo: () => {
        this.store.editor.showAgain(before);
        this.selection.command(this.selection.cellId.peek() ?? ids[0]);
        return true;
      },
    };
    this.actOffering(step, () => said);
  }

  /** Does something that can be undone. */
  act(step: Step): void {
    if (this.store.canEdit.value) this.history.act(step);
  }

  /** The same, with the way back in a message. */
  actOffering(step: Step, said: () => string): void {
    this.act(step);
    this.offer(said(), step);
  }

  private offer(said: string, step: Step): void {
    this.offers.push(toast(said, { label: "Undo", run: () => this.history.undo(step) }));
  }

  private wholes(ids: Ids): WholeCell[] {
    return ids.flatMap((id) => this.store.editor.whole(id) ?? []);
  }

  private insertAfter(id: string | undefined): void {
    const added = this.store.editor.addCell(id, "code");
    this.noteAdded([added]);
    this.selection.command(added);
  }

  /** Cells that were added go again by *undo*, as long as nobody has written in them. */
  private noteAdded(ids: Ids): void {
    let cells = this.wholes(ids);
    this.history.note({
      undo: () => {
        const now = this.wholes(ids);
        if (now.some(({ source }, index) => source !== cells[index]?.source)) {
          toast("A new cell that has been written in stays. Delete it by d d.");
          return false;
        }
        cells = now;
        this.takeOut(ids);
        return now.length > 0;
      },
      redo: () => this.putBack(cells),
    });
  }

  private removal(ids: Ids): Step & { taken(): readonly WholeCell[] } {
    let cells: readonly WholeCell[] = [];
    return {
      taken: () => cells,
      redo: () => {
        cells = this.takeOut(ids);
        return cells.length > 0;
      },
      undo: () => this.putBack(cells),
    };
  }

  /** Makes deleted cells anew in their places, with their outputs. */
  private putBack(cells: readonly WholeCell[]): boolean {
    for (const whole of cells) {
      this.store.editor.putBack(whole);
      dropKept(this.store.id, whole.id);
    }
    this.selection.command(cells[0]?.id);
    return cells.length > 0;
  }

  /** Removes cells and selects the one that follows, or the one before the last. */
  private takeOut(ids: Ids): WholeCell[] {
    const taken = this.wholes(ids);
    const [first] = taken;
    if (first === undefined) return taken;
    const cells = this.store.cells.value;
    const left = cells.filter((cell) => !taken.some(({ id }) => id === cell.id));
    const index = cells.findIndex((cell) => cell.id === first.id);
    const next = left[Math.min(index, left.length - 1)]?.id;
    this.last = undefined;
    if (next === undefined) this.selection.nothing();
    else this.selection.command(next);
    for (const { id } of taken) this.store.editor.deleteCell(id);
    return taken;
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
    const step: Step = {
      undo: () => this.putBack([whole]),
      redo: () => this.takeOut([whole.id]).length > 0,
    };
    this.history.note(step);
    const { id, type, source } = whole;
    keepMore(this.store.id, [{ id, type, source }]);
    const dismiss = toastStays(
      "The cell that you were editing was deleted by somebody else, or in another tab.",
      { label: "Bring it back", run: () => this.history.undo(step) },
    );
    this.offers.push(dismiss);
  }
}

// Which parts of cells are folded away: as the notebook has it for everybody, or as a reader chose in this tab.
import { signal } from "@preact/signals";
import type { CellView } from "./cells";
import type { NotebookStore } from "./store";

export type CellPart = "source" | "outputs";

export class Folding {
  private readonly store: NotebookStore;
  /** What a reader folded or unfolded, who cannot write it into the notebook. */
  private readonly own = signal<Readonly<Record<string, boolean>>>({});

  constructor(store: NotebookStore) {
    this.store = store;
  }

  isHidden(cell: CellView, part: CellPart): boolean {
    const own = this.store.canEdit.value ? undefined : this.own.value[`${part} ${cell.id}`];
    return own ?? cell.hidden[part];
  }

  /** Folds a part of cells, or unfolds it when it is folded in all of them. */
  toggle(ids: readonly string[], part: CellPart): void {
    const cells = this.store.cells.peek().filter(({ id }) => ids.includes(id));
    const hidden = cells.some((cell) => !this.isHidden(cell, part));
    if (this.store.canEdit.peek()) this.store.editor.setHidden(ids, part, hidden);
    else {
      const chosen = ids.map((id) => [`${part} ${id}`, hidden] as const);
      this.own.value = { ...this.own.value, ...Object.fromEntries(chosen) };
    }
  }
}

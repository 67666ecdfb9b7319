// Which cell is selected and whether it is being edited: local to this tab, like Jupyter's two modes.
import { signal } from "@preact/signals";
import type { CellView } from "./cells";

/** Where the cursor goes when an editor is entered: to the first or the last line, or where it was. */
export type Edge = "start" | "end";

export class Selection {
  readonly cellId = signal<string | undefined>(undefined);
  readonly editing = signal(false);
  /** What holds the cells. */
  home: HTMLElement | null = null;
  private readonly cellElements = new Map<string, HTMLElement>();
  private readonly editors = new Map<string, (edge?: Edge) => void>();
  /** Where the cursor of an editor goes that is not there yet. */
  private edge: Edge | undefined;

  registerCell(id: string, element: HTMLElement): () => void {
    this.cellElements.set(id, element);
    if (this.cellId.value === id && !this.editing.value) element.focus({ preventScroll: true });
    return () => this.cellElements.delete(id);
  }

  /** An editor that appears while its cell is being edited takes the focus. */
  registerEditor(id: string, focus: (edge?: Edge) => void): () => void {
    this.editors.set(id, focus);
    if (this.cellId.value === id && this.editing.value) focus(this.edge);
    return () => this.editors.delete(id);
  }

  /** Focus arrived by itself, by a click or the tab key. */
  focused(id: string, editing: boolean): void {
    this.cellId.value = id;
    this.editing.value = editing;
  }

  command(id: string | undefined): void {
    if (id === undefined) return;
    this.cellId.value = id;
    this.editing.value = false;
    const element = this.cellElements.get(id);
    element?.focus({ preventScroll: true });
    element?.scrollIntoView({ block: "nearest" });
  }

  edit(id: string | undefined, edge?: Edge): void {
    if (id === undefined) return;
    this.edge = edge;
    this.cellId.value = id;
    this.editing.value = true;
    this.cellElements.get(id)?.scrollIntoView({ block: "nearest" });
    this.editors.get(id)?.(edge);
  }

  /** No cell is left to be selected: the keys of command mode stay within reach. */
  nothing(): void {
    this.cellId.value = undefined;
    this.editing.value = false;
    this.home?.focus({ preventScroll: true });
  }

  /** Whether the focus is on a cell or in it. */
  hasFocus(id: string): boolean {
    return this.cellElements.get(id)?.contains(document.activeElement) ?? false;
  }

  isEditing(id: string): boolean {
    return this.editing.value && this.cellId.value === id;
  }
}

/** The cell a step away from the given one; the same at the ends. */
export function neighbour(
  cells: readonly CellView[],
  id: string | undefined,
  step: number,
): string | undefined {
  const index = cells.findIndex((cell) => cell.id === id);
  if (index < 0) return cells[0]?.id;
  return (cells[index + step] ?? cells[index])?.id;
}

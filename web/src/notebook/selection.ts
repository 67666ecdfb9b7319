// Which cells are selected and whether one is being edited: local to this tab, like Jupyter's two modes.
import { signal } from "@preact/signals";
import type { CellView } from "./cells";

/** Where the cursor goes when an editor is entered: to the first or the last line, or where it was. */
export type Edge = "start" | "end";

/** What is typed waits for an editor that is not there yet so long. */
const AHEAD_MS = 1_000;

/** An editor as the selection needs it. */
export interface EditorHandle {
  focus(edge?: Edge): void;
  /** Shows a part of the text as selected, without the focus. */
  show(from: number, to: number): void;
  insert(text: string): void;
}

export class Selection {
  readonly cellId = signal<string | undefined>(undefined);
  /** Where a range of cells began that goes to the selected one. */
  readonly anchorId = signal<string | undefined>(undefined);
  readonly editing = signal(false);
  /** What holds the cells. */
  home: HTMLElement | null = null;
  private readonly cellElements = new Map<string, HTMLElement>();
  private readonly editors = new Map<string, EditorHandle>();
  /** The cell that is to be seen and is not there yet. */
  private awaited: string | undefined;
  /** Where the cursor of an editor goes that is not there yet. */
  private edge: Edge | undefined;
  /** When it was entered, and what was typed since. */
  private ahead = { since: 0, text: "" };
  /** A part of a cell's text that was found. */
  private readonly shown = signal<{ id: string; from: number; to: number } | undefined>(undefined);

  registerCell(id: string, element: HTMLElement): () => void {
    this.cellElements.set(id, element);
    if (this.cellId.value === id && !this.editing.value) element.focus({ preventScroll: true });
    if (this.awaited === id) this.scrollTo(id);
    return () => this.cellElements.delete(id);
  }

  /** An editor that appears while its cell is being edited takes the focus. */
  registerEditor(id: string, editor: EditorHandle): () => void {
    this.editors.set(id, editor);
    if (this.cellId.value === id && this.editing.value) {
      editor.focus(this.edge);
      if (this.ahead.text) editor.insert(this.ahead.text);
      this.ahead.text = "";
    }
    const shown = this.shown.peek();
    // Once it has measured its lines, and knows where that is.
    if (shown?.id === id) requestAnimationFrame(() => editor.show(shown.from, shown.to));
    return () => this.editors.delete(id);
  }

  /** Focus arrived by itself, by a click or the tab key. */
  focused(id: string, editing: boolean): void {
    if (editing || id !== this.cellId.value) this.anchorId.value = undefined;
    this.cellId.value = id;
    this.editing.value = editing;
  }

  /** The pointer chose this cell alone. */
  pressed(id: string): void {
    this.anchorId.value = undefined;
    this.focused(id, false);
  }

  command(id: string | undefined): void {
    if (id === undefined) return;
    this.anchorId.value = undefined;
    this.cellId.value = id;
    this.editing.value = false;
    this.shown.value = undefined;
    this.focusCell();
  }

  /** Selects all between the cell where the range began and the given one. */
  extend(id: string | undefined): void {
    if (id === undefined) return;
    this.anchorId.value ??= this.cellId.value;
    this.cellId.value = id;
    this.editing.value = false;
    this.focusCell();
  }

  /** Selects a cell and shows a part of its text; the focus stays where it is. */
  reveal(id: string, from: number, to: number): void {
    this.anchorId.value = undefined;
    this.cellId.value = id;
    this.editing.value = false;
    this.shown.value = { id, from, to };
    this.scrollTo(id);
    this.editors.get(id)?.show(from, to);
  }

  /** Selects all between two cells; the page stays where it is. */
  span(from: string | undefined, to: string | undefined): void {
    this.anchorId.value = from;
    this.cellId.value = to;
    this.editing.value = false;
    this.focusCell(false);
  }

  /** The selected cells in their order. */
  range(cells: readonly CellView[]): readonly string[] {
    const head = cells.findIndex(({ id }) => id === this.cellId.value);
    if (head < 0) return [];
    const anchor = cells.findIndex(({ id }) => id === this.anchorId.value);
    const from = anchor < 0 ? head : Math.min(head, anchor);
    return cells.slice(from, Math.max(head, anchor) + 1).map(({ id }) => id);
  }

  /** Cells that are moved lose the focus; they have it again before the next paint. */
  focusAgain(ids: readonly string[]): void {
    requestAnimationFrame(() => {
      if (ids.includes(this.cellId.peek() ?? "")) this.focusCell();
      else this.command(ids[0]);
    });
  }

  private focusCell(scrolls = true): void {
    const id = this.cellId.value ?? "";
    this.cellElements.get(id)?.focus({ preventScroll: true });
    if (scrolls) this.scrollTo(id);
  }

  private scrollTo(id: string): void {
    const element = this.cellElements.get(id);
    this.awaited = element === undefined ? id : undefined;
    element?.scrollIntoView({ block: "nearest" });
  }

  edit(id: string | undefined, edge?: Edge): void {
    if (id === undefined) return;
    this.edge = edge;
    this.anchorId.value = undefined;
    this.cellId.value = id;
    this.editing.value = true;
    this.shown.value = undefined;
    this.scrollTo(id);
    this.ahead = { since: performance.now(), text: "" };
    this.editors.get(id)?.focus(edge);
  }

  /** Takes a key for an editor that is about to be there; false if it is none of text, or none is awaited. */
  typesAhead({ key, ctrlKey, metaKey, altKey }: KeyboardEvent): boolean {
    const isAwaited =
      this.editing.value &&
      !this.editors.has(this.cellId.value ?? "") &&
      performance.now() - this.ahead.since < AHEAD_MS;
    if (!isAwaited || key.length > 1 || ctrlKey || metaKey || altKey) return false;
    this.ahead.text += key;
    return true;
  }

  /** Puts the focus back to where keys went before: into the editor, or onto the selected cell. */
  resume(): void {
    const editor = this.editing.value ? this.editors.get(this.cellId.value ?? "") : undefined;
    if (editor === undefined) this.focusCell(false);
    else editor.focus();
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

  /** Whether a cell's text is to be there, folded, rendered or far away as it may be. */
  isOpen(id: string): boolean {
    return this.isEditing(id) || this.shown.value?.id === id;
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

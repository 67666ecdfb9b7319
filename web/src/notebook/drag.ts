// Cells are drawn by their gutter to another place; a line shows where they would go.
import type { Actions } from "./actions";

/** Says what is drawn to nobody but this tab: an editor must not take it for text. */
const KIND = "application/x-notebook-cells";

/** The place at a pointer: above or below the cell that is there. */
function placeAt({ target, clientY }: DragEvent) {
  const cell = target instanceof Element ? target.closest<HTMLElement>("[data-cell-id]") : null;
  if (cell === null) return undefined;
  const { top, height } = cell.getBoundingClientRect();
  return { cell, isBelow: clientY > top + height / 2 };
}

/** What the element that holds the cells listens to. */
export function dragging({ cells, selected, selection, store }: Actions) {
  /** What was selected when the pointer went down, which selects a cell alone. */
  let held: readonly string[] = [];
  let drawn: readonly string[] = [];
  /** Where they would go; between two cells, as over the last one. */
  let place: ReturnType<typeof placeAt>;
  const unmark = () => place?.cell.classList.remove("drop-above", "drop-below");
  const end = () => {
    unmark();
    place = undefined;
    drawn = [];
  };
  return {
    onMouseDownCapture() {
      held = selected.peek();
    },
    onDragStart(event: DragEvent) {
      const { target, dataTransfer } = event;
      if (!(target instanceof Element) || !target.matches(".cell-gutter") || !dataTransfer) return;
      const cell = target.closest<HTMLElement>("[data-cell-id]");
      const id = cell?.dataset.cellId;
      if (cell === null || id === undefined) return;
      drawn = held.includes(id) ? held : [id];
      selection.span(drawn[0], drawn.at(-1));
      dataTransfer.effectAllowed = "move";
      dataTransfer.setData(KIND, id);
      dataTransfer.setDragImage(cell, 20, 20);
    },
    onDragOver(event: DragEvent) {
      if (drawn.length === 0) return;
      event.preventDefault();
      unmark();
      place = placeAt(event) ?? place;
      place?.cell.classList.add(place.isBelow ? "drop-below" : "drop-above");
    },
    onDrop(event: DragEvent) {
      if (drawn.length === 0) return;
      event.preventDefault();
      const all = store.cells.peek();
      let at = all.findIndex(({ id }) => id === place?.cell.dataset.cellId) - (place?.isBelow ? 0 : 1);
      while (drawn.includes(all[at]?.id ?? "")) at -= 1;
      const first = all.findIndex(({ id }) => id === drawn[0]);
      if (place !== undefined && all[first - 1] !== all[at]) cells.place(drawn, all[at]?.id);
      end();
    },
    onDragEnd: end,
  };
}

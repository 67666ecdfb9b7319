// Puts in what a kernel proposes as the next input, as `%load` and `%recall` do (D12): once, and only in the tab that ran
// the cell.
import { effect } from "@preact/signals";
import type { ExecutionView, NextInput } from "./executions";
import type { NotebookStore } from "./store";

/** In place of the cell where that still holds what ran, else below it. */
function put({ editor, canEdit }: NotebookStore, cellId: string, ran: ExecutionView, next: NextInput): void {
  const cell = editor.whole(cellId);
  if (cell === undefined || !canEdit.peek()) return;
  const { length } = cell.source;
  if (!next.replace || cell.source !== ran.source) editor.addCell(cellId, "code", next.text);
  else editor.splice({}, cellId, [{ index: 0, remove: length, insert: next.text }]);
}

export function takeNextInputs(store: NotebookStore): () => void {
  return effect(() => {
    const cells = store.cells.value;
    for (const cell of cells) {
      const { executionId } = cell;
      const ran = store.executionOf(cell);
      if (executionId === undefined || ran?.nextInput === undefined) continue;
      if (!store.takeNext(executionId)) continue;
      const next = ran.nextInput;
      // A copy of the cell shows the same run.
      const { id } = cells.find((one) => one.executionId === executionId && one.id === ran.cellId) ?? cell;
      // The cells that are looked at here change by it.
      queueMicrotask(() => put(store, id, ran, next));
    }
  });
}

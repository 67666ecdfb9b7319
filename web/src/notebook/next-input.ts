// Puts in what a kernel proposes as the next input, as `%load` and `%recall` do (D12): once, and only in the tab that ran
// the cell.
import { effect } from "@preact/signals";
import type { NotebookStore } from "./store";

function put({ editor, canEdit }: NotebookStore, cellId: string, text: string, replace: boolean): void {
  const cell = editor.whole(cellId);
  if (cell === undefined || !canEdit.peek()) return;
  if (replace) editor.splice({}, cellId, [{ index: 0, remove: cell.source.length, insert: text }]);
  else editor.addCell(cellId, "code", text);
}

export function takeNextInputs(store: NotebookStore): () => void {
  const seen = new Set<string>();
  return effect(() => {
    for (const cell of store.cells.value) {
      const { id, executionId } = cell;
      if (executionId === undefined || seen.has(executionId) || !store.hasStarted(executionId)) continue;
      const next = store.executionOf(cell)?.nextInput;
      if (next === undefined) continue;
      seen.add(executionId);
      // The cells that are looked at here change by it.
      queueMicrotask(() => put(store, id, next.text, next.replace));
    }
  });
}

// Notebooks that were left while the room lacked edits: each lives on in this tab until it has them.
import { effect } from "@preact/signals";
import { navigate, notebookPath } from "../ui/router";
import { toast } from "../ui/toasts";
import { type NotebookStore, openNotebook } from "./store";

interface Kept {
  store: NotebookStore;
  forget(): void;
}

const kept = new Map<string, Kept>();

/** Whether waiting may still bring the edits to the room. */
function hasHope(store: NotebookStore): boolean {
  const { unsaved, refused, gone } = store.session.value;
  return unsaved && refused === undefined && gone === undefined && store.lost.value === undefined;
}

/** Ends a notebook that is not shown any more, now or once the room has what was written. */
export function leaveNotebook(store: NotebookStore): void {
  let waits = true;
  const stopWatching = effect(() => {
    if (!waits || hasHope(store)) return;
    waits = false;
    kept.delete(store.id);
    store.stop();
  });
  if (!waits) {
    stopWatching();
    return;
  }
  kept.set(store.id, {
    store,
    forget: () => {
      waits = false;
      stopWatching();
    },
  });
  const { phase, rejoining } = store.session.peek();
  if (phase === "live" || rejoining) return;
  toast(
    `Edits to “${store.title.peek() ?? "Untitled"}” have not reached the server. They are sent when it is back, as long as this tab is open.`,
    { label: "Go back", run: () => navigate(notebookPath(store.id)) },
  );
}

/** A notebook that lives on here, as it is; any other as the server has it. */
export async function comeBack(id: string): Promise<NotebookStore> {
  const known = kept.get(id);
  if (known === undefined) return openNotebook(id);
  known.forget();
  kept.delete(id);
  return known.store;
}

// A notebook's document with its editor and what the page shows of it, for the tests.
import { computed, signal } from "@preact/signals";
import { readCells } from "../../src/notebook/cells";
import { NotebookEditor } from "../../src/notebook/edit";
import { RoomDocuments } from "../../src/sync/documents";
import { automerge } from "./automerge";

export async function openCells() {
  const api = await automerge();
  const { notebook } = new RoomDocuments(api);
  const editor = new NotebookEditor(api, notebook);
  const changes = signal(0);
  notebook.onPatches(() => {
    changes.value += 1;
  });
  const cells = computed(() => (changes.value >= 0 ? readCells(notebook.value) : []));
  return { api, notebook, editor, cells };
}

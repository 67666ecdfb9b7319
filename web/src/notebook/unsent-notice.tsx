// Offers text that did not reach the server before the notebook was left, or whose cell was deleted meanwhile.
import { useState } from "preact/hooks";
import type { Actions } from "./actions";
import { keepUnsent, keptUnsent, stillUnsent } from "./unsent";

const SHOWN_CHARACTERS = 300;

export function UnsentNotice({ actions }: { actions: Actions }) {
  const { store } = actions;
  const [kept, setKept] = useState(() => keptUnsent(store.id));
  const { everLive } = store.session.value;
  // The cells are read again with every change: what somebody has brought back meanwhile is not offered.
  const unsent = everLive && store.cells.value ? stillUnsent(kept, store.documents.notebook.value) : [];
  if (unsent.length === 0) return null;
  const end = () => {
    keepUnsent(store.id, []);
    setKept([]);
  };
  const insert = () => {
    let last: string | undefined;
    for (const { id, type, source } of unsent) {
      const known = store.cells.value.some((cell) => cell.id === id);
      const after = known ? id : (last ?? store.cells.value.at(-1)?.id);
      last = store.editor.addCell(after, type);
      store.editor.splice({}, last, [{ index: 0, remove: 0, insert: source }]);
    }
    end();
    actions.selection.command(last);
  };
  const many = unsent.length > 1;
  return (
    <div class="notice" role="status" data-testid="unsent-notice" data-cells={unsent.length}>
      <p>
        {many
          ? `The text of ${unsent.length} cells that you edited is not in the notebook: it did not reach the server, or the cells were deleted.`
          : "The text of a cell that you edited is not in the notebook: it did not reach the server, or the cell was deleted."}{" "}
        It is kept in this tab only.
      </p>
      {unsent.map(({ id, source }) => (
        <pre key={id} class="unsent-text">
          {source.length > SHOWN_CHARACTERS ? `${source.slice(0, SHOWN_CHARACTERS)}…` : source}
        </pre>
      ))}
      {store.canEdit.value && (
        <button type="button" class="button" data-testid="unsent-insert" onClick={insert}>
          Insert as new {many ? "cells" : "cell"}
        </button>
      )}{" "}
      <button type="button" class="button button-quiet" data-testid="unsent-discard" onClick={end}>
        Discard
      </button>
    </div>
  );
}

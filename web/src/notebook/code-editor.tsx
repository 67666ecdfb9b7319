// CodeMirror on one cell's source, made when the cell comes near the screen.
import { effect, useComputed } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Actions } from "./actions";
import { textBinding } from "./binding";
import type { CellView } from "./cells";
import { createEditor, show } from "./editor-setup";
import { lineNumbers, numberLines } from "./line-numbers";
import { sayIfPicture } from "./pasted-picture";
import { showCursors } from "./remote-cursors";

const NEAR_SCREEN = "600px";

/** True once the element has come near the screen; it stays true. */
function useNearScreen(force: boolean) {
  const ref = useRef<HTMLDivElement>(null);
  const [near, setNear] = useState(false);
  useEffect(() => {
    const element = ref.current;
    if (near || element === null) return;
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) setNear(true);
      },
      { rootMargin: NEAR_SCREEN },
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, [near]);
  return { ref, near: near || force };
}

export function CodeEditor({ cell, actions, label }: { cell: CellView; actions: Actions; label: string }) {
  const { store, selection } = actions;
  const open = useComputed(() => selection.isOpen(cell.id)).value;
  const { ref, near } = useNearScreen(open);
  const readOnly = !store.canEdit.value;
  // Before the next paint: the cell would be empty in it, and what is below would move up and down.
  useLayoutEffect(() => {
    const parent = ref.current;
    if (!near || parent === null) return;
    parent.replaceChildren();
    const view = createEditor({
      parent,
      source: store.cells.peek().find((each) => each.id === cell.id)?.source ?? cell.source,
      language: cell.type,
      readOnly,
      label,
      binding: textBinding(store.documents.notebook, store.editor, cell.id),
      complete: (code, position) => store.complete(code, position),
      inspect: (code, position, detail) => store.inspect(code, position, detail),
      runAdvance: () => actions.runAdvance([cell.id]),
      runStay: () => actions.runStay([cell.id]),
      runInsert: () => actions.runInsert([cell.id]),
      split: (at) => actions.cells.split(cell.id, at),
      leave: () => selection.command(cell.id),
      leaveUp: () => selection.edit(previousOf(actions, cell.id), "end"),
      leaveDown: () => selection.edit(nextOf(actions, cell.id), "start"),
      focused: () => selection.focused(cell.id, true),
      blurred: () => store.hideCursor(),
      cursorAt: (line, column) => store.placeCursor(cell.id, line, column),
    });
    const unregister = selection.registerEditor(cell.id, {
      focus: (edge) => {
        if (edge !== undefined) {
          const anchor = edge === "start" ? 0 : view.state.doc.length;
          view.dispatch({ selection: { anchor }, scrollIntoView: true });
        }
        view.focus();
      },
      show: (from, to) => {
        // What is to be shown may have become shorter meanwhile.
        if (to <= view.state.doc.length) show(view, from, to);
      },
      insert: (text) => view.dispatch(view.state.replaceSelection(text)),
    });
    let alive = true;
    const stop = effect(() => {
      const here = store.cursors.value.filter((cursor) => cursor.cellId === cell.id);
      // A change of ours may be what woke this, and an editor must not be changed while it changes.
      queueMicrotask(() => {
        if (alive) view.dispatch({ effects: showCursors.of(here) });
      });
    });
    const stopNumbering = effect(() => view.dispatch({ effects: numberLines(lineNumbers.on.value) }));
    return () => {
      alive = false;
      stop();
      stopNumbering();
      unregister();
      view.destroy();
    };
  }, [near, readOnly, cell.id, cell.type]);
  useEffect(() => ref.current?.querySelector(".cm-content")?.setAttribute("aria-label", label), [label]);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: what it hears of comes from the editor in it.
    <div
      ref={ref}
      class="code-editor"
      data-testid="cell-editor"
      onPaste={({ clipboardData }) => sayIfPicture(clipboardData)}
      onDrop={({ dataTransfer }) => sayIfPicture(dataTransfer)}
    >
      {!near && <pre class="code-placeholder">{cell.source}</pre>}
    </div>
  );
}

function previousOf(actions: Actions, id: string): string | undefined {
  const cells = actions.store.cells.peek();
  return cells[cells.findIndex((cell) => cell.id === id) - 1]?.id;
}

function nextOf(actions: Actions, id: string): string | undefined {
  const cells = actions.store.cells.peek();
  return cells[cells.findIndex((cell) => cell.id === id) + 1]?.id;
}

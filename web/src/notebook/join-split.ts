// Two cells of one and one of several, as steps that can be undone; text that others write meanwhile stays.
import type { Step } from "./cell-history";
import type { NotebookEditor, WholeCell } from "./edit";
import type { Selection } from "./selection";

function append(editor: NotebookEditor, id: string, text: string): void {
  const length = editor.whole(id)?.source.length ?? 0;
  editor.splice({}, id, [{ index: length, remove: 0, insert: text }]);
}

/** Takes a text from the end of a cell; one that ends otherwise stays as it is. */
function cutOff(editor: NotebookEditor, id: string, text: string): boolean {
  const source = editor.whole(id)?.source ?? "";
  if (!source.endsWith(text)) return false;
  editor.splice({}, id, [{ index: source.length - text.length, remove: text.length, insert: "" }]);
  return true;
}

/** What is behind the place goes on in a second cell; a line end there goes. */
export function splitting(editor: NotebookEditor, selection: Selection, id: string, at: number): Step {
  const source = editor.whole(id)?.source ?? "";
  const head = source.slice(0, at).replace(/\n$/, "");
  const rest = source.slice(at).replace(/^\n/, "");
  const between = source.slice(head.length, source.length - rest.length);
  let second: WholeCell | undefined;
  return {
    redo: () => {
      const first = editor.whole(id);
      if (first === undefined || !cutOff(editor, id, between + (second?.source ?? rest))) return false;
      if (second === undefined) {
        const added = editor.addCell(id, first.type, rest);
        editor.addAttached(added, [first]);
        second = editor.whole(added);
      } else editor.putBack(second);
      selection.edit(second?.id, "start");
      return true;
    },
    undo: () => {
      const now = second && editor.whole(second.id);
      if (now === undefined || editor.whole(id) === undefined) return false;
      second = now;
      append(editor, id, between + now.source);
      selection.command(id);
      editor.deleteCell(now.id);
      return true;
    },
  };
}

/** The first cell takes up the text of the others, which go. */
export function joining(editor: NotebookEditor, selection: Selection, ids: readonly string[]): Step {
  let others: WholeCell[] = [];
  let added = "";
  let detach = () => {};
  return {
    redo: () => {
      const [first, ...rest] = ids.flatMap((id) => editor.whole(id) ?? []);
      if (first === undefined || rest.length === 0) return false;
      others = rest;
      added = "";
      for (const { source } of others) {
        const isAlone = first.source + added === "" || source === "";
        added += (isAlone ? "" : first.type === "code" ? "\n" : "\n\n") + source;
      }
      append(editor, first.id, added);
      detach = editor.addAttached(first.id, others);
      selection.command(first.id);
      for (const { id } of others) editor.deleteCell(id);
      return true;
    },
    undo: () => {
      const [first] = ids;
      if (first !== undefined && cutOff(editor, first, added)) detach();
      for (const whole of others) editor.putBack(whole);
      selection.command(first);
      return true;
    },
  };
}

// What is done to cells, one or several, and how it is undone while others write in the same notebook.
import { signal } from "@preact/signals";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CellActions } from "../src/notebook/cell-actions";
import { Selection } from "../src/notebook/selection";
import type { NotebookStore } from "../src/notebook/store";
import { openCells } from "./support/cells";

async function open(...sources: string[]) {
  const { editor, cells } = await openCells();
  const canEdit = signal(true);
  const store = { id: "n", editor, cells, canEdit, executionOf: () => undefined };
  const selection = new Selection();
  const actions = new CellActions(store as unknown as NotebookStore, selection);
  let last: string | undefined;
  const ids = sources.map((source) => {
    last = editor.addCell(last, "code", source);
    return last;
  });
  const shown = () => cells.value.map(({ source, type }) => (type === "code" ? source : `${type} ${source}`));
  const selected = () => selection.range(cells.value).map((id) => ids.indexOf(id));
  return { actions, selection, editor, cells, canEdit, ids, shown, selected };
}

describe("cells", () => {
  beforeEach(() => {
    vi.stubGlobal("requestAnimationFrame", (run: () => void) => run());
    vi.stubGlobal("sessionStorage", { getItem: () => null, setItem() {}, removeItem() {} });
  });
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  it("are selected from one to another, and all", async () => {
    const { selection, ids, selected } = await open("a", "b", "c", "d");
    selection.command(ids[2]);
    selection.extend(ids[1]);
    selection.extend(ids[0]);
    expect(selected()).toEqual([0, 1, 2]);
    // The focus that comes with it is no choice of one.
    selection.focused(ids[0] ?? "", false);
    expect(selected()).toEqual([0, 1, 2]);
    selection.extend(ids[3]);
    expect(selected()).toEqual([2, 3]);
    selection.pressed(ids[3] ?? "");
    expect(selected()).toEqual([3]);
    selection.span(ids[0], ids[3]);
    expect(selected()).toEqual([0, 1, 2, 3]);
    selection.focused(ids[1] ?? "", false);
    expect(selected()).toEqual([1]);
  });

  it("are moved together, and back", async () => {
    const { actions, ids, shown } = await open("a", "b", "c", "d");
    const [, b = "", c = ""] = ids;
    actions.move([b, c], -1);
    expect(shown()).toEqual(["b", "c", "a", "d"]);
    actions.move([b, c], -1);
    expect(shown()).toEqual(["b", "c", "a", "d"]);
    actions.move([b, c], 1);
    actions.move([b, c], 1);
    expect(shown()).toEqual(["a", "d", "b", "c"]);
    actions.undo();
    expect(shown()).toEqual(["a", "b", "c", "d"]);
    actions.undo();
    expect(shown()).toEqual(["b", "c", "a", "d"]);
    actions.undo();
    expect(shown()).toEqual(["a", "b", "c", "d"]);
    actions.redo();
    expect(shown()).toEqual(["b", "c", "a", "d"]);
  });

  it("are deleted together and come back, whatever was done since", async () => {
    const { actions, ids, shown, selection } = await open("a", "b", "c", "d");
    actions.remove(ids.slice(1, 3));
    expect([shown(), selection.cellId.value]).toEqual([["a", "d"], ids[3]]);
    actions.setType([ids[0] ?? ""], "markdown");
    actions.undo();
    actions.undo();
    expect([shown(), selection.cellId.value]).toEqual([["a", "b", "c", "d"], ids[1]]);
    actions.redo();
    actions.redo();
    expect(shown()).toEqual(["markdown a", "d"]);
    actions.remove(ids);
    expect(shown()).toEqual([]);
    actions.undo();
    expect(shown()).toEqual(["markdown a", "d"]);
  });

  it("have their type changed together; each gets back its own", async () => {
    const { actions, ids, shown } = await open("a", "b");
    actions.setType(ids.slice(1), "raw");
    actions.setType(ids, "markdown");
    actions.setType(ids, "markdown");
    actions.undo();
    expect(shown()).toEqual(["a", "raw b"]);
  });

  it("keep the pictures of their text when they are split and joined", async () => {
    const { actions, editor, cells } = await open("");
    const picture = (hash: string) => ({ "image/png": { blob_hash: hash } });
    const text = (source: string, attachments: object) =>
      editor.addCopy(undefined, {
        ...{ id: "", type: "markdown", source },
        fields: { cell_type: "markdown", source, attachments, resolved_assets: { [source]: "hash" } },
      });
    const second = text("two", { a: picture("other"), b: picture("b") });
    const first = text("one", { a: picture("a") });
    const attached = () => cells.value.map((cell) => cell.attachments);
    const assets = () => Object.keys(editor.whole(first)?.fields.resolved_assets ?? {});
    const before = [{ a: picture("a") }, { a: picture("other"), b: picture("b") }, {}];
    expect(attached()).toEqual(before);
    actions.join([first, second]);
    const both = { a: picture("a"), b: picture("b") };
    expect([attached(), assets()]).toEqual([
      [both, {}],
      ["one", "two"],
    ]);
    actions.undo();
    expect([attached(), assets()]).toEqual([before, ["one"]]);
    actions.redo();
    actions.split(first, 3);
    expect(attached()).toEqual([both, both, {}]);
    actions.undo();
    actions.redo();
    expect(attached()).toEqual([both, both, {}]);
  });

  it("are split and joined and undone, with what others wrote meanwhile", async () => {
    const { actions, ids, shown, editor } = await open("a\nb", "c", "d");
    const [first = ""] = ids;
    actions.split(first, 2);
    expect(shown()).toEqual(["a", "b", "c", "d"]);
    editor.splice({}, first, [{ index: 0, remove: 0, insert: "theirs " }]);
    actions.undo();
    expect(shown()).toEqual(["theirs a\nb", "c", "d"]);
    actions.redo();
    expect(shown()).toEqual(["theirs a", "b", "c", "d"]);
    actions.undo();
    actions.join(ids);
    expect(shown()).toEqual(["theirs a\nb\nc\nd"]);
    actions.undo();
    expect(shown()).toEqual(["theirs a\nb", "c", "d"]);
    actions.join(ids.slice(0, 1));
    editor.splice({}, first, [
      { index: editor.whole(first)?.source.length ?? 0, remove: 0, insert: " and more" },
    ]);
    actions.undo();
    expect(shown()).toEqual(["theirs a\nb\nc and more", "c", "d"]);
  });

  it("that were added go again, unless somebody wrote in them", async () => {
    const { actions, ids, shown, editor, cells } = await open("a");
    actions.insertBelow(ids[0]);
    actions.undo();
    expect(shown()).toEqual(["a"]);
    actions.redo();
    expect(shown()).toEqual(["a", ""]);
    editor.splice({}, cells.value[1]?.id ?? "", [{ index: 0, remove: 0, insert: "kept" }]);
    actions.undo();
    expect(shown()).toEqual(["a", "kept"]);
  });

  it("are copied and pasted together, and their text goes to the system's clipboard", async () => {
    const writeText = vi.fn(async () => undefined);
    vi.stubGlobal("navigator", { clipboard: { writeText } });
    const { actions, ids, shown } = await open("a", "b", "c");
    actions.copy(ids.slice(0, 2));
    actions.paste(ids[2], 1);
    expect(shown()).toEqual(["a", "b", "c", "a", "b"]);
    expect(writeText).toHaveBeenCalledExactlyOnceWith("a\n\nb");
    actions.cut(ids.slice(1));
    actions.paste(ids[0], 0);
    expect(shown()).toEqual(["b", "c", "a", "a", "b"]);
    actions.undo();
    actions.undo();
    expect(shown()).toEqual(["a", "b", "c", "a", "b"]);
  });

  it("stay as they are for readers", async () => {
    const { actions, ids, shown, canEdit } = await open("a", "b");
    actions.remove(ids.slice(1));
    canEdit.value = false;
    actions.undo();
    actions.move(ids, 1);
    actions.setType(ids, "raw");
    actions.join(ids);
    actions.split(ids[0] ?? "", 0);
    actions.remove(ids);
    expect(shown()).toEqual(["a"]);
  });
});

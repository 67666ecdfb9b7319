// Finding in cells and replacing, also while others write.
import { expect, test } from "vitest";
import { readCells } from "../src/notebook/cells";
import { NotebookEditor } from "../src/notebook/edit";
import { findIn, type Query, replacing } from "../src/notebook/find";
import { RoomDocuments } from "../src/sync/documents";
import { automerge } from "./support/automerge";

async function open(...sources: string[]) {
  const api = await automerge();
  const { notebook } = new RoomDocuments(api);
  const editor = new NotebookEditor(api, notebook);
  let last: string | undefined;
  const ids = sources.map((source) => {
    last = editor.addCell(last, "code", source);
    return last;
  });
  const find = (text: string, more: Partial<Query> = {}) =>
    findIn(readCells(notebook.value), { text, matchCase: false, isPattern: false, ...more });
  const shown = () => readCells(notebook.value).map(({ source }) => source);
  return { editor, ids, find, shown };
}

test("letters and signs are found as they are, patterns as patterns", async () => {
  const { ids, find } = await open("a.b A.B axb", "none\na.b");
  const places = (...args: Parameters<typeof find>) =>
    find(...args).map(({ cellId, from, to }) => [ids.indexOf(cellId), from, to]);
  expect(places("a.b")).toEqual([
    [0, 0, 3],
    [0, 4, 7],
    [1, 5, 8],
  ]);
  expect(places("a.b", { matchCase: true }).length).toBe(2);
  expect(places("^a.b", { isPattern: true })).toEqual([
    [0, 0, 3],
    [1, 5, 8],
  ]);
  expect(places("x*", { isPattern: true })).toEqual([[0, 9, 10]]);
  expect(places("")).toEqual([]);
  expect(() => places("(", { isPattern: true })).toThrow();
});

test("matches are replaced, with the groups of a pattern, and put back where nobody wrote since", async () => {
  const { editor, ids, find, shown } = await open("f(1) + f(2)", "f(3)", "g");
  const matches = find("f\\((\\d)\\)", { isPattern: true });
  const step = replacing(editor, matches, "[$1 $& $$]", true);
  expect(step.redo()).toBe(true);
  expect(shown()).toEqual(["[1 f(1) $] + [2 f(2) $]", "[3 f(3) $]", "g"]);
  editor.splice({}, ids[1] ?? "", [{ index: 0, remove: 0, insert: "theirs " }]);
  expect(step.undo()).toBe(true);
  expect(shown()).toEqual(["f(1) + f(2)", "theirs [3 f(3) $]", "g"]);
  const plain = replacing(editor, find("g"), "$1", false);
  plain.redo();
  expect(shown()[2]).toBe("$1");
});

// Finding in cells and replacing, also while others write.
import { expect, test } from "vitest";
import { findIn, type Query, replacing } from "../src/notebook/find";
import { openCells } from "./support/cells";

async function open(...sources: string[]) {
  const { notebook, editor, cells } = await openCells();
  let last: string | undefined;
  const ids = sources.map((source) => {
    last = editor.addCell(last, "code", source);
    return last;
  });
  const find = (text: string, more: Partial<Query> = {}) =>
    findIn(cells.value, { text, matchCase: false, isPattern: false, ...more });
  const shown = () => cells.value.map(({ source }) => source);
  return { editor, ids, find, shown, notebook };
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

test("characters outside the basic plane stay whole, and come back", async () => {
  const { find, editor, shown } = await open("a 😀 b 😀");
  const all = find("😀");
  const step = replacing(editor, all, "😁", false);
  step.redo();
  expect(shown()[0]).toBe("a 😁 b 😁");
  expect(step.undo()).toBe(true);
  expect(shown()[0]).toBe("a 😀 b 😀");
  expect(step.redo()).toBe(true);
  expect(shown()[0]).toBe("a 😁 b 😁");
  // A whole one each, also where only the older rules take the pattern, by which a dot would be half of one.
  expect(find("^a .", { isPattern: true }).map(({ to }) => to)).toEqual([4]);
  expect(find("\\-?[^a-z ]", { isPattern: true })).toEqual([]);
  expect(find("\\-?b", { isPattern: true }).map(({ from }) => from)).toEqual([5]);
});

test("each match is a change of its own, and those whose text changed meanwhile stay", async () => {
  const { editor, ids, find, shown, notebook } = await open("one two one", "one");
  const matches = find("one");
  const changed: unknown[] = [];
  const [first = "", second = ""] = ids;
  editor.splice({}, second, [{ index: 0, remove: 0, insert: "b" }]);
  notebook.onPatches((patches) => {
    for (const patch of patches) if (patch.action === "splice") changed.push(patch.value);
  });
  const step = replacing(editor, matches, "1", false);
  step.redo();
  expect(shown()).toEqual(["1 two 1", "bone"]);
  expect(step.places()).toBe(2);
  // What stands between them is not written anew: a cursor in there stays.
  expect(changed).toEqual(["1", "1"]);
  editor.splice({}, second, [{ index: 0, remove: 1, insert: "" }]);
  step.undo();
  expect(shown()).toEqual(["one two one", "one"]);
  editor.splice({}, first, [{ index: 0, remove: 3, insert: "" }]);
  expect(replacing(editor, matches.slice(0, 2), "1", false).redo()).toBe(false);
  expect(replacing(editor, matches, "one", false).redo()).toBe(false);
});

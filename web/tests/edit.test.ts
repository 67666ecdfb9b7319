// Cells that are deleted and come back as they were.
import { expect, test } from "vitest";
import { readCells } from "../src/notebook/cells";
import { mapOf } from "../src/sync/shapes";
import { openCells } from "./support/cells";

test("a deleted cell comes back whole, in its place, with the run whose outputs it shows", async () => {
  const { api, notebook, editor } = await openCells();
  const [first, second] = [editor.addCell(undefined, "code", "a = 1"), editor.addCell(undefined, "raw")];
  notebook.change({}, (doc) => {
    const cell = mapOf(doc.cells?.[first]) as Record<string, unknown>;
    cell.execution_id = new api.ImmutableString("run-1");
    cell.metadata = { tags: [new api.ImmutableString("kept")], level: 2, collapsed: true };
    cell.attachments = { "a.png": { "image/png": "bytes" } };
  });
  const whole = editor.whole(first);
  const before = notebook.value.cells?.[first];
  editor.deleteCell(first);
  expect(Object.keys(notebook.value.cells ?? {})).toEqual([second]);
  if (whole === undefined) throw new Error("no cell");
  editor.putBack(whole);
  expect(notebook.value.cells?.[first]).toEqual(before);
  // The source is a Text again, so that two people may write in it.
  editor.splice({}, first, [{ index: 5, remove: 0, insert: "2" }]);
  expect(editor.whole(first)?.source).toBe("a = 12");
  editor.putBack(whole);
  expect(editor.whole(first)?.source).toBe("a = 12");
});

test("what is typed into a cell that is gone does no harm", async () => {
  const { editor } = await openCells();
  const id = editor.addCell(undefined, "code", "a");
  editor.deleteCell(id);
  editor.splice({}, id, [{ index: 1, remove: 0, insert: "b" }]);
  expect(editor.whole(id)).toBeUndefined();
});

test("a copy has all but the place and the name", async () => {
  const { editor, notebook } = await openCells();
  const [first, second] = [
    editor.addCell(undefined, "markdown", "# A"),
    editor.addCell(undefined, "code", "b"),
  ];
  const whole = editor.whole(first);
  if (whole === undefined) throw new Error("no cell");
  const copy = editor.addCopy(second, whole);
  expect(readCells(notebook.value).map(({ id, type, source }) => [id, type, source])).toEqual([
    [second, "code", "b"],
    [copy, "markdown", "# A"],
    [first, "markdown", "# A"],
  ]);
  expect(Object.keys(notebook.value.cells?.[copy] ?? {})).toEqual(
    Object.keys(notebook.value.cells?.[first] ?? {}),
  );
});

// DOC-057
test("cleared outputs come back, but not in place of a later run", async () => {
  const { api, notebook, editor } = await openCells();
  const [first, second] = [editor.addCell(undefined, "code", "1"), editor.addCell(undefined, "code", "2")];
  const point = (id: string, run: string) =>
    notebook.change({}, (doc) => {
      const cell = mapOf(doc.cells?.[id]) as Record<string, unknown>;
      cell.execution_id = new api.ImmutableString(run);
      cell.execution_count = new api.ImmutableString("3");
    });
  const runOf = (id: string) => {
    const { executionId, storedCount } = readCells(notebook.value).find((cell) => cell.id === id) ?? {};
    return [executionId, storedCount];
  };
  point(first, "run-1");
  point(second, "run-2");
  const before = editor.clearOutputs([first, second]);
  expect([runOf(first), runOf(second)]).toEqual([
    [undefined, undefined],
    [undefined, undefined],
  ]);
  point(second, "run-3");
  editor.showAgain(before);
  expect([runOf(first)[0], runOf(second)[0]]).toEqual(["run-1", "run-3"]);
  expect(runOf(first)[1]).toBe(3);
});

// What a kernel proposes as the next input, put in once and over nothing that somebody wrote.
import { signal } from "@preact/signals";
import { expect, test } from "vitest";
import { readExecution } from "../src/notebook/executions";
import { takeNextInputs } from "../src/notebook/next-input";
import { NotebookStore } from "../src/notebook/store";
import { openCells } from "./support/cells";

async function open(source: string) {
  const { editor, cells } = await openCells();
  const executions = signal<Record<string, unknown>>({});
  const started = new Set(["run"]);
  const store = Object.assign(Object.create(NotebookStore.prototype), {
    ...{ editor, cells, executions, started, canEdit: signal(true) },
  }) as NotebookStore;
  const id = editor.addCell(undefined, "code", source);
  editor.showAgain([{ id, executionId: "run", count: "1" }]);
  const propose = (text: string, replace: boolean) => {
    const entry = { status: "done", cell_id: id, source, next_input: { text, replace } };
    expect(readExecution(entry)?.source).toBe(source);
    executions.value = { run: entry };
  };
  const shown = async () => {
    await Promise.resolve();
    return cells.value.map((cell) => cell.source);
  };
  return { editor, store, id, propose, shown };
}

test("takes the place of the cell, once, also when the notebook is left and opened again", async () => {
  const { editor, store, id, propose, shown } = await open("%load a.py");
  const stop = takeNextInputs(store);
  propose("a = 1", true);
  expect(await shown()).toEqual(["a = 1"]);
  editor.splice({}, id, [{ index: 0, remove: 5, insert: "%load a.py" }]);
  stop();
  takeNextInputs(store);
  expect(await shown()).toEqual(["%load a.py"]);
});

test("goes below a cell that was written in since it ran", async () => {
  const { editor, store, id, propose, shown } = await open("%load a.py");
  takeNextInputs(store);
  editor.splice({}, id, [{ index: 10, remove: 0, insert: "\nmine = 1" }]);
  propose("a = 1", true);
  expect(await shown()).toEqual(["%load a.py\nmine = 1", "a = 1"]);
});

test("goes to the cell that ran, not to a copy that stands before it", async () => {
  const { editor, store, id, propose, shown } = await open("%load a.py");
  takeNextInputs(store);
  const whole = editor.whole(id);
  if (whole) editor.addCopy(undefined, whole);
  propose("a = 1", true);
  expect(await shown()).toEqual(["%load a.py", "a = 1"]);
});

// What is kept of edits that never reached the room, and what is offered again.
import { expect, test } from "vitest";
import { sourcesOf, stillUnsent, touchedCells } from "../src/notebook/unsent";
import type { NotebookDoc } from "../src/sync/shapes";

const doc = {
  cells: {
    a: { cell_type: "code", source: "typed = 1" },
    m: { cell_type: "markdown", source: "# Words" },
    empty: { cell_type: "code", source: "  \n" },
  },
} as unknown as NotebookDoc;

test("only cells whose text was touched count", () => {
  const patches = [
    { path: ["cells", "a", "source", 3] },
    { path: ["cells", "new"] },
    { path: ["cells", "m", "position"] },
    { path: ["metadata", "kernelspec"] },
  ];
  expect(touchedCells(patches)).toEqual(["a", "new"]);
});

test("deleted and empty cells leave nothing to keep", () => {
  expect(sourcesOf(doc, ["a", "m", "empty", "deleted"])).toEqual([
    { id: "a", type: "code", source: "typed = 1" },
    { id: "m", type: "markdown", source: "# Words" },
  ]);
});

test("what the notebook holds already is not offered again", () => {
  const kept = sourcesOf(doc, ["a", "m"]);
  expect(stillUnsent(kept, doc)).toEqual([]);
  const older = { cells: { a: { cell_type: "code", source: "typed = 0" } } } as unknown as NotebookDoc;
  expect(stillUnsent(kept, older)).toEqual(kept);
});

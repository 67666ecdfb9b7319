// Cells as the page shows them, read from the notebook document (DOC 4.2, 4.4).
import { mapOf, type NotebookDoc, plain, stringOf } from "../sync/shapes";

export type CellType = "code" | "markdown" | "raw";

export interface CellView {
  id: string;
  type: CellType;
  source: string;
  position: string;
  executionId: string | undefined;
  /** The count stored in the cell; the runtime document knows better. */
  storedCount: number | undefined;
  /** What is attached to the cell, by name and MIME type. */
  attachments: unknown;
  /** Which of its parts are folded away (nbformat's `jupyter` and `collapsed`). */
  hidden: { source: boolean; outputs: boolean };
}

/** The document keeps the identity of what did not change, so unchanged cells are read once. */
const known = new WeakMap<object, CellView>();

function readHidden(metadata: unknown): CellView["hidden"] {
  const fields = mapOf(metadata);
  const jupyter = mapOf(fields?.jupyter);
  return {
    source: jupyter?.source_hidden === true,
    outputs: jupyter?.outputs_hidden === true || fields?.collapsed === true,
  };
}

function readType(value: string | undefined): CellType {
  return value === "markdown" || value === "raw" ? value : "code";
}

export function readCell(cell: Readonly<Record<string, unknown>>): CellView | undefined {
  const cached = known.get(cell);
  if (cached) return cached;
  const id = stringOf(cell.id);
  if (id === undefined) return undefined;
  const count = Number.parseInt(stringOf(cell.execution_count) ?? "", 10);
  const view: CellView = {
    id,
    type: readType(stringOf(cell.cell_type)),
    source: typeof cell.source === "string" ? cell.source : "",
    position: stringOf(cell.position) ?? "80",
    executionId: stringOf(cell.execution_id),
    storedCount: Number.isNaN(count) ? undefined : count,
    attachments: plain(cell.attachments),
    hidden: readHidden(cell.metadata),
  };
  known.set(cell, view);
  return view;
}

export function readCells(doc: NotebookDoc): CellView[] {
  const cells = Object.values(mapOf(doc.cells) ?? {}).flatMap((value) => {
    const cell = mapOf(value);
    const view = cell && readCell(cell);
    return view ? [view] : [];
  });
  const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  return cells.sort((a, b) => order(a.position, b.position) || order(a.id, b.id));
}

// The cells that were cut or copied last in this tab, in whichever notebook; their text also goes to the system's clipboard.
import type { WholeCell } from "./edit";

interface Clip {
  notebookId: string;
  cells: readonly WholeCell[];
}

let clip: Clip | undefined;

export function keepCells(notebookId: string, cells: readonly WholeCell[]): void {
  clip = { notebookId, cells };
  const text = cells.map(({ source }) => source).join("\n\n");
  // A browser may refuse, or have none for a page without TLS; in the tab the cells are kept all the same.
  navigator.clipboard?.writeText(text).catch(() => undefined);
}

/** The cells as they can be put into a notebook: another one has neither their runs nor their stored pictures. */
export function cellsFor(notebookId: string): readonly WholeCell[] {
  if (clip === undefined || clip.notebookId === notebookId) return clip?.cells ?? [];
  return clip.cells.map((whole) => {
    const { execution_id: _run, execution_count: _count, resolved_assets: _assets, ...fields } = whole.fields;
    return { ...whole, fields };
  });
}

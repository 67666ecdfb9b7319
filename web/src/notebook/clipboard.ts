// The cell that was cut or copied last in this tab, in whichever notebook.
import type { WholeCell } from "./edit";

interface Clip {
  notebookId: string;
  whole: WholeCell;
}

let clip: Clip | undefined;

export function keepCell(notebookId: string, whole: WholeCell): void {
  clip = { notebookId, whole };
}

/** The cell as it can be put into a notebook: another one has neither the run that it shows nor its stored pictures. */
export function cellFor(notebookId: string): WholeCell | undefined {
  if (clip === undefined || clip.notebookId === notebookId) return clip?.whole;
  const {
    execution_id: _run,
    execution_count: _count,
    resolved_assets: _assets,
    ...fields
  } = clip.whole.fields;
  return { ...clip.whole, fields };
}

// Finding in the sources of cells, and replacing: what matches where, and the change as a step that can be undone.
import { replacement } from "./binding";
import type { Step } from "./cell-history";
import type { CellView } from "./cells";
import type { NotebookEditor } from "./edit";

export interface Query {
  text: string;
  /** Whether it tells capitals from small letters. */
  matchCase: boolean;
  /** Whether it is a regular expression. */
  isPattern: boolean;
}

export interface Match {
  cellId: string;
  from: number;
  to: number;
  /** What matched, and the groups of a pattern. */
  groups: readonly (string | undefined)[];
}

/** More are neither counted nor replaced. */
const LIMIT = 10_000;

/** Throws what is wrong with a pattern. */
export function findIn(cells: readonly CellView[], { text, matchCase, isPattern }: Query): Match[] {
  if (text === "") return [];
  const source = isPattern ? text : text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const pattern = new RegExp(source, matchCase ? "gm" : "gim");
  const matches: Match[] = [];
  for (const cell of cells) {
    for (const match of cell.source.matchAll(pattern)) {
      if (match[0] === "") continue;
      matches.push({
        cellId: cell.id,
        from: match.index,
        to: match.index + match[0].length,
        groups: [...match],
      });
      if (matches.length >= LIMIT) return matches;
    }
  }
  return matches;
}

/** What takes the place of a match: a pattern's `$1` is its first group, `$&` the whole. */
export function replacedBy({ groups }: Match, text: string, isPattern: boolean): string {
  if (!isPattern) return text;
  return text.replace(/\$([$&\d])/g, (_, key: string) =>
    key === "$" ? "$" : (groups[key === "&" ? 0 : Number(key)] ?? ""),
  );
}

/** Replaces matches, in the order in which they were found; undone in cells that nobody wrote in since. */
export function replacing(
  editor: NotebookEditor,
  matches: readonly Match[],
  text: string,
  isPattern: boolean,
): Step {
  const change = (id: string, was: string, is: string) => {
    const splice = replacement(was, is) as { from: number; to: number; insert: string } | undefined;
    if (splice === undefined || editor.whole(id)?.source !== was) return false;
    const { from, to, insert } = splice;
    editor.splice({}, id, [{ index: from, remove: to - from, insert }]);
    return true;
  };
  const cells = new Map<string, { before: string; after: string }>();
  for (const match of [...matches].reverse()) {
    const { cellId, from, to } = match;
    const before = cells.get(cellId)?.before ?? editor.whole(cellId)?.source ?? "";
    const now = cells.get(cellId)?.after ?? before;
    const after = now.slice(0, from) + replacedBy(match, text, isPattern) + now.slice(to);
    cells.set(cellId, { before, after });
  }
  const each = (run: (id: string, source: { before: string; after: string }) => boolean) =>
    [...cells].map(([id, source]) => run(id, source)).includes(true);
  return {
    redo: () => each((id, { before, after }) => change(id, before, after)),
    undo: () => each((id, { before, after }) => change(id, after, before)),
  };
}

// Finding in the sources of cells, and replacing: what matches where, and the change as a step that can be undone.
import { cutsPair } from "./binding";
import type { Step } from "./cell-history";
import type { CellView } from "./cells";
import type { NotebookEditor, Splice } from "./edit";

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

/** By whole characters, unless only the older rules take the pattern. */
function compiled(source: string, flags: string): RegExp {
  try {
    return new RegExp(source, `${flags}u`);
  } catch {
    return new RegExp(source, flags);
  }
}

/** Throws what is wrong with a pattern. */
export function findIn(cells: readonly CellView[], { text, matchCase, isPattern }: Query): Match[] {
  if (text === "") return [];
  const source = isPattern ? text : text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const pattern = compiled(source, matchCase ? "gm" : "gim");
  const matches: Match[] = [];
  for (const cell of cells) {
    for (const match of cell.source.matchAll(pattern)) {
      const from = match.index;
      const to = from + match[0].length;
      if (from === to || cutsPair(cell.source, from) || cutsPair(cell.source, to)) continue;
      matches.push({ cellId: cell.id, from, to, groups: [...match] });
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

/** A step that tells in how many places the text became another. */
interface Replacement extends Step {
  places(): number;
}

/**
 * Replaces matches, in the order in which they were found, where the text is still what matched; undone in cells that
 * nobody wrote in since.
 */
export function replacing(
  editor: NotebookEditor,
  matches: readonly Match[],
  text: string,
  isPattern: boolean,
): Replacement {
  const cells = new Map<string, Match[]>();
  for (const match of matches) {
    const found = cells.get(match.cellId);
    if (found) found.push(match);
    else cells.set(match.cellId, [match]);
  }
  let done: { id: string; after: string; back: Splice[] }[] = [];
  return {
    redo: () => {
      done = [...cells].flatMap(([id, found]) => {
        const before = editor.whole(id)?.source ?? "";
        const splices = found.flatMap((match) => {
          const { from, to, groups } = match;
          const [was = ""] = groups;
          const insert = replacedBy(match, text, isPattern);
          const fits = before.slice(from, to) === was && insert !== was;
          return fits ? [{ index: from, remove: was.length, insert, was }] : [];
        });
        if (splices.length === 0) return [];
        // From the last one on, so that each is where it was found.
        editor.splice({}, id, splices.toReversed());
        const back = splices.map(({ index, insert, was }) => ({ index, remove: insert.length, insert: was }));
        return [{ id, after: editor.whole(id)?.source ?? "", back }];
      });
      return done.length > 0;
    },
    undo: () => {
      const left = done.filter(({ id, after }) => editor.whole(id)?.source === after);
      for (const { id, back } of left) editor.splice({}, id, back);
      return left.length > 0;
    },
    places: () => done.reduce((places, { back }) => places + back.length, 0),
  };
}

// A list that comes in pages: the first at once, further ones when asked for.
import { useCallback, useEffect, useState } from "preact/hooks";
import { messageOf } from "../api/http";

/** One page, and where the next begins, if there is one. */
export interface PageOf<T, Cursor> {
  rows: readonly T[];
  next: Cursor | undefined;
}

export interface Pages<T, Cursor> {
  /** What has come so far; nothing yet while the first page is on its way. */
  rows: readonly T[] | undefined;
  next: Cursor | undefined;
  why: string | undefined;
  /** Without a cursor from the beginning, else the page after what is there. */
  load(cursor?: Cursor): Promise<void>;
}

/** `fetchPage` must stay the same as long as the list does. */
export function usePages<T, Cursor>(
  fetchPage: (cursor?: Cursor) => Promise<PageOf<T, Cursor>>,
): Pages<T, Cursor> {
  const [rows, setRows] = useState<readonly T[] | undefined>();
  const [next, setNext] = useState<Cursor | undefined>();
  const [why, setWhy] = useState<string | undefined>();
  const load = useCallback(
    async (cursor?: Cursor) => {
      try {
        const page = await fetchPage(cursor);
        setRows((old) => (cursor === undefined ? page.rows : [...(old ?? []), ...page.rows]));
        setNext(page.next);
        setWhy(undefined);
      } catch (error) {
        setWhy(messageOf(error));
      }
    },
    [fetchPage],
  );
  useEffect(() => {
    load();
  }, [load]);
  return { rows, next, why, load };
}

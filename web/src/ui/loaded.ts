// What a part of the page shows of the server: fetched when it is first shown, and again when asked for.
import { useCallback, useEffect, useState } from "preact/hooks";
import { messageOf } from "../api/http";

export interface Loaded<T> {
  /** What came last; nothing yet while it is on its way. */
  data: T | undefined;
  /** Why the last try failed. */
  why: string | undefined;
  refresh(): Promise<void>;
}

/** `fetchIt` must stay the same as long as the part is shown. */
export function useLoaded<T>(fetchIt: () => Promise<T>): Loaded<T> {
  const [data, setData] = useState<T | undefined>();
  const [why, setWhy] = useState<string | undefined>();
  const refresh = useCallback(async () => {
    try {
      setData(await fetchIt());
      setWhy(undefined);
    } catch (error) {
      setWhy(messageOf(error));
    }
  }, [fetchIt]);
  useEffect(() => {
    refresh();
  }, [refresh]);
  return { data, why, refresh };
}

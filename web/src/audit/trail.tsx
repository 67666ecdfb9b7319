// What happened, newest first, in pages: the frame that every such list has.
import "./audit.css";
import type { ComponentChildren } from "preact";
import type { Pages } from "../ui/pages";

interface TrailProps<T, Cursor> {
  pages: Pages<T, Cursor>;
  testId: string;
  children(event: T): ComponentChildren;
}

export function Trail<T, Cursor>({ pages, testId, children }: TrailProps<T, Cursor>) {
  const { rows, next, why, load } = pages;
  return (
    <>
      {rows === undefined && why === undefined && <p class="waiting">Loading…</p>}
      {rows?.length === 0 && <p class="muted">Nothing has been written down yet.</p>}
      {rows !== undefined && rows.length > 0 && (
        <ol class="items audit" data-testid={testId}>
          {rows.map(children)}
        </ol>
      )}
      {why !== undefined && (
        <p class="notice notice-bad" role="alert">
          What happened could not be loaded. {why}{" "}
          <button type="button" class="link-button" onClick={() => load(next)}>
            Try again
          </button>
        </p>
      )}
      {next !== undefined && why === undefined && (
        <p class="more">
          <button type="button" class="button" data-testid={`${testId}-more`} onClick={() => load(next)}>
            Show older
          </button>
        </p>
      )}
    </>
  );
}

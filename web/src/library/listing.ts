// What the list shows: a view, a search, the pages fetched so far; kept fresh while it is open.
import { signal } from "@preact/signals";
import { messageOf } from "../api/http";
import { type Listing, listNotebooks, type NotebookRow, type View } from "../api/notebooks";

const PAGE = 60;
/** The most rows that one request brings anew. */
const REFRESHED = 500;
const REFRESH_MS = 15_000;
const TYPING_MS = 160;

export const VIEWS: readonly { view: View; label: string }[] = [
  { view: "all", label: "All" },
  { view: "owned", label: "Mine" },
  { view: "shared", label: "Shared with me" },
  { view: "trash", label: "Trash" },
];

function fromAddress(): { view: View; search: string } {
  const query = new URLSearchParams(location.search);
  const asked = query.get("view");
  return {
    view: VIEWS.find(({ view }) => view === asked)?.view ?? "all",
    search: query.get("q") ?? "",
  };
}

export class LibraryListing {
  readonly view = signal<View>("all");
  readonly search = signal("");
  readonly rows = signal<readonly NotebookRow[] | undefined>(undefined);
  readonly total = signal(0);
  /** Who looks at the list. */
  readonly me = signal<string | undefined>(undefined);
  readonly why = signal<string | undefined>(undefined);
  readonly hasMore = signal(false);
  private next: string | undefined;
  /** Answers to requests older than the latest say nothing any more. */
  private request = 0;
  private typing: ReturnType<typeof setTimeout> | undefined;
  private timer: ReturnType<typeof setInterval> | undefined;

  start(): void {
    const { view, search } = fromAddress();
    this.view.value = view;
    this.search.value = search;
    this.load(PAGE);
    this.timer = setInterval(() => {
      if (!document.hidden) this.refresh();
    }, REFRESH_MS);
  }

  stop(): void {
    this.request += 1;
    clearInterval(this.timer);
    clearTimeout(this.typing);
  }

  show(view: View): void {
    if (view === this.view.value) return;
    this.view.value = view;
    this.changed();
    this.load(PAGE);
  }

  find(text: string): void {
    this.search.value = text;
    this.changed();
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this.load(PAGE), TYPING_MS);
  }

  /** The same rows as they are now; further ones only when asked for. */
  refresh(): void {
    const shown = this.rows.peek()?.length ?? 0;
    if (shown <= REFRESHED) this.load(Math.max(PAGE, shown));
  }

  async more(): Promise<void> {
    const request = ++this.request;
    try {
      const page = await listNotebooks({ ...this.asked(), limit: PAGE, cursor: this.next });
      if (request !== this.request) return;
      const known = new Set(this.rows.peek()?.map((row) => row.id));
      this.take(page, [...(this.rows.peek() ?? []), ...page.rows.filter((row) => !known.has(row.id))]);
    } catch (error) {
      if (request === this.request) this.why.value = messageOf(error);
    }
  }

  /** Shows a change at once; the next answer of the server confirms it. */
  replace(id: string, change: Partial<NotebookRow> | undefined): void {
    const rows = this.rows.peek();
    if (rows === undefined) return;
    this.rows.value =
      change === undefined
        ? rows.filter((row) => row.id !== id)
        : rows.map((row) => (row.id === id ? { ...row, ...change } : row));
    if (change === undefined) this.total.value = Math.max(0, this.total.peek() - 1);
  }

  private async load(limit: number): Promise<void> {
    const request = ++this.request;
    try {
      const page = await listNotebooks({ ...this.asked(), limit });
      if (request === this.request) this.take(page, page.rows);
    } catch (error) {
      if (request === this.request) this.why.value = messageOf(error);
    }
  }

  private asked(): { view: View; search: string } {
    return { view: this.view.peek(), search: this.search.peek().trim() };
  }

  private take(page: Listing, rows: readonly NotebookRow[]): void {
    this.rows.value = rows;
    this.total.value = page.total;
    this.me.value = page.me;
    this.next = page.next;
    this.hasMore.value = page.next !== undefined;
    this.why.value = undefined;
  }

  /** The address says what is shown, so that a reload shows it again. */
  private changed(): void {
    const { view, search } = this.asked();
    const query = new URLSearchParams();
    if (view !== "all") query.set("view", view);
    if (search !== "") query.set("q", search);
    const text = query.toString();
    history.replaceState(null, "", text === "" ? location.pathname : `${location.pathname}?${text}`);
  }
}

// The list of notebooks: find, open, create, import, tidy up.
import "./library.css";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { createNotebook, type View } from "../api/notebooks";
import { IconPlus, IconSearch, IconUpload } from "../ui/icons";
import { navigate, notebookPath } from "../ui/router";
import { toastError } from "../ui/toasts";
import { LibraryCommands } from "./commands";
import { importFiles } from "./import";
import { LibraryListing, VIEWS } from "./listing";
import { Row } from "./row";

async function create(): Promise<void> {
  try {
    navigate(notebookPath(await createNotebook("Untitled")));
  } catch (error) {
    toastError("The notebook was not created.", error);
  }
}

/** Whether a key goes into text rather than to the page. */
function isTyping(event: KeyboardEvent): boolean {
  const { target } = event;
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || target.closest("input, textarea, select, dialog") !== null)
  );
}

function Search({ listing, toList }: { listing: LibraryListing; toList(): void }) {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
      event.preventDefault();
      input.current?.select();
      input.current?.focus();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  return (
    <search class="search">
      <IconSearch />
      <input
        ref={input}
        type="search"
        class="search-input"
        placeholder="Search by title"
        aria-label="Search notebooks by title"
        aria-keyshortcuts="/"
        data-testid="search"
        maxLength={160}
        value={listing.search.value}
        onInput={(event) => listing.find(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape" && listing.search.value !== "") {
            event.preventDefault();
            listing.find("");
          } else if (event.key === "ArrowDown" || event.key === "Enter") {
            event.preventDefault();
            toList();
          }
        }}
      />
    </search>
  );
}

function Views({ listing }: { listing: LibraryListing }) {
  return (
    <fieldset class="views" aria-label="Show">
      {VIEWS.map(({ view, label }) => (
        <button
          key={view}
          type="button"
          class="view"
          aria-pressed={listing.view.value === view}
          data-testid={`view-${view}`}
          onClick={() => listing.show(view)}
        >
          {label}
        </button>
      ))}
    </fieldset>
  );
}

const EMPTY: Readonly<Record<View, { title: string; text: string }>> = {
  all: {
    title: "No notebooks yet",
    text: "A notebook holds code, text and results, and runs on any machine you have paired. Make one, or drop an .ipynb file here.",
  },
  owned: { title: "No notebooks yet", text: "Make one, or drop an .ipynb file here." },
  shared: {
    title: "Nothing is shared with you",
    text: "Notebooks that others share with you appear here.",
  },
  trash: {
    title: "The trash is empty",
    text: "What you move to the trash stays here until you restore it or delete it for good.",
  },
};

function Empty({ listing }: { listing: LibraryListing }) {
  const search = listing.search.value.trim();
  if (search === "") {
    const { title, text } = EMPTY[listing.view.value];
    return (
      <div class="empty" data-testid="list-empty">
        <p class="empty-title">{title}</p>
        <p>{text}</p>
      </div>
    );
  }
  return (
    <div class="empty" data-testid="list-empty">
      <p class="empty-title">No title matches “{search}”</p>
      <p>
        <button type="button" class="button" data-testid="clear-search" onClick={() => listing.find("")}>
          Clear the search
        </button>
      </p>
    </div>
  );
}

function ImportButton({ take }: { take(files: File[]): void }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button
        type="button"
        class="button"
        data-testid="import-notebook"
        onClick={() => input.current?.click()}
      >
        <IconUpload />
        Import
      </button>
      <input
        ref={input}
        type="file"
        class="visually-hidden"
        accept=".ipynb,application/x-ipynb+json"
        multiple
        tabIndex={-1}
        aria-label="Notebook files"
        data-testid="import-file"
        onChange={(event) => {
          const { currentTarget } = event;
          take([...(currentTarget.files ?? [])]);
          currentTarget.value = "";
        }}
      />
    </>
  );
}

/** Files may be dropped anywhere on the page. */
function useDrop(take: (files: File[]) => void): boolean {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") === true;
    const onOver = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const onLeave = (event: DragEvent) => {
      if (event.relatedTarget === null) setOver(false);
    };
    const onDrop = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setOver(false);
      take([...(event.dataTransfer?.files ?? [])]);
    };
    addEventListener("dragover", onOver);
    addEventListener("dragleave", onLeave);
    addEventListener("drop", onDrop);
    return () => {
      removeEventListener("dragover", onOver);
      removeEventListener("dragleave", onLeave);
      removeEventListener("drop", onDrop);
    };
  }, [take]);
  return over;
}

/** The arrow keys go from title to title. */
function moveFocus(list: HTMLElement, event: KeyboardEvent): void {
  const titles = [...list.querySelectorAll<HTMLElement>(".row-title")];
  const at = titles.indexOf(event.target as HTMLElement);
  if (at < 0) return;
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: titles.length - 1 }[event.key];
  const next = to === undefined ? undefined : titles[to];
  if (next === undefined) return;
  event.preventDefault();
  next.focus();
}

function Rows({ listing }: { listing: LibraryListing }) {
  const commands = useMemo(() => new LibraryCommands(listing), [listing]);
  const rows = listing.rows.value;
  const list = useRef<HTMLUListElement>(null);
  if (rows === undefined) return listing.why.value === undefined ? <p class="waiting">Loading…</p> : null;
  if (rows.length === 0) return <Empty listing={listing} />;
  return (
    <>
      <ul
        ref={list}
        class="rows"
        data-testid="notebook-list"
        onKeyDown={(event) => list.current && moveFocus(list.current, event)}
      >
        {rows.map((row) => (
          <Row key={row.id} row={row} listing={listing} commands={commands} />
        ))}
      </ul>
      {listing.hasMore.value && (
        <p class="more">
          <button type="button" class="button" data-testid="show-more" onClick={() => listing.more()}>
            Show more
          </button>
        </p>
      )}
    </>
  );
}

/** What a search or a view found, for those who do not see the rows change. */
function Found({ listing }: { listing: LibraryListing }) {
  const total = listing.total.value;
  const text = listing.rows.value === undefined ? "" : `${total} ${total === 1 ? "notebook" : "notebooks"}`;
  return (
    <p class="found" role="status" data-testid="found" data-total={total}>
      {text}
    </p>
  );
}

export function LibraryPage() {
  const listing = useMemo(() => new LibraryListing(), []);
  const take = useMemo(
    () => async (files: File[]) => {
      if (files.length > 0 && (await importFiles(files)) > 0) listing.refresh();
    },
    [listing],
  );
  const dropping = useDrop(take);
  useEffect(() => {
    document.title = "Notebooks · Notebook Cloud";
    listing.start();
    return () => listing.stop();
  }, [listing]);
  return (
    <main class="page" id="main">
      <div class="page-head">
        <h1>Notebooks</h1>
        <div class="page-actions">
          <ImportButton take={take} />
          <button type="button" class="button button-primary" data-testid="new-notebook" onClick={create}>
            <IconPlus />
            New notebook
          </button>
        </div>
      </div>
      <div class="library-bar">
        <Search
          listing={listing}
          toList={() => document.querySelector<HTMLElement>(".rows .row-title")?.focus()}
        />
        <Views listing={listing} />
        <Found listing={listing} />
      </div>
      {listing.why.value !== undefined && (
        <p class="notice notice-bad" role="alert">
          The list could not be loaded. {listing.why.value}
        </p>
      )}
      <Rows listing={listing} />
      {dropping && (
        <div class="drop" data-testid="drop-zone">
          <p>Drop .ipynb files to import them</p>
        </div>
      )}
    </main>
  );
}

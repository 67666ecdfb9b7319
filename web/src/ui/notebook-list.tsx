// The list of notebooks: open, create, rename.
import { useEffect, useRef, useState } from "preact/hooks";
import { messageOf } from "../api/http";
import { createNotebook, listNotebooks, type NotebookRow, renameNotebook } from "../api/notebooks";
import { IconPencil, IconPlus } from "./icons";
import { navigate, notebookPath, onLinkClick } from "./router";
import { ago, now } from "./time";
import { toastError } from "./toasts";

const REFRESH_MS = 15_000;

async function create(): Promise<void> {
  try {
    navigate(notebookPath(await createNotebook("Untitled")));
  } catch (error) {
    toastError("The notebook was not created.", error);
  }
}

function TitleEditor({ row, done }: { row: NotebookRow; done(title: string | undefined): void }) {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.select(), []);
  const save = async () => {
    const title = input.current?.value.trim() ?? "";
    if (title === "" || title === row.title) return done(row.title);
    try {
      done(await renameNotebook(row.id, title));
    } catch (error) {
      toastError("The notebook was not renamed.", error);
      done(row.title);
    }
  };
  return (
    <input
      ref={input}
      class="row-title-input"
      aria-label="Title"
      data-testid="rename-input"
      maxLength={160}
      defaultValue={row.title ?? ""}
      onBlur={save}
      onKeyDown={(event) => {
        if (event.key === "Enter") event.currentTarget.blur();
        if (event.key === "Escape") done(row.title);
      }}
    />
  );
}

function Row({ row, renamed }: { row: NotebookRow; renamed(title: string | undefined): void }) {
  const [editing, setEditing] = useState(false);
  const title = row.title ?? "Untitled";
  return (
    <li class="row" data-testid="notebook-row" data-notebook-id={row.id}>
      <div class="row-main">
        {editing ? (
          <TitleEditor
            row={row}
            done={(next) => {
              setEditing(false);
              renamed(next);
            }}
          />
        ) : (
          <a class="row-title" href={notebookPath(row.id)} onClick={onLinkClick}>
            {title}
          </a>
        )}
        <p class="row-sub">
          Updated {ago(row.updatedAt, now.value)}
          {row.owner !== "" && <> · {row.owner.replace(/^user:local:/, "")}</>}
          {row.compute && (
            <>
              {" · "}
              <span class={`dot dot-${row.compute.status === "active" ? "ok" : "off"}`} /> {row.compute.name}
            </>
          )}
        </p>
      </div>
      {row.scope !== "viewer" && !editing && (
        <button
          type="button"
          class="icon-button row-action"
          aria-label={`Rename ${title}`}
          data-testid="rename-notebook"
          onClick={() => setEditing(true)}
        >
          <IconPencil />
        </button>
      )}
    </li>
  );
}

function Empty() {
  return (
    <div class="empty">
      <p class="empty-title">No notebooks yet</p>
      <p>A notebook holds code, text and results, and runs on any machine you have paired.</p>
    </div>
  );
}

export function NotebookList() {
  const [rows, setRows] = useState<NotebookRow[] | undefined>();
  const [why, setWhy] = useState<string | undefined>();
  useEffect(() => {
    document.title = "Notebooks · Notebook Cloud";
    const load = () =>
      listNotebooks().then(
        (list) => {
          setRows(list);
          setWhy(undefined);
        },
        (error: unknown) => setWhy(messageOf(error)),
      );
    load();
    const timer = setInterval(load, REFRESH_MS);
    return () => clearInterval(timer);
  }, []);
  const rename = (id: string, title: string | undefined) =>
    setRows((old) => old?.map((row) => (row.id === id ? { ...row, title } : row)));
  return (
    <main class="page" id="main">
      <div class="page-head">
        <h1>Notebooks</h1>
        <button type="button" class="button button-primary" data-testid="new-notebook" onClick={create}>
          <IconPlus />
          New notebook
        </button>
      </div>
      {why !== undefined && (
        <p class="notice notice-bad" role="alert">
          The list could not be loaded. {why}
        </p>
      )}
      {rows === undefined && why === undefined && <p class="waiting">Loading…</p>}
      {rows?.length === 0 && <Empty />}
      {rows !== undefined && rows.length > 0 && (
        <ul class="rows" data-testid="notebook-list">
          {rows.map((row) => (
            <Row key={row.id} row={row} renamed={(title) => rename(row.id, title)} />
          ))}
        </ul>
      )}
    </main>
  );
}

// The versions of a notebook: keep one, look at one, begin a notebook with one.
import "./versions.css";
import { useCallback, useRef, useState } from "preact/hooks";
import {
  deleteRevision,
  listRevisions,
  type Revision,
  restoreRevision,
  takeRevision,
} from "../api/revisions";
import { confirm, Dialog } from "../ui/dialog";
import { IconTrash } from "../ui/icons";
import { usePages } from "../ui/pages";
import { navigate, notebookPath, onLinkClick, revisionPath } from "../ui/router";
import { when } from "../ui/time";
import { toast, toastError } from "../ui/toasts";

/** A new notebook with the content of a version, opened. */
export async function restoreAsNotebook(notebookId: string, revision: string): Promise<void> {
  try {
    navigate(notebookPath(await restoreRevision(notebookId, revision)));
    toast("This is a new notebook with the content of that version.");
  } catch (error) {
    toastError("The version was not restored.", error);
  }
}

interface VersionsProps {
  notebookId: string;
  isOwner: boolean;
  /** Edits on their way to the server would not be part of a version. */
  isSaved: boolean;
  onClose(): void;
}

function Keep({ notebookId, isSaved, kept }: { notebookId: string; isSaved: boolean; kept(): void }) {
  const input = useRef<HTMLInputElement>(null);
  const [busy, setBusy] = useState(false);
  const keep = async () => {
    setBusy(true);
    try {
      await takeRevision(notebookId, input.current?.value.trim() ?? "");
      if (input.current) input.current.value = "";
      kept();
    } catch (error) {
      toastError("The version was not kept.", error);
    }
    setBusy(false);
  };
  return (
    <form
      class="versions-keep"
      onSubmit={(event) => {
        event.preventDefault();
        keep();
      }}
    >
      <input
        ref={input}
        class="text-input"
        aria-label="Name of the version, if you like"
        placeholder="Name, if you like"
        maxLength={160}
        data-testid="version-name"
      />
      <button
        type="submit"
        class="button button-primary"
        data-testid="keep-version"
        disabled={busy || !isSaved}
        title={isSaved ? undefined : "Your last edits are still on their way to the server."}
      >
        Keep this version
      </button>
    </form>
  );
}

export function Versions({ notebookId, isOwner, isSaved, onClose }: VersionsProps) {
  const { rows, next, why, load } = usePages(
    useCallback((cursor?: string) => listRevisions(notebookId, cursor), [notebookId]),
  );
  const remove = async (revision: Revision) => {
    const yes = await confirm(
      "Delete this version?",
      "The notebook itself stays as it is. This cannot be undone.",
      "Delete",
    );
    if (!yes) return;
    try {
      await deleteRevision(notebookId, revision.id);
      load();
    } catch (error) {
      toastError("The version was not deleted.", error);
    }
  };
  return (
    <Dialog title="Versions" testId="versions-dialog" onClose={onClose}>
      <p class="dialog-text">
        A version keeps the cells and outputs as they are now. Only those who can open the notebook can see
        it.
      </p>
      {isOwner && <Keep notebookId={notebookId} isSaved={isSaved} kept={() => load()} />}
      {why !== undefined && (
        <p class="notice notice-bad" role="alert">
          The versions could not be loaded. {why}
        </p>
      )}
      {rows === undefined && why === undefined && <p class="waiting">Loading…</p>}
      {rows?.length === 0 && <p class="versions-empty">No version has been kept yet.</p>}
      {rows !== undefined && rows.length > 0 && (
        <ul class="items" data-testid="versions">
          {rows.map((revision) => (
            <li key={revision.id} class="item" data-testid="version" data-revision-id={revision.id}>
              <div class="item-main">
                <a
                  href={revisionPath(notebookId, revision.id)}
                  data-testid="show-version"
                  onClick={(event) => {
                    onClose();
                    onLinkClick(event);
                  }}
                >
                  {revision.title ?? when(revision.createdAt)}
                </a>
                <span class="item-sub">
                  {revision.title !== undefined && when(revision.createdAt)}
                  {revision.title !== undefined && revision.author !== undefined && " · "}
                  {revision.author}
                </span>
              </div>
              <button
                type="button"
                class="button"
                data-testid="restore-version"
                onClick={() => {
                  onClose();
                  restoreAsNotebook(notebookId, revision.id);
                }}
              >
                Restore as new
              </button>
              {isOwner && (
                <button
                  type="button"
                  class="icon-button"
                  aria-label={`Delete the version ${revision.title ?? when(revision.createdAt)}`}
                  data-testid="delete-version"
                  onClick={() => remove(revision)}
                >
                  <IconTrash />
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
      <div class="dialog-actions">
        {next !== undefined && (
          <button type="button" class="button" onClick={() => load(next)}>
            Show more
          </button>
        )}
        <button type="button" class="button" data-testid="versions-close" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

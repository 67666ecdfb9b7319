// A version of a notebook as it was kept: to be read, not changed.
import "./notebook.css";
import { useEffect, useMemo, useState } from "preact/hooks";
import { messageOf } from "../api/http";
import { getRevision, type RevisionInfo, revisionDocument } from "../api/revisions";
import { loadAutomerge } from "../sync/automerge";
import { Message, Waiting } from "../ui/app";
import { notebookPath, onLinkClick } from "../ui/router";
import { when } from "../ui/time";
import { Actions } from "./actions";
import { CellList } from "./page";
import { Selection } from "./selection";
import { NotebookStore } from "./store";
import { restoreAsNotebook } from "./versions";

interface RevisionPageProps {
  id: string;
  revision: string;
  outputOrigin: string | undefined;
}

type Opened =
  | { state: "opening" }
  | { state: "failed"; why: string }
  | { state: "open"; store: NotebookStore; info: RevisionInfo };

async function open(id: string, revision: string): Promise<Opened> {
  const [api, info, notebook, runtime] = await Promise.all([
    loadAutomerge(),
    getRevision(id, revision),
    revisionDocument(id, revision, "notebook"),
    revisionDocument(id, revision, "runtime"),
  ]);
  return { state: "open", store: NotebookStore.frozen(api, id, notebook, runtime), info };
}

function useRevision(id: string, revision: string): Opened {
  const [opened, setOpened] = useState<Opened>({ state: "opening" });
  useEffect(() => {
    let left = false;
    open(id, revision).then(
      (next) => {
        if (!left) setOpened(next);
      },
      (error: unknown) => setOpened({ state: "failed", why: messageOf(error) }),
    );
    return () => {
      left = true;
    };
  }, [id, revision]);
  return opened;
}

function OpenRevision({
  store,
  info,
  outputOrigin,
}: {
  store: NotebookStore;
  info: RevisionInfo;
  outputOrigin: string | undefined;
}) {
  const actions = useMemo(() => new Actions(store, new Selection()), [store]);
  const { revision, notebookTitle } = info;
  const title = notebookTitle ?? "Untitled";
  useEffect(() => {
    document.title = `${title}, version of ${when(revision.createdAt)} · Notebook Cloud`;
  }, [title, revision]);
  return (
    <div class="notebook" data-testid="revision" data-revision-id={revision.id}>
      <section class="notebook-head" aria-label="Version">
        <div class="notebook-head-inner">
          <div class="notebook-head-row revision-row">
            <div class="revision-main">
              <h1 class="revision-title">{title}</h1>
              <p class="row-sub">
                Version {revision.title !== undefined && `“${revision.title}” `}of {when(revision.createdAt)}
                {revision.author !== undefined && ` by ${revision.author}`} · read only
              </p>
            </div>
            <a class="button" href={notebookPath(store.id)} onClick={onLinkClick} data-testid="to-notebook">
              Go to the notebook
            </a>
            <button
              type="button"
              class="button button-primary"
              data-testid="restore-version"
              onClick={() => restoreAsNotebook(store.id, revision.id)}
            >
              Restore as new notebook
            </button>
          </div>
        </div>
      </section>
      <main class="cells" id="main" aria-label="Cells" data-testid="cells">
        <CellList actions={actions} outputOrigin={outputOrigin} />
      </main>
    </div>
  );
}

export function RevisionPage({ id, revision, outputOrigin }: RevisionPageProps) {
  const opened = useRevision(id, revision);
  switch (opened.state) {
    case "opening":
      return <Waiting />;
    case "failed":
      return <Message title="The version could not be opened" text={opened.why} />;
    case "open":
      return <OpenRevision store={opened.store} info={opened.info} outputOrigin={outputOrigin} />;
  }
}

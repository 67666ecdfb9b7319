// The notebook's own bar: title, connection, compute, and what can be done to the whole.
import { useRef } from "preact/hooks";
import { AskButton } from "../access/ask-button";
import { ShareButton } from "../access/share-button";
import { signedIn } from "../api/session";
import { IconPlus, IconRestart, IconRunAll, IconStop } from "../ui/icons";
import { Later } from "../ui/later";
import { toastError } from "../ui/toasts";
import type { Actions } from "./actions";
import { canInterrupt } from "./compute";
import { ComputeChip } from "./compute-chip";
import { ComputeNotice } from "./compute-notice";
import { Connection, Roster } from "./connection";
import { KernelChip } from "./kernel-chip";
import { NotebookMenu } from "./notebook-menu";
import { RunMenu } from "./run-menu";
import type { NotebookStore } from "./store";

const loadFind = () => import("./find-bar").then((module) => module.FindBar);

function Title({ actions }: { actions: Actions }) {
  const { store } = actions;
  const input = useRef<HTMLInputElement>(null);
  const title = store.title.value ?? "";
  const save = async () => {
    const next = input.current?.value.trim() ?? "";
    if (next === "" || next === title) {
      if (input.current) input.current.value = title;
      return;
    }
    try {
      await store.rename(next);
    } catch (error) {
      if (input.current) input.current.value = title;
      toastError("The notebook was not renamed.", error);
    }
  };
  return (
    <input
      ref={input}
      class="title-input"
      aria-label="Notebook title"
      data-testid="notebook-title"
      maxLength={160}
      placeholder="Untitled"
      defaultValue={title}
      readOnly={!store.canEdit.value}
      spellcheck={false}
      onBlur={save}
      onKeyDown={(event) => {
        if (event.key === "Enter") event.currentTarget.blur();
        if (event.key === "Escape") {
          event.currentTarget.value = title;
          event.currentTarget.blur();
        }
      }}
    />
  );
}

function RunTools({ actions }: { actions: Actions }) {
  const { store } = actions;
  const { running, queued } = store.queue.value;
  return (
    <div class="toolbar" role="toolbar" aria-label="Run">
      <button type="button" class="button" data-testid="run-all" onClick={() => actions.runAll()}>
        <IconRunAll />
        Run all
      </button>
      <RunMenu actions={actions} />
      <button
        type="button"
        class="button"
        data-testid="interrupt"
        aria-label="Interrupt"
        disabled={!canInterrupt(store.session.value, store.kernel.value)}
        onClick={() => actions.interrupt()}
      >
        <IconStop />
        <span class="label-wide">Interrupt</span>
      </button>
      <button
        type="button"
        class="button"
        data-testid="restart"
        aria-label="Restart"
        disabled={store.attachment.value === undefined}
        onClick={() => actions.restart()}
      >
        <IconRestart />
        <span class="label-wide">Restart</span>
      </button>
      <span class="run-count" data-testid="run-count" data-running={running} data-queued={queued}>
        {running > 0 && `${running} running`}
        {running > 0 && queued > 0 && " · "}
        {queued > 0 && `${queued} waiting`}
      </span>
    </div>
  );
}

/** The way to share for owners, the way to ask for readers. */
function AccessTool({ store }: { store: NotebookStore }) {
  const { scope } = store.session.value;
  if (scope === "owner") {
    const title = store.title.value ?? "Untitled";
    return <ShareButton notebookId={store.id} title={title} me={store.me.value} />;
  }
  if (scope === "viewer" && signedIn.value === "yes") {
    return <AskButton notebookId={store.id} changed={store.readRights} />;
  }
  return null;
}

export function Header({ actions }: { actions: Actions }) {
  const { store } = actions;
  return (
    <section class="notebook-head" aria-label="Notebook">
      <h1 class="visually-hidden">{store.title.value ?? "Untitled"}</h1>
      <div class="notebook-head-inner">
        <div class="notebook-head-row">
          <Title actions={actions} />
          <Roster session={store.session.value} />
          <Connection session={store.session.value} />
          <AccessTool store={store} />
          <NotebookMenu actions={actions} />
        </div>
        <div class="notebook-head-row">
          {store.canRun.value && <RunTools actions={actions} />}
          {store.canEdit.value && (
            <button
              type="button"
              class="button"
              data-testid="add-cell"
              aria-label="Add a cell"
              onClick={() => actions.cells.addBelow(actions.selection.cellId.value, "code")}
            >
              <IconPlus />
              <span class="label-wide">Cell</span>
            </button>
          )}
          <div class="head-end">
            <KernelChip actions={actions} />
            <ComputeChip actions={actions} />
          </div>
        </div>
        <ComputeNotice actions={actions} />
        {actions.finding.value && (
          <Later load={loadFind} props={{ actions, close: () => actions.find(false) }} />
        )}
      </div>
    </section>
  );
}

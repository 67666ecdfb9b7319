// The notebook page: opens the room, shows the cells, carries the keys.
import "./notebook.css";
import { useCallback, useEffect, useMemo, useState } from "preact/hooks";
import { NoAccess } from "../access/no-access";
import { ApiError, messageOf } from "../api/http";
import { restoreNotebook } from "../api/notebooks";
import { signedIn } from "../api/session";
import { useKeptHeights } from "../outputs/reserved";
import { Message, Waiting } from "../ui/app";
import { IconPlus } from "../ui/icons";
import { SignInPage } from "../ui/sign-in";
import { toastError } from "../ui/toasts";
import { Actions } from "./actions";
import { Announcer } from "./announce";
import { Cell } from "./cell";
import { dragging } from "./drag";
import { Header } from "./header";
import { comeBack, leaveNotebook } from "./kept-open";
import { CommandKeys, keyName } from "./keys";
import { takeNextInputs } from "./next-input";
import { Selection } from "./selection";
import type { NotebookStore } from "./store";
import { UnsentNotice } from "./unsent-notice";
import { wide } from "./wide";

/** How often a notebook is asked for whose server cannot be reached. */
const RETRY_MS = 5_000;

type Opened =
  | { state: "opening" }
  | { state: "failed"; error: unknown }
  | { state: "open"; store: NotebookStore };

function useNotebook(id: string): { opened: Opened; retry(): void } {
  const [opened, setOpened] = useState<Opened>({ state: "opening" });
  const [attempt, setAttempt] = useState(0);
  const again = useCallback(() => setAttempt((last) => last + 1), []);
  const retry = useCallback(() => {
    setOpened({ state: "opening" });
    again();
  }, [again]);
  const isUnreachable = opened.state === "failed" && statusOf(opened.error) === 0;
  useEffect(() => {
    if (!isUnreachable) return;
    // Whatever the platform says of the network: the server may have been away.
    const timer = setInterval(again, RETRY_MS);
    addEventListener("online", again);
    return () => {
      clearInterval(timer);
      removeEventListener("online", again);
    };
  }, [isUnreachable, again]);
  useEffect(() => {
    let store: NotebookStore | undefined;
    let left = false;
    comeBack(id).then(
      (open) => {
        if (left) return leaveNotebook(open);
        store = open;
        setOpened({ state: "open", store: open });
      },
      (error: unknown) => {
        if (!left) setOpened({ state: "failed", error });
      },
    );
    return () => {
      left = true;
      if (store !== undefined) leaveNotebook(store);
    };
  }, [id, attempt]);
  return { opened, retry };
}

function SaveNotice({ store }: { store: NotebookStore }) {
  const { refused, degraded } = store.session.value;
  if (refused !== undefined) {
    return (
      <p class="notice notice-bad" role="alert" data-testid="save-notice">
        The server does not take your edits, so they are not saved. Copy what you need and reload. ({refused})
      </p>
    );
  }
  if (degraded === undefined) return null;
  return (
    <p class="notice notice-bad" role="alert" data-testid="save-notice">
      The server could not store a change: {degraded}
    </p>
  );
}

function AddRow({ actions }: { actions: Actions }) {
  if (!actions.store.canEdit.value) return null;
  const last = actions.store.cells.value.at(-1)?.id;
  return (
    <div class="add-row">
      <button
        type="button"
        class="button button-quiet"
        data-testid="add-code-cell"
        onClick={() => actions.cells.addBelow(last, "code")}
      >
        <IconPlus />
        Code
      </button>
      <button
        type="button"
        class="button button-quiet"
        data-testid="add-markdown-cell"
        onClick={() => actions.cells.addBelow(last, "markdown")}
      >
        <IconPlus />
        Text
      </button>
    </div>
  );
}

/** The cells, without what surrounds them. */
export function CellList({ actions, outputOrigin }: { actions: Actions; outputOrigin: string | undefined }) {
  return (
    <>
      {actions.store.cells.value.map((cell, index) => (
        <Cell key={cell.id} cell={cell} number={index + 1} actions={actions} outputOrigin={outputOrigin} />
      ))}
    </>
  );
}

/** Tells assistive technology of several selected cells, which nobody sees by the focus. */
function SelectionStatus({ actions }: { actions: Actions }) {
  const count = actions.selected.value.length;
  return (
    <p class="visually-hidden" role="status" data-testid="selection-status" data-count={count}>
      {count > 1 && `${count} cells selected`}
    </p>
  );
}

function Cells({ actions, outputOrigin }: { actions: Actions; outputOrigin: string | undefined }) {
  const { store } = actions;
  const drags = useMemo(() => dragging(actions), [actions]);
  const first = store.cells.value[0]?.id;
  // Keys have a cell to begin with; the focus stays where it is.
  useEffect(() => {
    if (actions.selection.cellId.peek() === undefined && first !== undefined) {
      actions.selection.focused(first, false);
    }
  }, [actions, first]);
  return (
    <main
      ref={(element) => {
        actions.selection.home = element;
      }}
      class="cells"
      id="main"
      tabIndex={-1}
      aria-label="Cells"
      data-testid="cells"
      {...drags}
    >
      <SaveNotice store={store} />
      <UnsentNotice actions={actions} />
      {!store.session.value.everLive && (
        <p class="waiting" role="status">
          {store.session.value.phase === "waiting"
            ? "No connection yet. Trying again…"
            : "Opening the notebook…"}
        </p>
      )}
      <CellList actions={actions} outputOrigin={outputOrigin} />
      <SelectionStatus actions={actions} />
      {store.session.value.everLive && <AddRow actions={actions} />}
    </main>
  );
}

/** The notebook went to the trash, or for good, while it was open here. */
function GoneNotice({ store }: { store: NotebookStore }) {
  const { gone, scope } = store.session.value;
  if (gone === "deleted") {
    return <Message title="This notebook was deleted" text="Its owner deleted it for good." />;
  }
  const restore = async () => {
    try {
      await restoreNotebook(store.id);
      location.reload();
    } catch (error) {
      toastError("The notebook was not restored.", error);
    }
  };
  return (
    <Message
      title="This notebook is in the trash"
      text={
        scope === "owner"
          ? "It was moved there while it was open here. Restore it to go on."
          : "Its owner moved it there. Ask them to restore it."
      }
    >
      {scope === "owner" && (
        <button type="button" class="button button-primary" data-testid="restore-notebook" onClick={restore}>
          Restore
        </button>
      )}
    </Message>
  );
}

/** Whether keys pressed there are those of command mode: on a cell, or nowhere. */
function isOnCells(target: Element, { selection }: Actions): boolean {
  if (target !== document.body) return target === selection.home || target.matches('[data-testid="cell"]');
  return signedIn.peek() !== "ended" && document.querySelector("dialog[open]") === null;
}

/** From a cell's buttons and outputs the way back to the cell; from a frame to where the keyboard was. */
function goBack(target: Element, { selection }: Actions): void {
  if (target.matches("iframe")) selection.resume();
  else selection.command(target.closest<HTMLElement>("[data-cell-id]")?.dataset.cellId);
}

/** Whoever clicked a button goes on by keys where they were, or in the cell that it belongs to. */
function goOn({ target, detail }: MouseEvent, { selection }: Actions): void {
  const button = target instanceof Element && target.closest<HTMLElement>("button");
  // The keyboard clicks as well, and stays; what opens something below it takes keys for that.
  if (
    !button ||
    detail === 0 ||
    button.matches("[aria-controls], [aria-disabled=true], .find-bar *, dialog *")
  )
    return;
  // It may have sent the focus elsewhere.
  if (!document.activeElement?.matches("button, body")) return;
  const id = button.closest<HTMLElement>("[data-cell-id]")?.dataset.cellId;
  if (id === undefined || id === selection.cellId.peek()) selection.resume();
  else selection.command(id);
}

function OpenNotebook({ store, outputOrigin }: { store: NotebookStore; outputOrigin: string | undefined }) {
  const actions = useMemo(() => new Actions(store, new Selection()), [store]);
  const title = store.title.value ?? "Untitled";
  const isShown = signedIn.value !== "ended";
  useKeptHeights();
  useEffect(() => actions.cells.watch(), [actions]);
  useEffect(() => takeNextInputs(store), [store]);
  useEffect(() => {
    const ahead = (event: KeyboardEvent) => {
      if (!actions.typeAhead(event)) return;
      event.preventDefault();
      event.stopPropagation();
    };
    const keys = new CommandKeys(actions);
    const onKey = (event: KeyboardEvent) => {
      const { target } = event;
      if (event.defaultPrevented || !(target instanceof Element)) return;
      const key = keyName(event);
      // Pressed once more, the browser's own search opens, which also finds in outputs.
      if (key === "ctrl+f" && !target.closest(".find-bar")) actions.find(true);
      else if (key === "ctrl+s") {
        if (!event.repeat) actions.saySaved();
      } else if (isOnCells(target, actions)) {
        if (!actions.selection.typesAhead(event) && !keys.handle(event)) return;
      } else {
        if (key === "Escape" && actions.selection.home?.contains(target)) goBack(target, actions);
        return;
      }
      event.preventDefault();
    };
    addEventListener("keydown", ahead, true);
    addEventListener("keydown", onKey);
    return () => {
      removeEventListener("keydown", ahead, true);
      removeEventListener("keydown", onKey);
    };
  }, [actions]);
  useEffect(() => {
    if (isShown) document.title = `${title} · Notebook Cloud`;
  }, [title, isShown]);
  if (store.session.value.gone !== undefined) return <GoneNotice store={store} />;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: for the pointer alone.
    // biome-ignore lint/a11y/useKeyWithClickEvents: the keyboard's focus stays.
    <div
      class={wide.on.value ? "notebook is-wide" : "notebook"}
      data-testid="notebook"
      data-ready={store.session.value.everLive}
      onClick={(event) => goOn(event, actions)}
    >
      <Header actions={actions} />
      <Cells actions={actions} outputOrigin={outputOrigin} />
      <Announcer store={store} />
    </div>
  );
}

/** The server's answer; 0 when it cannot be reached. */
function statusOf(error: unknown): number | undefined {
  return error instanceof ApiError ? error.status : undefined;
}

function failure(error: unknown): { title: string; text: string } {
  if (error instanceof ApiError && error.status === 404) {
    return {
      title: "There is no such notebook",
      text: "It may be in the trash or deleted, or the link is mistyped.",
    };
  }
  return { title: "The notebook could not be opened", text: messageOf(error) };
}

/** What is shown in place of a notebook that cannot be opened, or no longer. */
function Closed({ id, error, retry }: { id: string; error: unknown; retry(): void }) {
  const status = statusOf(error);
  // Signing in may help: somebody without a session is refused, or told that nothing is there.
  if (signedIn.value === "no" && [401, 403, 404].includes(status ?? 0)) return <SignInPage />;
  if (status === 401 || status === 403) return <NoAccess id={id} retry={retry} />;
  if (status === 404) return <Message {...failure(error)} />;
  return (
    <Message {...failure(error)}>
      <button type="button" class="button button-primary" data-testid="try-again" onClick={retry}>
        Try again
      </button>
    </Message>
  );
}

interface NotebookPageProps {
  id: string;
  outputOrigin: string | undefined;
}

export function NotebookPage({ id, outputOrigin }: NotebookPageProps) {
  const { opened, retry } = useNotebook(id);
  switch (opened.state) {
    case "opening":
      return <Waiting />;
    case "failed":
      return <Closed id={id} error={opened.error} retry={retry} />;
    case "open": {
      const lost = opened.store.lost.value;
      if (lost !== undefined) return <Closed id={id} error={lost} retry={retry} />;
      return <OpenNotebook store={opened.store} outputOrigin={outputOrigin} />;
    }
  }
}

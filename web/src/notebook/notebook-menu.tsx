// What can be done to the notebook as a whole, from inside it.
import { useState } from "preact/hooks";
import { duplicateNotebook, restoreNotebook, trashNotebook } from "../api/notebooks";
import { download } from "../library/commands";
import {
  IconClear,
  IconClock,
  IconCopy,
  IconDownload,
  IconHistory,
  IconKeyboard,
  IconLines,
  IconMore,
  IconSearch,
  IconTrash,
  IconWide,
} from "../ui/icons";
import { Later } from "../ui/later";
import { closing, Menu, MenuItem } from "../ui/menu";
import { navigate, notebookPath } from "../ui/router";
import { toast, toastError } from "../ui/toasts";
import type { Actions } from "./actions";
import { lineNumbers } from "./line-numbers";
import { wide } from "./wide";

const loadVersions = () => import("./versions").then((module) => module.Versions);
const loadActivity = () => import("./activity").then((module) => module.Activity);
const loadShortcuts = () => import("./shortcuts").then((module) => module.Shortcuts);

async function duplicate(id: string): Promise<void> {
  try {
    navigate(notebookPath(await duplicateNotebook(id)));
    toast("This is the copy.");
  } catch (error) {
    toastError("The notebook was not duplicated.", error);
  }
}

async function trash(id: string, title: string): Promise<void> {
  try {
    await trashNotebook(id);
    navigate("/");
    toast(`“${title}” is in the trash.`, {
      label: "Undo",
      run: () =>
        restoreNotebook(id).then(
          () => navigate(notebookPath(id)),
          (error: unknown) => toastError("The notebook was not restored.", error),
        ),
    });
  } catch (error) {
    toastError("The notebook was not moved to the trash.", error);
  }
}

export function NotebookMenu({ actions }: { actions: Actions }) {
  const { store } = actions;
  const [versions, setVersions] = useState(false);
  const [activity, setActivity] = useState(false);
  const { scope, unsaved } = store.session.value;
  const isOwner = scope === "owner";
  return (
    <>
      <Menu
        label={<IconMore />}
        name="Notebook actions"
        testId="notebook-menu"
        buttonClass="icon-button notebook-menu-button"
      >
        {(close) => {
          const item = closing(close);
          return (
            <>
              {store.canEdit.value && (
                <>
                  <MenuItem {...item("menu-clear", () => actions.cells.clearAllOutputs())}>
                    <IconClear />
                    Clear all outputs
                  </MenuItem>
                  <div class="menu-rule" />
                </>
              )}
              <MenuItem {...item("menu-versions", () => setVersions(true))}>
                <IconHistory />
                Versions…
              </MenuItem>
              <MenuItem {...item("menu-download", () => download(store.id))}>
                <IconDownload />
                Download .ipynb
              </MenuItem>
              <MenuItem {...item("menu-duplicate", () => duplicate(store.id))}>
                <IconCopy />
                Duplicate
              </MenuItem>
              <MenuItem {...item("menu-find", () => actions.find(true))}>
                <IconSearch />
                Find and replace…
              </MenuItem>
              <MenuItem {...item("menu-line-numbers", lineNumbers.toggle)}>
                <IconLines />
                {lineNumbers.on.value ? "Hide line numbers" : "Show line numbers"}
              </MenuItem>
              <MenuItem {...item("menu-wide", wide.toggle)}>
                <IconWide />
                {wide.on.value ? "Narrow column" : "Full width"}
              </MenuItem>
              <MenuItem {...item("menu-shortcuts", () => actions.showShortcuts(true))}>
                <IconKeyboard />
                Keyboard shortcuts…
              </MenuItem>
              {isOwner && (
                <>
                  <MenuItem {...item("menu-activity", () => setActivity(true))}>
                    <IconClock />
                    Activity…
                  </MenuItem>
                  <div class="menu-rule" />
                  <MenuItem {...item("menu-trash", () => trash(store.id, store.title.peek() ?? "Untitled"))}>
                    <IconTrash />
                    Move to trash
                  </MenuItem>
                </>
              )}
            </>
          );
        }}
      </Menu>
      {versions && (
        <Later
          load={loadVersions}
          props={{
            notebookId: store.id,
            isOwner,
            isSaved: !unsaved,
            onClose: () => setVersions(false),
          }}
        />
      )}
      {activity && <Later load={loadActivity} props={{ store, onClose: () => setActivity(false) }} />}
      {actions.shortcuts.value && (
        <Later load={loadShortcuts} props={{ onClose: () => actions.showShortcuts(false) }} />
      )}
    </>
  );
}

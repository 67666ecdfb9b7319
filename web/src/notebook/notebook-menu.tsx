// What can be done to the notebook as a whole, from inside it.
import { useState } from "preact/hooks";
import { duplicateNotebook, restoreNotebook, trashNotebook } from "../api/notebooks";
import { Records } from "../audit/records";
import { download } from "../library/commands";
import { Dialog } from "../ui/dialog";
import { IconClear, IconClock, IconCopy, IconDownload, IconHistory, IconMore, IconTrash } from "../ui/icons";
import { Menu, MenuItem } from "../ui/menu";
import { navigate, notebookPath } from "../ui/router";
import { toast, toastError } from "../ui/toasts";
import type { Actions } from "./actions";
import type { NotebookStore } from "./store";
import { Versions } from "./versions";

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
          const item = (testId: string, run: () => void) => ({
            testId,
            run: () => {
              close();
              run();
            },
          });
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
        <Versions
          notebookId={store.id}
          isOwner={isOwner}
          isSaved={!unsaved}
          onClose={() => setVersions(false)}
        />
      )}
      {activity && <Activity store={store} onClose={() => setActivity(false)} />}
    </>
  );
}

/** What happened to the notebook, for its owners. */
function Activity({ store, onClose }: { store: NotebookStore; onClose(): void }) {
  return (
    <Dialog title="Activity" testId="activity-dialog" onClose={onClose}>
      <div class="activity">
        <Records notebookId={store.id} me={store.me.value} />
      </div>
      <div class="dialog-actions">
        <button type="button" class="button" data-testid="activity-close" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

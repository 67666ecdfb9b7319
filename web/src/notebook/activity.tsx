// What happened to the notebook, for its owners.
import { Records } from "../audit/records";
import { Dialog } from "../ui/dialog";
import type { NotebookStore } from "./store";

export function Activity({ store, onClose }: { store: NotebookStore; onClose(): void }) {
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

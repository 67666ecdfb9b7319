// What a person does to a notebook as a whole, with the way back where there is one.
import {
  deleteNotebook,
  downloadUrl,
  duplicateNotebook,
  type NotebookRow,
  restoreNotebook,
  trashNotebook,
} from "../api/notebooks";
import { confirm } from "../ui/dialog";
import { toast, toastError } from "../ui/toasts";
import type { LibraryListing } from "./listing";

export const titleOf = (title: string | undefined) => title ?? "Untitled";

/** The browser saves what the server sends as a file; the page stays. */
export function download(id: string): void {
  const link = document.createElement("a");
  link.href = downloadUrl(id);
  link.download = "";
  link.click();
}

export class LibraryCommands {
  private readonly listing: LibraryListing;

  constructor(listing: LibraryListing) {
    this.listing = listing;
  }

  async duplicate(row: NotebookRow): Promise<void> {
    try {
      await duplicateNotebook(row.id);
      toast(`“${titleOf(row.title)}” was duplicated.`);
      this.listing.refresh();
    } catch (error) {
      toastError("The notebook was not duplicated.", error);
    }
  }

  async trash(row: NotebookRow): Promise<void> {
    this.listing.replace(row.id, undefined);
    try {
      await trashNotebook(row.id);
      toast(`“${titleOf(row.title)}” is in the trash.`, {
        label: "Undo",
        run: () => this.restore(row),
      });
    } catch (error) {
      toastError("The notebook was not moved to the trash.", error);
    }
    this.listing.refresh();
  }

  async restore(row: NotebookRow): Promise<void> {
    try {
      await restoreNotebook(row.id);
      toast(`“${titleOf(row.title)}” was restored.`);
    } catch (error) {
      toastError("The notebook was not restored.", error);
    }
    this.listing.refresh();
  }

  async deleteForGood(row: NotebookRow): Promise<void> {
    const yes = await confirm(
      `Delete “${titleOf(row.title)}” for good?`,
      "Its cells, outputs and versions are deleted for everybody. This cannot be undone.",
      "Delete for good",
    );
    if (!yes) return;
    this.listing.replace(row.id, undefined);
    try {
      await deleteNotebook(row.id);
    } catch (error) {
      toastError("The notebook was not deleted.", error);
    }
    this.listing.refresh();
  }
}

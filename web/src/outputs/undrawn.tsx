// A chart whose form is not drawn here: said quietly, and its JSON offered as a file.
import { blobText } from "../api/blobs";
import { save } from "../ui/save";
import { toastError } from "../ui/toasts";
import type { Undrawn } from "./model";

export function UndrawnNote({ notebookId, undrawn }: { notebookId: string; undrawn: Undrawn }) {
  const { mime, content } = undrawn;
  const saveIt = async () => {
    try {
      const json =
        "inline" in content ? content.inline : await blobText(notebookId, content.blob, content.size);
      save("chart.json", new Blob([json], { type: "application/json" }));
    } catch (error) {
      toastError("The chart was not saved.", error);
    }
  };
  return (
    <p class="output-note" data-testid="output-undrawn">
      The interactive chart ({mime}) is not drawn here.{" "}
      <button type="button" class="link-button" data-testid="save-chart" onClick={saveIt}>
        Save its JSON
      </button>
    </p>
  );
}

// For a reader: ask to edit, and wait for the answer.
import "./access.css";
import { useAsking } from "./ask";

export function AskButton({ notebookId, changed }: { notebookId: string; changed(): void }) {
  const { request, busy, ask } = useAsking(notebookId, changed);
  if (request?.status === "pending") {
    return (
      <span class="asking" role="status" data-testid="asked">
        You asked to edit
      </span>
    );
  }
  return (
    <button type="button" class="button" data-testid="ask-access" disabled={busy} onClick={ask}>
      Ask to edit
    </button>
  );
}

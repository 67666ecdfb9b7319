// Tells assistive technology how runs end.
import { useSignalEffect } from "@preact/signals";
import { useRef, useState } from "preact/hooks";
import { type ExecutionStatus, readExecution } from "./executions";
import type { NotebookStore } from "./store";

const WORDS: Partial<Record<ExecutionStatus, string>> = {
  done: "finished",
  error: "failed",
  cancelled: "was not run",
};

export function Announcer({ store }: { store: NotebookStore }) {
  const [text, setText] = useState("");
  const seen = useRef(new Map<string, ExecutionStatus>());
  useSignalEffect(() => {
    const executions = store.executions.value;
    for (const [index, cell] of store.cells.value.entries()) {
      if (cell.executionId === undefined) continue;
      const status = readExecution(executions[cell.executionId])?.status;
      if (status === undefined) continue;
      const before = seen.current.get(cell.executionId);
      seen.current.set(cell.executionId, status);
      const word = WORDS[status];
      if (before !== undefined && before !== status && word) setText(`Cell ${index + 1} ${word}.`);
    }
  });
  return (
    <div class="visually-hidden" role="status" aria-live="polite" data-testid="announcer">
      {text}
    </div>
  );
}

// Tells assistive technology how runs end, and that a cell asks for something.
import { useSignalEffect } from "@preact/signals";
import { useRef, useState } from "preact/hooks";
import { type ExecutionStatus, type PendingInput, readExecution } from "./executions";
import type { NotebookStore } from "./store";

const WORDS: Partial<Record<ExecutionStatus, string>> = {
  done: "finished",
  error: "failed",
  cancelled: "was not run",
};
/** What is said stays this long in the region: until so much else was said. */
const KEPT = 5;

interface Seen {
  status: ExecutionStatus;
  asked: PendingInput | undefined;
}

interface Said {
  id: number;
  text: string;
}

/** What there is to say of a cell whose execution was seen before as it was then. */
function news(before: Seen | undefined, { status, asked }: Seen): string | undefined {
  if (asked !== undefined && asked !== before?.asked) {
    const prompt = asked.prompt.trim();
    return `asks for input${prompt === "" ? "." : `: ${prompt}`}`;
  }
  const word = WORDS[status];
  return before !== undefined && before.status !== status && word !== undefined ? `${word}.` : undefined;
}

export function Announcer({ store }: { store: NotebookStore }) {
  const [said, setSaid] = useState<readonly Said[]>([]);
  const seen = useRef(new Map<string, Seen>());
  const next = useRef(0);
  useSignalEffect(() => {
    const executions = store.executions.value;
    const fresh: Said[] = [];
    for (const [index, cell] of store.cells.value.entries()) {
      const execution =
        cell.executionId === undefined ? undefined : readExecution(executions[cell.executionId]);
      if (cell.executionId === undefined || execution === undefined) continue;
      const now = { status: execution.status, asked: execution.pendingInput };
      const text = news(seen.current.get(cell.executionId), now);
      seen.current.set(cell.executionId, now);
      if (text !== undefined) fresh.push({ id: next.current++, text: `Cell ${index + 1} ${text}` });
    }
    if (fresh.length > 0) setSaid((all) => [...all, ...fresh].slice(-KEPT));
  });
  // Each message is a node of its own: what is said twice is heard twice, and nothing that comes at once is left out.
  return (
    <div class="visually-hidden" role="status" aria-live="polite" aria-atomic="false" data-testid="announcer">
      {said.map(({ id, text }) => (
        <p key={id}>{text}</p>
      ))}
    </div>
  );
}

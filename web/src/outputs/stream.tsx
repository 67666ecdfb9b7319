// Stream text: whole, but the page shows its end first when it is long.
import { useMemo, useState } from "preact/hooks";
import { AnsiText } from "./ansi-text";
import { useTexts } from "./content";
import { type ContentRef, sizeOf } from "./model";

const SHOWN_CHARACTERS = 60_000;

/** The last parts that together reach the limit. */
export function tailOf(
  parts: readonly ContentRef[],
  limit: number,
): { parts: readonly ContentRef[]; hidden: number } {
  let size = 0;
  let from = parts.length;
  while (from > 0 && size < limit) {
    from -= 1;
    const part = parts[from];
    if (part) size += sizeOf(part);
  }
  return {
    parts: parts.slice(from),
    hidden: parts.slice(0, from).reduce((sum, part) => sum + sizeOf(part), 0),
  };
}

/** The end of a text from the start of a line, when it is longer than the limit. */
export function cutStart(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const line = text.indexOf("\n", text.length - limit);
  return line < 0 ? text.slice(-limit) : text.slice(line + 1);
}

interface StreamProps {
  notebookId: string;
  name: "stdout" | "stderr";
  parts: readonly ContentRef[];
}

export function StreamOutput({ notebookId, name, parts }: StreamProps) {
  const [all, setAll] = useState(false);
  const tail = all ? { parts, hidden: 0 } : tailOf(parts, SHOWN_CHARACTERS);
  const loaded = useTexts(notebookId, tail.parts);
  const text = loaded.state === "ready" ? loaded.value : "";
  const shown = useMemo(() => (all ? text : cutStart(text, SHOWN_CHARACTERS)), [all, text]);
  const hidden = tail.hidden + text.length - shown.length;
  return (
    <div class={`output output-stream output-${name}`} data-testid={`output-${name}`}>
      {hidden > 0 && (
        <button
          type="button"
          class="button button-quiet show-all"
          data-testid="show-all"
          onClick={() => setAll(true)}
        >
          Show all ({Math.round(hidden / 1_000).toLocaleString()} kB above)
        </button>
      )}
      {loaded.state === "failed" && <p class="output-note">{loaded.why}</p>}
      {loaded.state === "loading" && <p class="output-note">Fetching…</p>}
      {loaded.state === "ready" && (
        <pre>
          <AnsiText text={shown} />
        </pre>
      )}
    </div>
  );
}

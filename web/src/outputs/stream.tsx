// Stream text: whole, but the page shows its end first when it is long.
import { useMemo, useState } from "preact/hooks";
import { AnsiText } from "./ansi-text";
import { useTexts } from "./content";
import { LongText, SHOWN_CHARACTERS, ShowAll } from "./long-text";
import type { ContentRef } from "./model";
import { Scrolled } from "./scrolled";
import { cutStart, tailOf } from "./tail";

interface StreamProps {
  id: string;
  notebookId: string;
  name: "stdout" | "stderr";
  parts: readonly ContentRef[];
}

export function StreamOutput({ id, notebookId, name, parts }: StreamProps) {
  // Another text may come into this place.
  const [asked, setAsked] = useState<string | undefined>();
  const all = asked === id;
  const tail = all ? { parts, hidden: 0 } : tailOf(parts, SHOWN_CHARACTERS);
  const loaded = useTexts(notebookId, tail.parts);
  const text = loaded.state === "ready" ? loaded.value : "";
  const shown = useMemo(() => (all ? text : cutStart(text, SHOWN_CHARACTERS)), [all, text]);
  const hidden = tail.hidden + text.length - shown.length;
  return (
    <div class={`output output-stream output-${name}`} data-testid={`output-${name}`}>
      <ShowAll hidden={hidden} where="above" show={() => setAsked(id)} />
      {loaded.state === "failed" && <p class="output-note">{loaded.why}</p>}
      {loaded.state === "loading" && <p class="output-note">Fetching…</p>}
      {loaded.state === "ready" && (
        <Scrolled fromEnd>{all ? <LongText text={shown} /> : <AnsiText text={shown} />}</Scrolled>
      )}
    </div>
  );
}

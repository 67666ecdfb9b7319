// Very long text: its start or end at first, and in blocks of lines, of which the browser lays out only those on the screen.
import type { ComponentChildren } from "preact";
import { memo } from "preact/compat";
import { useMemo, useState } from "preact/hooks";
import { AnsiText } from "./ansi-text";
import { Scrolled } from "./scrolled";
import { blocksOf, cutEnd } from "./tail";

export const SHOWN_CHARACTERS = 60_000;
const BLOCK_CHARACTERS = 10_000;

const Block = memo(function Block({ text }: { text: string }) {
  return (
    <span class="stream-block">
      <AnsiText text={text} />
    </span>
  );
});

/** Colours that go on across a block's end stop there; only texts beyond one block are cut. */
export function LongText({ text }: { text: string }) {
  const blocks = useMemo(() => blocksOf(text, BLOCK_CHARACTERS), [text]);
  if (blocks.length <= 1) return <AnsiText text={text} />;
  return (
    <>
      {blocks.map((block, i) => (
        <Block key={i} text={block} />
      ))}
    </>
  );
}

interface ShowAllProps {
  hidden: number;
  where: "above" | "below";
  show(): void;
}

export function ShowAll({ hidden, where, show }: ShowAllProps) {
  if (hidden <= 0) return null;
  return (
    <button type="button" class="button button-quiet show-all" data-testid="show-all" onClick={show}>
      Show all ({Math.ceil(hidden / 1_000).toLocaleString()} kB {where})
    </button>
  );
}

interface StartProps {
  /** What it is the text of: another one is cut again. */
  id: string;
  text: string;
  children(shown: string): ComponentChildren;
}

/** The start of a text, and the rest when it is asked for. */
export function Start({ id, text, children }: StartProps) {
  const [asked, setAsked] = useState<string | undefined>();
  const shown = asked === id ? text : cutEnd(text, SHOWN_CHARACTERS);
  return (
    <>
      {children(shown)}
      <ShowAll hidden={text.length - shown.length} where="below" show={() => setAsked(id)} />
    </>
  );
}

/** Terminal text from its start. */
export function TextFromStart({ id, text }: Omit<StartProps, "children">) {
  return (
    <Start id={id} text={text}>
      {(shown) => (
        <Scrolled>
          <LongText text={shown} />
        </Scrolled>
      )}
    </Start>
  );
}

// Very long terminal text in blocks of lines: the browser lays out only those on the screen.
import { memo } from "preact/compat";
import { useMemo } from "preact/hooks";
import { AnsiText } from "./ansi-text";
import { blocksOf } from "./tail";

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

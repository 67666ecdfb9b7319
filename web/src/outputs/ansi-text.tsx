// Terminal text as text nodes in coloured spans.
import { useMemo } from "preact/hooks";
import { ansiPieces } from "./ansi";

export function AnsiText({ text }: { text: string }) {
  const pieces = useMemo(() => ansiPieces(text), [text]);
  return (
    <>
      {pieces.map((piece, i) =>
        piece.classes === "" && piece.color === undefined && piece.background === undefined ? (
          piece.text
        ) : (
          <span
            key={i}
            class={piece.classes}
            style={{ color: piece.color, backgroundColor: piece.background }}
          >
            {piece.text}
          </span>
        ),
      )}
    </>
  );
}

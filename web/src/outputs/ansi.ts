// Terminal text as pieces with a style; never HTML.
import Anser from "anser";

export interface AnsiPiece {
  text: string;
  /** Class names of the sixteen named colours and of the decorations. */
  classes: string;
  /** Colours outside the sixteen, as CSS values. */
  color: string | undefined;
  background: string | undefined;
}

const LEVELS = [0, 95, 135, 175, 215, 255];

function paletteColor(index: number): string {
  if (index >= 232) {
    const grey = 8 + (index - 232) * 10;
    return `rgb(${grey}, ${grey}, ${grey})`;
  }
  const cube = index - 16;
  const level = (n: number) => LEVELS[n % 6] ?? 0;
  return `rgb(${level(Math.floor(cube / 36))}, ${level(Math.floor(cube / 6))}, ${level(cube)})`;
}

function custom(name: string | null, truecolor: string | null): string | undefined {
  if (name === "ansi-truecolor" && truecolor && /^\d+, ?\d+, ?\d+$/.test(truecolor))
    return `rgb(${truecolor})`;
  const palette = /^ansi-palette-(\d+)$/.exec(name ?? "");
  return palette ? paletteColor(Number(palette[1])) : undefined;
}

export function ansiPieces(text: string): AnsiPiece[] {
  if (!text.includes("\u001b")) {
    return text === "" ? [] : [{ text, classes: "", color: undefined, background: undefined }];
  }
  return Anser.ansiToJson(text, { use_classes: true, remove_empty: true, json: true }).map((piece) => {
    const given = custom(piece.fg, piece.fg_truecolor);
    // Colours chosen for some terminal's background: drawn towards the ink, so that they can be read on ours.
    const color = given && `color-mix(in oklab, ${given} 55%, var(--ink))`;
    const background = custom(piece.bg, piece.bg_truecolor);
    const classes = [
      piece.fg && color === undefined ? `${piece.fg}-fg` : "",
      piece.bg && background === undefined ? `${piece.bg}-bg` : "",
      ...piece.decorations.map((decoration) => `ansi-${decoration}`),
    ];
    return { text: piece.content, classes: classes.filter(Boolean).join(" "), color, background };
  });
}

// Terminal text as pieces with a style; never HTML.
import { luminance } from "./ink";

export interface AnsiPiece {
  text: string;
  /** Class names of the decorations. */
  classes: string;
  /** Colours as CSS values. */
  color: string | undefined;
  background: string | undefined;
}

type Rgb = readonly number[];
/** One of the sixteen by its number, or any other. */
type Color = number | Rgb | undefined;

interface Style {
  ink: Color;
  ground: Color;
  /** The codes from 1 to 9 that hold. */
  on: Set<number>;
}

/** What may stand between the start of a sequence and its end. */
const SEQUENCE = /^([0-?]*)[ -/]*([@-~])/;
const LEVELS = [0, 95, 135, 175, 215, 255];
/** The sixteen where a ground is given: what is chosen to go with it follows no theme. */
const SIXTEEN = [
  0x1c2024, 0xb3372b, 0x2c7d54, 0xe3c46a, 0x2f6286, 0x8d3f8f, 0x1e7480, 0xe5e7e9, 0x5b636b, 0xef8a7d,
  0x79cc9f, 0xf4e08c, 0x86b9da, 0xd59bd7, 0x74c5cf, 0xffffff,
];
const WHITE = 7;
const REVERSED = 7;
const DECORATIONS = ["", "bold", "dim", "italic", "underline", "", "", "", "", "strikethrough"];
/** Luminance at which black and white are read equally well. */
const MIDDLE = 0.179;
const READABLE = 4.5;

function paletteColor(index: number): Color {
  if (index < 16) return index;
  if (index >= 232) return Array(3).fill(8 + (index - 232) * 10);
  const cube = index - 16;
  return [cube / 36, cube / 6, cube].map((part) => LEVELS[Math.floor(part) % 6] ?? 0);
}

/** What follows 38 and 48, and 58 for the line below. */
function takeColor(codes: number[]): Color {
  const kind = codes.shift();
  const parts = kind === 2 ? codes.splice(0, 3) : kind === 5 ? codes.splice(0, 1) : [];
  if (parts.length === 0 || parts.some((part) => part > 255)) return undefined;
  return kind === 2 ? parts : paletteColor(parts[0] ?? 0);
}

function apply(style: Style, codes: number[]): void {
  for (let code = codes.shift(); code !== undefined; code = codes.shift()) {
    const [tens, ones] = [Math.floor(code / 10), code % 10];
    const place = tens === 3 || tens === 9 ? "ink" : "ground";
    if (code === 0) {
      style.ink = style.ground = undefined;
      style.on.clear();
    } else if (tens === 0) {
      style.on.add(code);
    } else if (tens === 2) {
      style.on.delete(ones);
      if (ones === 2) style.on.delete(1);
    } else if (tens === 3 || tens === 4) {
      style[place] = ones < 8 ? ones : ones === 8 ? takeColor(codes) : undefined;
    } else if (code === 58) {
      takeColor(codes);
    } else if ((tens === 9 || tens === 10) && ones < 8) {
      style[place] = ones + 8;
    }
  }
}

function rgbOf(color: number | Rgb): Rgb {
  if (typeof color !== "number") return color;
  const hex = SIXTEEN[color] ?? 0;
  return [hex >> 16, (hex >> 8) & 255, hex & 255];
}

const css = (color: Rgb) => `rgb(${color.map(Math.round).join(", ")})`;

/** Black or white; a given ink moved there as far as it takes to be read on the ground. */
function readable(ink: Rgb | undefined, ground: Rgb): Rgb {
  const of = luminance(ground);
  const end = of > MIDDLE ? 0 : 255;
  for (let part = 0; ink !== undefined && part < 1; part += 0.1) {
    const moved = ink.map((channel) => channel + (end - channel) * part);
    const other = luminance(moved);
    if ((Math.max(of, other) + 0.05) / (Math.min(of, other) + 0.05) >= READABLE) return moved;
  }
  return [end, end, end];
}

function colors({ ink, ground, on }: Style): Pick<AnsiPiece, "color" | "background"> {
  const isReversed = on.has(REVERSED);
  if (isReversed && ink === undefined && ground === undefined)
    return { color: "var(--surface)", background: "var(--ink)" };
  const [over, under] = isReversed ? [ground, ink ?? WHITE] : [ink, ground];
  if (under !== undefined) {
    const background = rgbOf(under);
    const color = readable(over === undefined ? over : rgbOf(over), background);
    return { color: css(color), background: css(background) };
  }
  // Colours chosen for some terminal's background: drawn towards the ink, so that they can be read on ours.
  const color =
    typeof over === "number"
      ? `var(--ansi-${over % 8})`
      : over && `color-mix(in oklab, ${css(over)} 55%, var(--ink))`;
  return { color, background: undefined };
}

export function ansiPieces(text: string): AnsiPiece[] {
  const style: Style = { ink: undefined, ground: undefined, on: new Set() };
  const pieces: AnsiPiece[] = [];
  for (const [i, part] of text.split("\u001b[").entries()) {
    const [all = "", codes = "", end] = (i > 0 && SEQUENCE.exec(part)) || [];
    if (end === "m" && /^[\d;]*$/.test(codes)) apply(style, codes.split(";").map(Number));
    if (part.length === all.length) continue;
    const classes = [...style.on].flatMap((code) => (DECORATIONS[code] ? `ansi-${DECORATIONS[code]}` : []));
    pieces.push({ text: part.slice(all.length), classes: classes.join(" "), ...colors(style) });
  }
  return pieces;
}

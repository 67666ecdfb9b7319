// The end of a long stream: which parts to fetch, and where to cut.
import { type ContentRef, sizeOf } from "./model";

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

/** How far from where it is cut a text may be cut at the end of a line; a longer line is cut through. */
const LINE_CHARACTERS = 2_000;

/** The end of a text, from the start of a line if one is near, when it is longer than the limit. */
export function cutStart(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const from = text.length - limit;
  const line = text.indexOf("\n", from);
  return text.slice(line < 0 || line > from + Math.min(LINE_CHARACTERS, limit / 2) ? from : line + 1);
}

/** The start of a text, to the end of a line if one is near, when it is longer than the limit. */
export function cutEnd(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const line = text.lastIndexOf("\n", limit);
  return text.slice(0, line < limit - Math.min(LINE_CHARACTERS, limit / 2) ? limit : line);
}

/** How many times its size a block may be for want of the end of a line. */
const LONGEST_BLOCK = 10;

/** The text in blocks of whole lines, each with at least so many characters but the last; a very long line is cut. */
export function blocksOf(text: string, size: number): string[] {
  const blocks: string[] = [];
  let from = 0;
  while (from < text.length) {
    const line = from + size >= text.length ? -1 : text.indexOf("\n", from + size);
    const to = line < 0 ? text.length : line + 1;
    blocks.push(text.slice(from, Math.min(to, from + LONGEST_BLOCK * size)));
    from += blocks.at(-1)?.length ?? 0;
  }
  return blocks;
}

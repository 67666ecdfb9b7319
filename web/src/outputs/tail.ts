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

/** The end of a text from the start of a line, when it is longer than the limit. */
export function cutStart(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const line = text.indexOf("\n", text.length - limit);
  return line < 0 ? text.slice(-limit) : text.slice(line + 1);
}

/** The text in blocks of whole lines, each with at least so many characters but the last. */
export function blocksOf(text: string, size: number): string[] {
  const blocks: string[] = [];
  let from = 0;
  while (from < text.length) {
    const line = from + size >= text.length ? -1 : text.indexOf("\n", from + size);
    const to = line < 0 ? text.length : line + 1;
    blocks.push(text.slice(from, to));
    from = to;
  }
  return blocks;
}

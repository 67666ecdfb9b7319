// Fractional positions of cells: upper-case hex byte strings ordered byte by byte (DOC 4.5).

const TERMINATOR = 0x80;
const DEFAULT = "80";

function parse(text: string): number[] | undefined {
  if (text.length === 0 || text.length % 2 !== 0 || !/^[0-9A-Fa-f]+$/.test(text)) return undefined;
  return (text.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16));
}

function format(bytes: readonly number[]): string {
  return bytes.map((byte) => byte.toString(16).toUpperCase().padStart(2, "0")).join("");
}

function afterBytes(x: readonly number[]): number[] | undefined {
  for (const [i, byte] of x.entries()) {
    if (byte < TERMINATOR) return [...x.slice(0, i), TERMINATOR];
    if (byte < 0xff) return [...x.slice(0, i), byte + 1, TERMINATOR];
  }
  return undefined;
}

function beforeBytes(x: readonly number[]): number[] | undefined {
  for (const [i, byte] of x.entries()) {
    if (byte > TERMINATOR) return [...x.slice(0, i), TERMINATOR];
    if (byte > 0) return [...x.slice(0, i), byte - 1, TERMINATOR];
  }
  return undefined;
}

function prefixed(head: readonly number[], tail: number[] | undefined): number[] | undefined {
  return tail && [...head, ...tail];
}

function betweenBytes(l: readonly number[], r: readonly number[]): number[] | undefined {
  const shared = Math.min(l.length, r.length) - 1;
  for (let i = 0; i < shared; i += 1) {
    const a = l[i] ?? 0;
    const b = r[i] ?? 0;
    if (a < b - 1) return [...l.slice(0, i), a + Math.floor((b - a) / 2), TERMINATOR];
    if (a === b - 1) return prefixed(l.slice(0, i + 1), afterBytes(l.slice(i + 1)));
    if (a > b) return undefined;
  }
  if (l.length < r.length) {
    if ((r[l.length - 1] ?? 0) < TERMINATOR) return undefined;
    return prefixed(r.slice(0, l.length), beforeBytes(r.slice(l.length)));
  }
  if (l.length > r.length) {
    if ((l[r.length - 1] ?? 0) >= TERMINATOR) return undefined;
    return prefixed(l.slice(0, r.length), afterBytes(l.slice(r.length)));
  }
  return undefined;
}

function apply(text: string, step: (x: readonly number[]) => number[] | undefined): string | undefined {
  const bytes = parse(text);
  const result = bytes && step(bytes);
  return result && format(result);
}

/** Positions come from peers: one that cannot be read falls back to the default. */
export function after(position: string): string {
  return apply(position, afterBytes) ?? DEFAULT;
}

export function before(position: string): string {
  return apply(position, beforeBytes) ?? DEFAULT;
}

export function between(left: string, right: string): string | undefined {
  const l = parse(left);
  const r = parse(right);
  const result = l && r && betweenBytes(l, r);
  return result && format(result);
}

/** The position of a cell put after the given index of a sorted list; -1 puts it first. */
export function positionAfter(sorted: readonly string[], index: number): string {
  const first = sorted[0];
  if (first === undefined) return DEFAULT;
  if (index < 0) return before(first);
  const left = sorted[Math.min(index, sorted.length - 1)] ?? first;
  const right = sorted[index + 1];
  return right === undefined ? after(left) : (between(left, right) ?? after(left));
}

// Values as they are put into documents (documents 2.2).
import type { Automerge } from "./automerge";
import { stringOf } from "./shapes";

/**
 * A whole number is an integer in a document. Within a list or map that is put whole the library would write 0 and what
 * is negative as floating point, which a kernel does not take where it wants an integer; a bigint it writes as it is.
 */
function storedNumber(value: number): number | bigint {
  return Number.isSafeInteger(value) ? BigInt(value) : value;
}

function storedIn(value: object, item: (value: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map(item);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, item(inner)]));
}

/** JSON: its strings are scalars. */
export function storedJson(api: Automerge, value: unknown): unknown {
  if (typeof value === "string") return new api.ImmutableString(value);
  if (typeof value === "number") return storedNumber(value);
  if (typeof value !== "object" || value === null) return value ?? null;
  return storedIn(value, (item) => storedJson(api, item));
}

/** A copy of what a document holds, or held, that can be put into a document; a Text stays one, and a scalar string too. */
export function stored(api: Automerge, value: unknown): unknown {
  if (typeof value === "number") return storedNumber(value);
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Uint8Array || value instanceof Date) return value;
  const scalar = stringOf(value);
  if (scalar !== undefined) return new api.ImmutableString(scalar);
  return storedIn(value, (item) => stored(api, item));
}

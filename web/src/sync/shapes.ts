// What the documents hold as this side sees it. Values come from other peers: read them with the helpers below.

export interface NotebookDoc {
  cells?: Record<string, unknown>;
  metadata?: Record<string, unknown>;
  [key: string]: unknown;
}

export interface RuntimeDoc {
  kernel?: Record<string, unknown>;
  queue?: Record<string, unknown>;
  executions?: Record<string, unknown>;
  workstation?: Record<string, unknown> | null;
  [key: string]: unknown;
}

export interface CommsDoc {
  /** The traits of each comm, by its id. */
  comms?: Record<string, Record<string, unknown>>;
  [key: string]: unknown;
}

/** A scalar string arrives as an object with `val`, a Text as a plain string; both read as text. */
export function stringOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "object" && value !== null && "val" in value && typeof value.val === "string") {
    return value.val;
  }
  return undefined;
}

export function mapOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return stringOf(value) === undefined ? (value as Record<string, unknown>) : undefined;
}

export function countOf(value: unknown): number | undefined {
  if (typeof value === "bigint") return Number(value);
  return typeof value === "number" && Number.isInteger(value) && value >= 0 ? value : undefined;
}

/** A plain JSON copy, with scalar strings unwrapped. */
export function plain(value: unknown): unknown {
  const text = stringOf(value);
  if (text !== undefined) return text;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "bigint") return Number(value);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

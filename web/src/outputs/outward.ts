// What frames say of links, files, what they may not load, how they failed, and the keyboard: checked by shape, since other people's
// code says it.
import { record, text } from "../api/shape";

const MAX_ADDRESS = 8_192;
const MAX_FILE = 64 * 1024 * 1024;
const MAX_NAME = 120;
const MAX_WHY = 300;
const SCHEMES: readonly string[] = ["http:", "https:", "mailto:"];
/** Bytes of a file are never opened, only saved. */
const FILE_TYPE = "application/octet-stream";

const KINDS = ["code", "picture", "page", "other"] as const;

export type BlockedKind = (typeof KINDS)[number];

export interface Blocked {
  kind: BlockedKind;
  host: string;
}

export type Outward =
  | { type: "link"; address: string }
  | { type: "file"; name: string; bytes: Blob }
  | { type: "scroll"; top: number }
  | { type: "blocked"; blocked: Blocked }
  | { type: "failed"; why: string }
  | { type: "pressed" }
  | { type: "left" };

/** An address that may be opened in a window of its own; never one that runs here. */
export function safeAddress(href: string | undefined): string | undefined {
  if (href === undefined || href.length > MAX_ADDRESS || !URL.canParse(href)) return undefined;
  const url = new URL(href);
  return SCHEMES.includes(url.protocol) ? url.href : undefined;
}

/** A file's name without folders, invisible characters and what hides its ending. */
export function safeName(name: string | undefined): string {
  const last = (name ?? "").split(/[/\\]/).at(-1) ?? "";
  const clean = last
    .replace(/[\p{C}<>:"|?*]/gu, "")
    .replace(/\s+/g, " ")
    .replace(/^[. ]+|[. ]+$/g, "");
  if (clean.length <= MAX_NAME) return clean || "download";
  const ending = /\.\w{1,10}$/.exec(clean)?.[0] ?? "";
  return clean.slice(0, MAX_NAME - ending.length) + ending;
}

/** The bytes of a `data:` address. */
export function dataBytes(href: string): Blob | undefined {
  const comma = href.indexOf(",");
  if (!/^data:/i.test(href) || comma < 0 || href.length > 2 * MAX_FILE) return undefined;
  const content = href.slice(comma + 1);
  try {
    // A `%` that begins no character's code stands for itself.
    const plain = decodeURIComponent(content.replace(/%(?![0-9a-f]{2})/gi, "%25"));
    if (!/;\s*base64\s*$/i.test(href.slice(0, comma))) return new Blob([plain], { type: FILE_TYPE });
    const bytes = Uint8Array.from(atob(plain), (char) => char.charCodeAt(0));
    return new Blob([bytes], { type: FILE_TYPE });
  } catch {
    return undefined;
  }
}

function readBlocked(what: string | undefined, uri: string | undefined): Outward | undefined {
  const address = safeAddress(uri);
  const host = address === undefined ? "" : new URL(address).host;
  if (host === "") return undefined;
  const kind = KINDS.find((one) => one === what) ?? "other";
  return { type: "blocked", blocked: { kind, host } };
}

export function readOutward(data: unknown): Outward | undefined {
  const shape = record(data);
  switch (shape?.type) {
    case "frame-link": {
      const address = safeAddress(text(shape, "href"));
      return address === undefined ? undefined : { type: "link", address };
    }
    case "frame-file": {
      const given = shape.blob instanceof Blob ? shape.blob : dataBytes(text(shape, "href") ?? "");
      if (given === undefined || given.size > MAX_FILE) return undefined;
      const name = safeName(text(shape, "name"));
      return { type: "file", name, bytes: given.slice(0, given.size, FILE_TYPE) };
    }
    case "frame-scroll":
      return Number.isFinite(shape.top) ? { type: "scroll", top: Number(shape.top) } : undefined;
    case "frame-blocked":
      return readBlocked(text(shape, "what"), text(shape, "uri"));
    case "frame-failed": {
      const why = text(shape, "why")?.slice(0, MAX_WHY);
      return why ? { type: "failed", why } : undefined;
    }
    case "frame-pressed":
      return { type: "pressed" };
    case "frame-left":
      return { type: "left" };
    default:
      return undefined;
  }
}

// Widget state as CommsDoc holds it: native values, and references to blobs (documents 9, 13.5).
import { blobBytes, blobText } from "../api/blobs";
import { number, record, type Shape, text } from "../api/shape";
import { plain } from "../sync/shapes";

const IPY_MODEL = "IPY_MODEL_";
const VIEW_MIME = "application/vnd.jupyter.widget-view+json";
/** Models of ipywidgets that act on others without being shown: they keep two traits equal. */
const LINKS: readonly unknown[] = ["LinkModel", "DirectionalLinkModel"];

interface BlobRef {
  blob: string;
  size: number;
  mediaType: string;
}

/** A map with exactly the keys of a reference. */
function readRef(shape: Shape): BlobRef | undefined {
  const blob = text(shape, "blob");
  const isRef =
    blob !== undefined &&
    /^[0-9a-f]{64}$/.test(blob) &&
    Object.keys(shape).every((key) => key === "blob" || key === "size" || key === "media_type");
  if (!isRef) return undefined;
  const mediaType = text(shape, "media_type") ?? "application/octet-stream";
  return { blob, size: number(shape, "size") ?? 0, mediaType };
}

async function fetched(notebookId: string, { blob, size, mediaType }: BlobRef): Promise<unknown> {
  if (mediaType === "application/json") return JSON.parse(await blobText(notebookId, blob, size));
  if (mediaType.startsWith("text/")) return blobText(notebookId, blob, size);
  return new DataView((await blobBytes(notebookId, blob, size)).slice(0));
}

async function resolve(notebookId: string, value: unknown): Promise<unknown> {
  if (Array.isArray(value)) return Promise.all(value.map((item) => resolve(notebookId, item)));
  const shape = record(value);
  if (shape === undefined) return value;
  const ref = readRef(shape);
  if (ref !== undefined) return fetched(notebookId, ref);
  const entries = Object.entries(shape).map(
    async ([key, item]) => [key, await resolve(notebookId, item)] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

/** A copy of what the document holds, with what lies in blobs put in its place. */
export async function resolveState(notebookId: string, state: Shape): Promise<Record<string, unknown>> {
  return (await resolve(notebookId, plain(state))) as Record<string, unknown>;
}

function findIds(value: unknown, found: (id: string) => void): void {
  if (typeof value === "string") {
    if (value.startsWith(IPY_MODEL)) found(value.slice(IPY_MODEL.length));
  } else if (Array.isArray(value)) {
    for (const item of value) findIds(item, found);
  } else if (typeof value === "object" && value !== null && !ArrayBuffer.isView(value)) {
    const id = text(record((value as Shape)[VIEW_MIME]), "model_id");
    if (id !== undefined) found(id);
    for (const item of Object.values(value)) findIds(item, found);
  }
}

/** The models that a resolved state names: its children, its layout, what it captured. */
export function namedIn(state: Shape): string[] {
  const ids: string[] = [];
  findIds(state, (id) => ids.push(id));
  return ids;
}

export function isLink(state: Shape): boolean {
  return LINKS.includes(plain(state._model_name));
}

/** Whether two plain values are the same JSON. */
export function isSame(one: unknown, other: unknown): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}

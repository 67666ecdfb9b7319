// What stands in CommsDoc in place of a value: its text in a map, or a reference to a blob (documents 13.5).
import { blobBytes, blobText } from "../api/blobs";
import { number, record, text } from "../api/shape";
import { mimeKind } from "../outputs/mime-kind";

export interface BlobRef {
  blob: string;
  size: number;
  mediaType: string | undefined;
}

/** The text of a map with exactly that key. */
export function readInline(value: unknown): string | undefined {
  const shape = record(value);
  return shape !== undefined && Object.keys(shape).length === 1 ? text(shape, "inline") : undefined;
}

/** A map with exactly the keys of a reference. */
export function readRef(value: unknown): BlobRef | undefined {
  const shape = record(value);
  const blob = text(shape, "blob");
  const isRef =
    shape !== undefined &&
    blob !== undefined &&
    /^[0-9a-f]{64}$/.test(blob) &&
    Object.keys(shape).every((key) => key === "blob" || key === "size" || key === "media_type");
  if (!isRef) return undefined;
  return { blob, size: number(shape, "size") ?? 0, mediaType: text(shape, "media_type") };
}

export async function fetchedValue(notebookId: string, { blob, size, mediaType }: BlobRef): Promise<unknown> {
  const kind = mimeKind(mediaType ?? "application/octet-stream");
  if (kind === "binary") return new DataView((await blobBytes(notebookId, blob, size)).slice(0));
  const content = await blobText(notebookId, blob, size);
  return kind === "json" ? JSON.parse(content) : content;
}

// The pictures attached to a cell (documents 4.9): by name and MIME type, their bytes in blobs.
import { blobObjectUrl } from "../api/blobs";
import { record, text } from "../api/shape";
import type { FindPicture } from "./markdown-pictures";

const PREFERRED = ["png", "jpeg", "gif", "webp", "svg+xml", "avif", "bmp", "x-icon", "tiff"].map(
  (kind) => `image/${kind}`,
);

/** The MIME type and the blob of an attached picture. */
export function attachedPicture(
  attachments: unknown,
  name: string,
): { mime: string; hash: string } | undefined {
  const all = record(attachments);
  const bundle = all && Object.hasOwn(all, name) ? record(all[name]) : undefined;
  if (bundle === undefined) return undefined;
  const others = Object.keys(bundle)
    .filter((mime) => mime.startsWith("image/"))
    .sort();
  const mime = [...PREFERRED, ...others].find((one) => Object.hasOwn(bundle, one));
  const hash = mime === undefined ? undefined : text(record(bundle[mime]), "blob_hash");
  if (mime === undefined || hash === undefined || !/^[0-9a-f]{64}$/.test(hash)) return undefined;
  return { mime, hash };
}

export function findIn(notebookId: string, attachments: unknown): FindPicture {
  return (name) => {
    const found = attachedPicture(attachments, name);
    return found && blobObjectUrl(notebookId, found.hash, 0, found.mime);
  };
}

// Versions of a notebook: kept by the server, shown as they were, begun anew as notebooks of their own.
import type { PageOf } from "../ui/pages";
import { ApiError, call } from "./http";
import { list, record, type Shape, text } from "./shape";

export interface Revision {
  id: string;
  title: string | undefined;
  createdAt: string | undefined;
  /** Who made it, as far as that is known. */
  author: string | undefined;
}

const path = (id: string) => `/api/n/${encodeURIComponent(id)}/revisions`;
const one = (id: string, revision: string) => `${path(id)}/${encodeURIComponent(revision)}`;

function readRevision(shape: Shape): Revision | undefined {
  const id = text(shape, "id");
  if (id === undefined) return undefined;
  return {
    id,
    title: text(shape, "title"),
    createdAt: text(shape, "created_at"),
    author: text(shape, "author_display"),
  };
}

export async function listRevisions(id: string, cursor?: string): Promise<PageOf<Revision, string>> {
  const query = cursor === undefined ? "" : `?${new URLSearchParams({ cursor })}`;
  const shape = await call("GET", `${path(id)}${query}`);
  return { rows: list(shape.revisions, readRevision), next: text(shape, "next_cursor") };
}

/** Keeps what the notebook shows now. */
export async function takeRevision(id: string, title: string): Promise<void> {
  await call("POST", path(id), title === "" ? {} : { title });
}

export async function deleteRevision(id: string, revision: string): Promise<void> {
  await call("DELETE", one(id, revision));
}

/** A new notebook that begins with the version; its id. */
export async function restoreRevision(id: string, revision: string): Promise<string> {
  const made = text(await call("POST", `${one(id, revision)}/restore`, {}), "notebook_id");
  if (made === undefined) throw new Error("The server did not name the new notebook.");
  return made;
}

export interface RevisionInfo {
  revision: Revision;
  notebookTitle: string | undefined;
}

export async function getRevision(id: string, revision: string): Promise<RevisionInfo> {
  const shape = await call("GET", one(id, revision));
  const found = readRevision(record(shape.revision) ?? {});
  if (found === undefined) throw new Error("The server's answer names no version.");
  return { revision: found, notebookTitle: text(shape, "notebook_title") };
}

/** A document of a version as it was saved. */
export async function revisionDocument(
  id: string,
  revision: string,
  kind: "notebook" | "runtime",
): Promise<Uint8Array> {
  const response = await fetch(`${one(id, revision)}/documents/${kind}`, { credentials: "same-origin" });
  if (!response.ok) throw new ApiError(response.status, "The version's documents cannot be fetched.");
  return new Uint8Array(await response.arrayBuffer());
}

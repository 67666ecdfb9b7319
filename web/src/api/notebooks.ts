// The catalog of notebooks (CP 3.1 to 3.4).
import { shortPrincipal } from "./access";
import { call } from "./http";
import { flag, list, number, record, type Shape, text } from "./shape";

/** Which notebooks of a person: everything, their own, what others shared, the trash. */
export type View = "all" | "owned" | "shared" | "trash";

export interface NotebookRow {
  id: string;
  title: string | undefined;
  ownerPrincipal: string;
  /** The owner's name, or what is known instead. */
  owner: string;
  scope: string;
  updatedAt: string | undefined;
  trashedAt: string | undefined;
  language: string | undefined;
  /** Others who may edit and are in it now. */
  people: readonly string[];
  /** The machine that serves it now. */
  compute: { name: string; status: string } | undefined;
}

export interface Listing {
  rows: NotebookRow[];
  total: number;
  /** Where the next page begins, if there is one. */
  next: string | undefined;
  me: string | undefined;
}

const path = (id: string) => `/api/n/${encodeURIComponent(id)}`;

function readRow(shape: Shape): NotebookRow | undefined {
  const id = text(shape, "notebook_id");
  if (id === undefined) return undefined;
  const compute = record(shape.compute_session);
  const name = text(compute, "workstation_display_name") ?? text(compute, "workstation_id");
  const ownerPrincipal = text(shape, "owner_principal") ?? "";
  return {
    id,
    title: text(shape, "title"),
    ownerPrincipal,
    owner: text(shape, "owner_display") ?? shortPrincipal(ownerPrincipal),
    scope: text(shape, "scope") ?? "viewer",
    updatedAt: text(shape, "updated_at"),
    trashedAt: text(shape, "trashed_at"),
    language: text(shape, "language"),
    people: list(
      shape.peers,
      (peer) => text(peer, "display_name") ?? shortPrincipal(text(peer, "participant_key") ?? ""),
    ),
    compute: name === undefined ? undefined : { name, status: text(compute, "status") ?? "" },
  };
}

interface Asked {
  view: View;
  search: string;
  limit: number;
  cursor?: string | undefined;
}

export async function listNotebooks({ view, search, limit, cursor }: Asked): Promise<Listing> {
  const query = new URLSearchParams({ limit: String(limit) });
  if (view !== "all") query.set("view", view);
  if (search !== "") query.set("q", search);
  if (cursor !== undefined) query.set("cursor", cursor);
  const shape = await call("GET", `/api/n?${query}`);
  return {
    rows: list(shape.notebooks, readRow),
    total: number(shape, "total_count") ?? 0,
    next: text(shape, "next_cursor"),
    me: text(shape, "current_user_principal"),
  };
}

async function made(path: string, body: unknown): Promise<string> {
  const id = text(await call("POST", path, body), "notebook_id");
  if (id === undefined) throw new Error("The server did not name the new notebook.");
  return id;
}

export function createNotebook(title: string): Promise<string> {
  return made("/api/n", { title });
}

/** A new notebook with the content of an .ipynb file, titled after it. */
export function importNotebook(fileName: string, content: unknown): Promise<string> {
  const title = fileName.replace(/\.ipynb$/i, "").slice(0, 160);
  return made("/api/n", { title, source_notebook_name: fileName.slice(0, 256), content });
}

export function duplicateNotebook(id: string): Promise<string> {
  return made(`${path(id)}/duplicate`, {});
}

export async function trashNotebook(id: string): Promise<void> {
  await call("POST", `${path(id)}/trash`);
}

export async function restoreNotebook(id: string): Promise<void> {
  await call("POST", `${path(id)}/restore`);
}

/** Deletes a notebook that is in the trash; there is no way back. */
export async function deleteNotebook(id: string): Promise<void> {
  await call("DELETE", path(id));
}

export function downloadUrl(id: string): string {
  return `${path(id)}/download`;
}

export interface NotebookInfo {
  title: string | undefined;
  scope: "owner" | "editor" | "viewer";
  /** Whether this person may run cells (D14). */
  mayRun: boolean;
  /** Minutes without a running cell after which compute stops; 0 is never, nothing is what the machine says. */
  idleMinutes: number | undefined;
}

export async function getNotebook(id: string): Promise<NotebookInfo> {
  const shape = await call("GET", path(id));
  const access = record(shape.access);
  const scope = text(access, "scope");
  return {
    title: text(record(shape.notebook), "title"),
    scope: scope === "owner" || scope === "editor" ? scope : "viewer",
    mayRun: scope === "owner" || flag(access, "may_run"),
    idleMinutes: number(record(shape.notebook), "idle_minutes"),
  };
}

export async function renameNotebook(id: string, title: string): Promise<string | undefined> {
  const shape = await call("PATCH", path(id), { title });
  return text(shape, "title");
}

/** When unused compute stops; the owner's to say. */
export async function setIdleMinutes(id: string, minutes: number | undefined): Promise<void> {
  await call("PATCH", `${path(id)}/compute`, { idle_minutes: minutes ?? null });
}

/** Attaches a workstation, or starts its kernel afresh when it is attached already (CP 2.16). */
export async function attach(id: string, workstationId: string, restart: boolean): Promise<void> {
  const body = restart
    ? { workstation_id: workstationId, intent: "restart" }
    : { workstation_id: workstationId };
  await call("POST", `${path(id)}/workstation-attachments`, body);
}

/** Ends the work of a machine that is away: what waits and what runs there reads as not finished (CP 2.24). */
export async function endWork(id: string): Promise<void> {
  await call("POST", `${path(id)}/runtime-state-repair`, {
    reason: "The owner gave up waiting.",
    force: false,
  });
}

export function blobsUrl(notebookId: string): string {
  return `${path(notebookId)}/blobs`;
}

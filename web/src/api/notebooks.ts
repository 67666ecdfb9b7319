// The catalog of notebooks (CP 3.1 to 3.4).
import { call } from "./http";
import { list, record, type Shape, text } from "./shape";

export interface NotebookRow {
  id: string;
  title: string | undefined;
  owner: string;
  scope: string;
  updatedAt: string | undefined;
  /** Name of the machine that serves it now. */
  compute: { name: string; status: string } | undefined;
}

const path = (id: string) => `/api/n/${encodeURIComponent(id)}`;

function readRow(shape: Shape): NotebookRow | undefined {
  const id = text(shape, "notebook_id");
  if (id === undefined) return undefined;
  const compute = record(shape.compute_session);
  const name = text(compute, "workstation_display_name");
  return {
    id,
    title: text(shape, "title"),
    owner: text(shape, "owner_display") ?? text(shape, "owner_principal") ?? "",
    scope: text(shape, "scope") ?? "viewer",
    updatedAt: text(shape, "updated_at"),
    compute: name === undefined ? undefined : { name, status: text(compute, "status") ?? "" },
  };
}

export async function listNotebooks(): Promise<NotebookRow[]> {
  const shape = await call("GET", "/api/n?limit=500");
  return list(shape.notebooks, readRow);
}

export async function createNotebook(title: string): Promise<string> {
  const shape = await call("POST", "/api/n", { title });
  const id = text(shape, "notebook_id");
  if (id === undefined) throw new Error("The server did not name the new notebook.");
  return id;
}

export interface NotebookInfo {
  title: string | undefined;
  scope: "owner" | "editor" | "viewer";
}

export async function getNotebook(id: string): Promise<NotebookInfo> {
  const shape = await call("GET", path(id));
  const scope = text(record(shape.access), "scope");
  return {
    title: text(record(shape.notebook), "title"),
    scope: scope === "owner" || scope === "editor" ? scope : "viewer",
  };
}

export async function renameNotebook(id: string, title: string): Promise<string | undefined> {
  const shape = await call("PATCH", path(id), { title });
  return text(shape, "title");
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

export function blobUrl(notebookId: string, hash: string): string {
  return `${path(notebookId)}/blobs/${hash}`;
}

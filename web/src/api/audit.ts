// The audit trail: what the caller did and what was done to them, or what happened to one notebook.
import type { PageOf } from "../ui/pages";
import { call } from "./http";
import { list, number, type Shape, text } from "./shape";

export interface AuditEvent {
  id: number;
  at: string | undefined;
  actorLabel: string;
  actorName: string | undefined;
  action: string;
  notebookId: string | undefined;
  notebookTitle: string | undefined;
  subject: string | undefined;
  subjectName: string | undefined;
  detail: string | undefined;
}

const PAGE = 30;

function readEvent(row: Shape): AuditEvent | undefined {
  const id = number(row, "id");
  const action = text(row, "action");
  if (id === undefined || action === undefined) return undefined;
  return {
    id,
    at: text(row, "at"),
    actorLabel: text(row, "actor_label") ?? "",
    actorName: text(row, "actor_display"),
    action,
    notebookId: text(row, "notebook_id"),
    notebookTitle: text(row, "notebook_title"),
    subject: text(row, "subject"),
    subjectName: text(row, "subject_display"),
    detail: text(row, "detail"),
  };
}

/** A page of the caller's own trail, or of a notebook's for its owners. */
export async function listAudit(
  notebookId: string | undefined,
  before?: number,
): Promise<PageOf<AuditEvent, number>> {
  const query = new URLSearchParams({ limit: String(PAGE) });
  if (before !== undefined) query.set("before", String(before));
  const of = notebookId === undefined ? "/api/audit" : `/api/n/${encodeURIComponent(notebookId)}/audit`;
  const shape = await call("GET", `${of}?${query}`);
  return { rows: list(shape.events, readEvent), next: number(shape, "next_before") };
}

// Who may do what with a notebook: people, invitations by e-mail address, the public link, requests (CP 3.5 to 3.7).
import { call } from "./http";
import { flag, list, record, type Shape, text } from "./shape";

/** What a person may do; `runner` is an editor with the run right, `machine` serves kernels only. */
export type Role = "viewer" | "editor" | "runner" | "owner" | "machine";

const RANK: readonly Role[] = ["machine", "viewer", "editor", "runner", "owner"];

export interface Person {
  principal: string;
  name: string;
  email: string | undefined;
  role: Role;
  /** The scopes of the person's rows; the highest counts. */
  scopes: readonly string[];
}

export interface Access {
  people: Person[];
  isPublic: boolean;
}

export interface Invite {
  id: string;
  email: string;
  scope: "viewer" | "editor";
  createdAt: string | undefined;
}

export interface AccessRequest {
  id: string;
  principal: string;
  name: string;
  email: string | undefined;
  status: string;
  createdAt: string | undefined;
}

const path = (id: string) => `/api/n/${encodeURIComponent(id)}`;

/** A principal without its scheme: `user:dev:ada` reads `ada`. */
export function shortPrincipal(principal: string): string {
  const id = principal.slice(principal.lastIndexOf(":") + 1);
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}

/** How a principal is called: the name the server knows, or what is left of the principal. */
export function readDisplay(value: unknown, principal: string): { name: string; email: string | undefined } {
  const shape = record(value);
  const label = text(shape, "label");
  const name = label === undefined || label === principal ? shortPrincipal(principal) : label;
  return { name, email: text(shape, "email") };
}

function roleOf(scope: string, mayRun: boolean): Role {
  if (scope === "owner" || scope === "viewer") return scope;
  if (scope === "editor") return mayRun ? "runner" : "editor";
  return "machine";
}

function readAccess(shape: Shape): Access {
  const people = new Map<string, Person>();
  let isPublic = false;
  for (const row of list(shape.acl, (item) => item)) {
    const principal = text(row, "subject") ?? "";
    const scope = text(row, "scope") ?? "";
    if (text(row, "subject_kind") === "public") {
      isPublic = true;
      continue;
    }
    const role = roleOf(scope, flag(row, "may_run"));
    const known = people.get(principal);
    const isHigher = known === undefined || RANK.indexOf(role) > RANK.indexOf(known.role);
    people.set(principal, {
      principal,
      ...readDisplay(row.display, principal),
      role: isHigher ? role : known.role,
      scopes: [...(known?.scopes ?? []), scope],
    });
  }
  const rows = [...people.values()];
  rows.sort((a, b) => RANK.indexOf(b.role) - RANK.indexOf(a.role) || a.name.localeCompare(b.name));
  return { people: rows, isPublic };
}

export async function getAccess(id: string): Promise<Access> {
  return readAccess(await call("GET", `${path(id)}/acl`));
}

const SCOPE: Readonly<Record<Role, string>> = {
  viewer: "viewer",
  editor: "editor",
  runner: "editor",
  owner: "owner",
  machine: "runtime_peer",
};

async function grant(id: string, subject: string, role: Role): Promise<Access> {
  const body = { subject_kind: "principal", subject, scope: SCOPE[role], may_run: role === "runner" };
  return readAccess(await call("POST", `${path(id)}/acl`, body));
}

async function take(id: string, subject: string, scope: string): Promise<Access> {
  return readAccess(await call("DELETE", `${path(id)}/acl`, { subject_kind: "principal", subject, scope }));
}

/** Gives a person a role in place of the one they have; nobody is without access in between. */
export async function setRole(id: string, person: Person, role: Role): Promise<Access> {
  let access = await grant(id, person.principal, role);
  const others = new Set(person.scopes.filter((scope) => scope !== SCOPE[role] && scope !== "runtime_peer"));
  for (const scope of others) access = await take(id, person.principal, scope);
  return access;
}

export async function removePerson(id: string, person: Person): Promise<Access> {
  let access: Access | undefined;
  for (const scope of new Set(person.scopes)) access = await take(id, person.principal, scope);
  return access ?? getAccess(id);
}

/** Lets everybody with the address look, or nobody but those who are named. */
export async function setPublic(id: string, isPublic: boolean): Promise<Access> {
  const row = { subject_kind: "public", subject: "anonymous", scope: "viewer" };
  return readAccess(await call(isPublic ? "POST" : "DELETE", `${path(id)}/acl`, row));
}

function readInvites(shape: Shape): Invite[] {
  return list(shape.invites, (row) => {
    const id = text(row, "id");
    const email = text(row, "email");
    const end = text(row, "expires_at");
    const isOver = end !== undefined && Date.parse(end) <= Date.now();
    if (id === undefined || email === undefined || text(row, "status") !== "pending" || isOver)
      return undefined;
    const scope = text(row, "scope") === "editor" ? "editor" : "viewer";
    return { id, email, scope, createdAt: text(row, "created_at") };
  });
}

/** The invitations that nobody has taken up yet. */
export async function listInvites(id: string): Promise<Invite[]> {
  return readInvites(await call("GET", `${path(id)}/invites`));
}

export async function invite(id: string, email: string, scope: Invite["scope"]): Promise<void> {
  await call("POST", `${path(id)}/invites`, { email, scope });
}

export async function withdrawInvite(id: string, invited: string): Promise<Invite[]> {
  return readInvites(await call("DELETE", `${path(id)}/invites/${encodeURIComponent(invited)}`));
}

function readRequest(row: Shape | undefined): AccessRequest | undefined {
  const id = text(row, "id");
  const principal = text(row, "requester_principal");
  if (id === undefined || principal === undefined) return undefined;
  return {
    id,
    principal,
    ...readDisplay(row?.display, principal),
    status: text(row, "status") ?? "",
    createdAt: text(row, "created_at"),
  };
}

/** All requests for an owner; for anybody else their own latest. */
export async function listRequests(id: string): Promise<AccessRequest[]> {
  const shape = await call("GET", `${path(id)}/access-requests`);
  return list(shape.access_requests, readRequest);
}

/** Asks to edit; nothing when the caller may edit already. */
export async function askForAccess(id: string): Promise<AccessRequest | undefined> {
  const shape = await call("POST", `${path(id)}/access-requests`, {});
  return readRequest(record(shape.access_request));
}

export async function answerRequest(
  id: string,
  request: string,
  action: "approve" | "deny" | "dismiss",
): Promise<void> {
  await call("POST", `${path(id)}/access-requests/${encodeURIComponent(request)}`, { action });
}

/** Lets somebody look who asked to edit. */
export async function letView(id: string, request: AccessRequest): Promise<void> {
  await grant(id, request.principal, "viewer");
  await answerRequest(id, request.id, "dismiss");
}

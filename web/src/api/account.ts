// The caller's own account: browser sessions of each device, and API tokens for programs.
import { readDisplay } from "./access";
import { call } from "./http";
import { flag, list, number, record, type Shape, text } from "./shape";

export interface Me {
  principal: string;
  name: string;
  email: string | undefined;
}

export interface Session {
  id: string;
  provider: string | undefined;
  /** What the browser called itself. */
  label: string | undefined;
  createdAt: string | undefined;
  lastUsedAt: string | undefined;
  expiresAt: string | undefined;
  isCurrent: boolean;
}

function readSession(row: Shape): Session | undefined {
  const id = text(row, "id");
  if (id === undefined) return undefined;
  return {
    id,
    provider: text(row, "provider"),
    label: text(row, "label"),
    createdAt: text(row, "created_at"),
    lastUsedAt: text(row, "last_used_at"),
    expiresAt: text(row, "expires_at"),
    isCurrent: flag(row, "current"),
  };
}

export async function getSessions(): Promise<{ me: Me | undefined; sessions: Session[] }> {
  const shape = await call("GET", "/api/auth/sessions");
  const principal = text(record(shape.person), "principal");
  return {
    me: principal === undefined ? undefined : { principal, ...readDisplay(shape.person, principal) },
    sessions: list(shape.sessions, readSession),
  };
}

export async function endSession(id: string): Promise<void> {
  await call("DELETE", `/api/auth/sessions/${encodeURIComponent(id)}`);
}

/** Ends every session but this one; how many there were. */
export async function endOtherSessions(): Promise<number> {
  return number(await call("DELETE", "/api/auth/sessions"), "ended") ?? 0;
}

export type TokenScope = "viewer" | "editor" | "owner";

export interface ApiToken {
  id: string;
  name: string;
  scope: string;
  createdAt: string | undefined;
  expiresAt: string | undefined;
  lastUsedAt: string | undefined;
  revokedAt: string | undefined;
}

function readToken(row: Shape | undefined): ApiToken | undefined {
  const id = text(row, "id");
  if (id === undefined) return undefined;
  return {
    id,
    name: text(row, "name") ?? id,
    scope: text(row, "scope") ?? "",
    createdAt: text(row, "created_at"),
    expiresAt: text(row, "expires_at"),
    lastUsedAt: text(row, "last_used_at"),
    revokedAt: text(row, "revoked_at"),
  };
}

export async function listTokens(): Promise<ApiToken[]> {
  const shape = await call("GET", "/api/auth/tokens");
  return list(shape.api_tokens, readToken);
}

/** Makes a token and tells its text, this once. `expiresAt` is null for a token without an end. */
export async function makeToken(name: string, scope: TokenScope, expiresAt: string | null): Promise<string> {
  const shape = await call("POST", "/api/auth/tokens", { name, scope, expires_at: expiresAt });
  const token = text(shape, "token");
  if (token === undefined) throw new Error("The server did not tell the token.");
  return token;
}

export async function revokeToken(id: string): Promise<void> {
  await call("DELETE", `/api/auth/tokens/${encodeURIComponent(id)}`);
}

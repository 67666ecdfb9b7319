// Machines, pairing codes and credentials (CP 2.5 to 2.13).
import { call } from "./http";
import { flag, list, number, type Shape, text } from "./shape";

export interface Accelerator {
  model: string;
  count: number;
}

export interface Workstation {
  id: string;
  name: string;
  status: string;
  message: string | undefined;
  lastSeenAt: string | undefined;
  createdAt: string | undefined;
  environment: string | undefined;
  workingDirectory: string | undefined;
  cpus: number | undefined;
  memoryBytes: number | undefined;
  accelerators: Accelerator[];
  build: string | undefined;
  isDefault: boolean;
}

function readAccelerator(shape: Shape): Accelerator {
  return {
    model: text(shape, "model") ?? text(shape, "kind") ?? "accelerator",
    count: number(shape, "count") ?? 1,
  };
}

function readWorkstation(shape: Shape): Workstation | undefined {
  const id = text(shape, "workstation_id");
  if (id === undefined) return undefined;
  return {
    id,
    name: text(shape, "display_name") ?? id,
    status: text(shape, "status") ?? "unknown",
    message: text(shape, "status_message"),
    lastSeenAt: text(shape, "last_seen_at"),
    createdAt: text(shape, "created_at"),
    environment: text(shape, "default_environment_label"),
    workingDirectory: text(shape, "working_directory"),
    cpus: number(shape, "cpu_count"),
    memoryBytes: number(shape, "memory_bytes"),
    accelerators: list(shape.accelerators, readAccelerator),
    build: text(shape, "installed_build"),
    isDefault: flag(shape, "is_default"),
  };
}

export async function listWorkstations(): Promise<Workstation[]> {
  const shape = await call("GET", "/api/workstations");
  return list(shape.workstations, readWorkstation);
}

export async function chooseDefault(id: string): Promise<void> {
  await call("PATCH", "/api/workstations/default", { workstation_id: id });
}

export async function removeWorkstation(id: string): Promise<void> {
  await call("DELETE", `/api/workstations/${encodeURIComponent(id)}`);
}

export interface Pairing {
  id: string;
  code: string;
  expiresAt: string;
}

function pairingOf(shape: Shape): Shape | undefined {
  const value = shape.pairing;
  return list([value], (item) => item)[0];
}

export async function mintPairingCode(): Promise<Pairing> {
  const pairing = pairingOf(await call("POST", "/api/workstations/pairing-codes"));
  const id = text(pairing, "id");
  const code = text(pairing, "code");
  const expiresAt = text(pairing, "expires_at");
  if (id === undefined || code === undefined || expiresAt === undefined) {
    throw new Error("The server did not make a pairing code.");
  }
  return { id, code, expiresAt };
}

export type PairingStatus = "pending" | "redeemed" | "registered" | "expired";

export async function pollPairing(
  id: string,
): Promise<{ status: PairingStatus; workstationId: string | undefined }> {
  const pairing = pairingOf(await call("GET", `/api/workstations/pairing-codes/${encodeURIComponent(id)}`));
  const status = text(pairing, "status");
  return {
    status: status === "redeemed" || status === "registered" || status === "expired" ? status : "pending",
    workstationId: text(pairing, "workstation_id"),
  };
}

export interface Credential {
  id: string;
  pairingId: string | undefined;
  createdAt: string | undefined;
  lastUsedAt: string | undefined;
  revokedAt: string | undefined;
}

export async function listCredentials(): Promise<Credential[]> {
  const shape = await call("GET", "/api/workstations/credentials");
  return list(shape.credentials, (row) => {
    const id = text(row, "credential_id");
    if (id === undefined) return undefined;
    return {
      id,
      pairingId: text(row, "pairing_code_id"),
      createdAt: text(row, "created_at"),
      lastUsedAt: text(row, "last_used_at"),
      revokedAt: text(row, "revoked_at"),
    };
  });
}

export async function revokeCredential(id: string): Promise<void> {
  await call("POST", `/api/workstations/credentials/${encodeURIComponent(id)}/revoke`);
}

// Machines, pairing codes, credentials (CP 2.5 to 2.13), what an owner sets for all machines, and their histories.
import type { PageOf } from "../ui/pages";
import { call } from "./http";
import { flag, list, number, record, type Shape, text } from "./shape";

export interface Accelerator {
  model: string;
  count: number;
}

/** A kernel that a machine can start. */
export interface OfferedKernel {
  /** What a notebook's metadata names to get it. */
  name: string;
  displayName: string;
  language: string;
  source: string;
  path: string | undefined;
  available: boolean;
  /** Why it cannot be started, with what to do. */
  reason: string | undefined;
  isDefault: boolean;
}

export interface GpuUse {
  model: string;
  percent: number | undefined;
  memoryUsedBytes: number | undefined;
  memoryTotalBytes: number | undefined;
}

export interface JobUse {
  jobId: string;
  notebookId: string | undefined;
  cpuPercent: number | undefined;
  memoryBytes: number;
  gpuMemoryBytes: number | undefined;
}

/** What a machine did at its latest heartbeat. */
export interface Utilisation {
  cpuPercent: number | undefined;
  memoryUsedBytes: number | undefined;
  memoryAvailableBytes: number | undefined;
  load: number | undefined;
  diskFreeBytes: number | undefined;
  gpus: GpuUse[];
  jobs: JobUse[];
}

export interface Workstation {
  id: string;
  name: string;
  status: string;
  message: string | undefined;
  /** Why it is so, in one word. */
  reason: string | undefined;
  /** Since when the status holds, as far as the server knows. */
  since: string | undefined;
  hostname: string | undefined;
  os: string | undefined;
  /** The network address it registered from. */
  address: string | undefined;
  lastSeenAt: string | undefined;
  createdAt: string | undefined;
  environment: string | undefined;
  workingDirectory: string | undefined;
  cpus: number | undefined;
  memoryBytes: number | undefined;
  accelerators: Accelerator[];
  build: string | undefined;
  /** The newest build of its channel, where its own is older. */
  newerBuild: string | undefined;
  isDefault: boolean;
  /** Nothing while the machine has not said. */
  kernels: OfferedKernel[] | undefined;
  utilisation: Utilisation | undefined;
  /** How far its clock is ahead of the server's. */
  clockSkewMs: number | undefined;
  /** Minutes without a running cell after which a kernel stops there; 0 is never, nothing is the server's 30. */
  idleMinutes: number | undefined;
}

function readAccelerator(shape: Shape): Accelerator {
  return {
    model: text(shape, "model") ?? text(shape, "kind") ?? "accelerator",
    count: number(shape, "count") ?? 1,
  };
}

function readKernel(shape: Shape): OfferedKernel | undefined {
  const name = text(shape, "name");
  if (name === undefined) return undefined;
  return {
    name,
    displayName: text(shape, "display_name") ?? name,
    language: text(shape, "language") ?? "",
    source: text(shape, "source") ?? "kernelspec",
    path: text(shape, "path"),
    available: shape.available !== false,
    reason: text(shape, "reason"),
    isDefault: flag(shape, "is_default"),
  };
}

function readGpu(shape: Shape): GpuUse {
  return {
    model: text(shape, "model") ?? "GPU",
    percent: number(shape, "percent"),
    memoryUsedBytes: number(shape, "memory_used_bytes"),
    memoryTotalBytes: number(shape, "memory_total_bytes"),
  };
}

function readJob(shape: Shape): JobUse | undefined {
  const jobId = text(shape, "job_id");
  if (jobId === undefined) return undefined;
  return {
    jobId,
    notebookId: text(shape, "notebook_id"),
    cpuPercent: number(shape, "cpu_percent"),
    memoryBytes: number(shape, "memory_bytes") ?? 0,
    gpuMemoryBytes: number(shape, "gpu_memory_bytes"),
  };
}

function readUtilisation(value: unknown): Utilisation | undefined {
  const shape = record(value);
  if (shape === undefined) return undefined;
  return {
    cpuPercent: number(shape, "cpu_percent"),
    memoryUsedBytes: number(shape, "memory_used_bytes"),
    memoryAvailableBytes: number(shape, "memory_available_bytes"),
    load: number(shape, "load_1m"),
    diskFreeBytes: number(shape, "disk_free_bytes"),
    gpus: list(shape.gpus, readGpu),
    jobs: list(shape.jobs, readJob),
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
    reason: text(shape, "status_reason"),
    since: text(shape, "status_since"),
    hostname: text(shape, "hostname"),
    os: text(shape, "os"),
    address: text(shape, "address"),
    lastSeenAt: text(shape, "last_seen_at"),
    createdAt: text(shape, "created_at"),
    environment: text(shape, "default_environment_label"),
    workingDirectory: text(shape, "working_directory"),
    cpus: number(shape, "cpu_count"),
    memoryBytes: number(shape, "memory_bytes"),
    accelerators: list(shape.accelerators, readAccelerator),
    build: text(shape, "installed_build"),
    newerBuild: flag(shape, "is_outdated") ? text(shape, "latest_build") : undefined,
    isDefault: flag(shape, "is_default"),
    kernels: Array.isArray(shape.kernels) ? list(shape.kernels, readKernel) : undefined,
    utilisation: readUtilisation(shape.utilisation),
    clockSkewMs: number(shape, "clock_skew_ms"),
    idleMinutes: number(shape, "idle_minutes"),
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

/** A code for any machine, or only for the one of a name. */
export async function mintPairingCode(machineName?: string): Promise<Pairing> {
  const body = machineName === undefined ? undefined : { machine_name: machineName };
  const pairing = record((await call("POST", "/api/workstations/pairing-codes", body)).pairing);
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
  const pairing = record(
    (await call("GET", `/api/workstations/pairing-codes/${encodeURIComponent(id)}`)).pairing,
  );
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
  /** The workstation it serves, once that has registered. */
  workstationId: string | undefined;
  /** When the machine last exchanged the secret for a new one. */
  rotatedAt: string | undefined;
  expiresAt: string | undefined;
  mayServeSeveral: boolean;
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
      workstationId: text(row, "workstation_id"),
      rotatedAt: text(row, "rotated_at"),
      expiresAt: text(row, "expires_at"),
      mayServeSeveral: flag(row, "may_serve_several"),
    };
  });
}

export async function revokeCredential(id: string): Promise<void> {
  await call("POST", `/api/workstations/credentials/${encodeURIComponent(id)}/revoke`);
}

/** Lets a credential serve several workstations, or only its first. */
export async function setReach(id: string, several: boolean): Promise<void> {
  const body = { may_serve_several: several };
  await call("PATCH", `/api/workstations/credentials/${encodeURIComponent(id)}`, body);
}

/** What an owner decided for all machines. */
export interface MachineSettings {
  /** Only room tokens open notebooks; a credential itself does not (D16). */
  roomTokensOnly: boolean;
  /** Life in days of a credential that its machine does not renew; nothing for one without end. */
  credentialDays: number | undefined;
}

function readSettings(shape: Shape): MachineSettings {
  const settings = record(shape.settings);
  return {
    roomTokensOnly: flag(settings ?? {}, "room_tokens_only"),
    credentialDays: number(settings, "credential_days"),
  };
}

export async function getMachineSettings(): Promise<MachineSettings> {
  return readSettings(await call("GET", "/api/workstation-settings"));
}

export async function changeMachineSettings(change: Partial<MachineSettings>): Promise<MachineSettings> {
  const body: Record<string, unknown> = {};
  if ("roomTokensOnly" in change) body.room_tokens_only = change.roomTokensOnly;
  if ("credentialDays" in change) body.credential_days = change.credentialDays ?? null;
  return readSettings(await call("PATCH", "/api/workstation-settings", body));
}

export interface MachineEvent {
  id: number;
  at: string | undefined;
  event: string;
  detail: string | undefined;
  notebookId: string | undefined;
}

const HISTORY_PAGE = 50;

function readMachineEvent(row: Shape): MachineEvent | undefined {
  const id = number(row, "id");
  const event = text(row, "event");
  if (id === undefined || event === undefined) return undefined;
  return {
    id,
    at: text(row, "at"),
    event,
    detail: text(row, "detail"),
    notebookId: text(row, "notebook_id"),
  };
}

/** What happened to a workstation and its jobs, newest first. */
export async function listHistory(id: string, before?: number): Promise<PageOf<MachineEvent, number>> {
  const query = new URLSearchParams({ limit: String(HISTORY_PAGE) });
  if (before !== undefined) query.set("before", String(before));
  const shape = await call("GET", `/api/workstations/${encodeURIComponent(id)}/history?${query}`);
  const rows = list(shape.events, readMachineEvent);
  return { rows, next: rows.length === HISTORY_PAGE ? rows.at(-1)?.id : undefined };
}

// Executions, kernel and attachment as the page shows them, read from the runtime document (DOC 5).
import type { Replica } from "../sync/replica";
import { countOf, mapOf, plain, type RuntimeDoc, stringOf } from "../sync/shapes";

export type ExecutionStatus = "queued" | "running" | "done" | "error" | "cancelled";

export interface OutputRecord {
  id: string;
  seq: number;
  /** The manifest as plain JSON; its identity stays while it is unchanged. */
  manifest: Readonly<Record<string, unknown>>;
}

/** What a running cell asks the person for, with `input()` or `getpass()` (D12). */
export interface PendingInput {
  prompt: string;
  password: boolean;
}

/** What the kernel proposes as the next input: in place of the cell, or below it (D12). */
export interface NextInput {
  text: string;
  replace: boolean;
}

export interface ExecutionView {
  /** The cell that ran, and its source then. */
  cellId: string | undefined;
  source: string | undefined;
  status: ExecutionStatus;
  pendingInput: PendingInput | undefined;
  nextInput: NextInput | undefined;
  count: number | undefined;
  outputs: readonly OutputRecord[];
}

export interface KernelView {
  lifecycle: string;
  activity: "Busy" | "Idle" | "Unknown" | "";
  errorReason: string;
  errorDetails: string;
  name: string;
  /** How far the environment of a kernel in preparation is. */
  progress: string;
  lastSeen: string | undefined;
}

export interface AttachmentView {
  workstationId: string;
  name: string;
  status: string;
  message: string | undefined;
  environment: string | undefined;
  updatedAt: string | undefined;
}

const knownExecutions = new WeakMap<object, ExecutionView>();
const knownInputs = new WeakMap<object, PendingInput>();
const knownOutputs = new WeakMap<object, OutputRecord>();
const STATUSES: readonly string[] = ["queued", "running", "done", "error", "cancelled"];

function readOutput(id: string, value: unknown): OutputRecord | undefined {
  const entry = mapOf(value);
  if (entry === undefined) return undefined;
  const cached = knownOutputs.get(entry);
  if (cached) return cached;
  const seq = countOf(entry.seq);
  const manifest = mapOf(plain(entry.manifest));
  if (seq === undefined || manifest === undefined) return undefined;
  const output = { id, seq, manifest };
  knownOutputs.set(entry, output);
  return output;
}

/** A question's identity stays while it is unchanged; the same words asked again are another one. */
function readInput(value: unknown): PendingInput | undefined {
  const entry = mapOf(value);
  if (entry === undefined) return undefined;
  const cached = knownInputs.get(entry);
  if (cached) return cached;
  const asked = { prompt: stringOf(entry.prompt) ?? "", password: entry.password === true };
  knownInputs.set(entry, asked);
  return asked;
}

function readNextInput(value: unknown): NextInput | undefined {
  const entry = mapOf(value);
  const text = stringOf(entry?.text);
  return text === undefined ? undefined : { text, replace: entry?.replace === true };
}

export function readExecution(value: unknown): ExecutionView | undefined {
  const entry = mapOf(value);
  if (entry === undefined) return undefined;
  const cached = knownExecutions.get(entry);
  if (cached) return cached;
  const status = stringOf(entry.status) ?? "";
  const outputs = Object.entries(mapOf(entry.outputs) ?? {})
    .flatMap(([id, output]) => readOutput(id, output) ?? [])
    .sort((a, b) => a.seq - b.seq || (a.id < b.id ? -1 : 1));
  const view: ExecutionView = {
    cellId: stringOf(entry.cell_id),
    source: stringOf(entry.source),
    status: (STATUSES.includes(status) ? status : "done") as ExecutionStatus,
    pendingInput: status === "running" ? readInput(entry.pending_input) : undefined,
    nextInput: readNextInput(entry.next_input),
    count: countOf(entry.execution_count),
    outputs,
  };
  knownExecutions.set(entry, view);
  return view;
}

/** Error wins over everything, and a live kernel over a stopped one, among concurrent values (DOC 5.2). */
function readLifecycle(replica: Replica<RuntimeDoc>): string {
  const stored = stringOf(replica.value.kernel?.lifecycle) ?? "NotStarted";
  const all = replica.conflicts((doc) => doc.kernel, "lifecycle").map(stringOf);
  if (all.includes("Error")) return "Error";
  if ((stored === "NotStarted" || stored === "Shutdown") && all.includes("Running")) return "Running";
  return stored;
}

export function readKernel(replica: Replica<RuntimeDoc>): KernelView {
  const kernel = replica.value.kernel ?? {};
  const activity = stringOf(kernel.activity) ?? "";
  return {
    lifecycle: readLifecycle(replica),
    activity: activity === "Busy" || activity === "Idle" ? activity : activity === "" ? "" : "Unknown",
    errorReason: stringOf(kernel.error_reason) ?? "",
    errorDetails: stringOf(kernel.error_details) ?? "",
    name: stringOf(kernel.name) ?? "",
    progress: stringOf(kernel.launch_progress) ?? "",
    lastSeen: stringOf(kernel.last_seen),
  };
}

export function readAttachment(doc: RuntimeDoc): AttachmentView | undefined {
  const at = mapOf(doc.workstation);
  const workstationId = stringOf(at?.workstation_id);
  if (at === undefined || workstationId === undefined) return undefined;
  return {
    workstationId,
    name: stringOf(at.display_name) ?? workstationId,
    status: stringOf(at.status) ?? "disconnected",
    message: stringOf(at.status_message),
    environment: stringOf(at.default_environment_label),
    updatedAt: stringOf(at.updated_at),
  };
}

/** Executions that wait or run, whatever the queue's list says (DOC 5.3). */
export function readQueue(doc: RuntimeDoc): { running: number; queued: number } {
  let running = 0;
  let queued = 0;
  for (const value of Object.values(doc.executions ?? {})) {
    const status = readExecution(value)?.status;
    if (status === "running") running += 1;
    if (status === "queued") queued += 1;
  }
  return { running, queued };
}

// Where others are (RP 8): their cursors by peer, forgotten when they leave or fall silent.
import { number, record, text } from "../api/shape";
import { decodeCbor, encodeCbor } from "./cbor";

const SILENCE_MS = 45_000;
export const HEARTBEAT_MS = 15_000;

export interface RemoteCursor {
  peerId: string;
  name: string;
  cellId: string;
  line: number;
  column: number;
}

/** What a kernel uses, as its runtime peer tells it now and then. */
export interface KernelUse {
  /** Per cent of one processor. */
  cpuPercent: number | undefined;
  memoryBytes: number;
  gpuMemoryBytes: number | undefined;
  /** Its last sign of life, once it gives none any more. */
  unresponsiveSince: string | undefined;
}

export type PresenceEvent =
  | { type: "cursor"; cursor: RemoteCursor }
  | { type: "kernel"; peerId: string; use: KernelUse }
  | { type: "alive"; peerId: string }
  | { type: "gone"; peerId: string };

export function encodeCursor(cellId: string, line: number, column: number): Uint8Array {
  const data = { cell_id: cellId, line, column };
  return encodeCbor({ type: "update", peer_id: "self", channel: "cursor", data });
}

export function encodeHeartbeat(): Uint8Array {
  return encodeCbor({ type: "heartbeat", peer_id: "self" });
}

export function encodeClear(): Uint8Array {
  return encodeCbor({ type: "clear_channel", peer_id: "self", channel: "cursor" });
}

/** The channel `custom` carries bytes; a runtime peer's are JSON with the key `kernel`. */
function readKernelUse(data: unknown): KernelUse | undefined {
  if (!Array.isArray(data)) return undefined;
  let told: unknown;
  try {
    told = JSON.parse(new TextDecoder().decode(Uint8Array.from(data as number[])));
  } catch {
    return undefined;
  }
  const kernel = record(record(told)?.kernel);
  const memoryBytes = number(kernel, "memory_bytes");
  if (memoryBytes === undefined) return undefined;
  return {
    cpuPercent: number(kernel, "cpu_percent"),
    memoryBytes,
    gpuMemoryBytes: number(kernel, "gpu_memory_bytes"),
    unresponsiveSince: text(kernel, "unresponsive_since"),
  };
}

export function readPresence(payload: Uint8Array): PresenceEvent | undefined {
  const shape = record(decodeCbor(payload));
  const peerId = text(shape, "peer_id");
  if (shape === undefined || peerId === undefined) return undefined;
  if (shape.type === "left") return { type: "gone", peerId };
  if (shape.type === "clear_channel")
    return shape.channel === "cursor" ? { type: "gone", peerId } : undefined;
  if (shape.type === "heartbeat") return { type: "alive", peerId };
  if (shape.type !== "update") return undefined;
  if (shape.channel === "custom") {
    const use = readKernelUse(shape.data);
    return use && { type: "kernel", peerId, use };
  }
  if (shape.channel !== "cursor") return undefined;
  const data = record(shape.data);
  const cellId = text(data, "cell_id");
  const line = number(data, "line");
  const column = number(data, "column");
  if (cellId === undefined || line === undefined || column === undefined) return undefined;
  return {
    type: "cursor",
    cursor: { peerId, name: text(shape, "peer_label") ?? "Somebody", cellId, line, column },
  };
}

/** The cursors of the others; time comes in with each event. */
export class Cursors {
  private readonly known = new Map<string, { cursor: RemoteCursor; heardAt: number }>();

  apply(event: Exclude<PresenceEvent, { type: "kernel" }>, selfId: string | undefined, now: number): void {
    const peerId = event.type === "cursor" ? event.cursor.peerId : event.peerId;
    if (peerId === selfId) return;
    const before = this.known.get(peerId);
    if (event.type === "gone") this.known.delete(peerId);
    else if (event.type === "cursor") this.known.set(peerId, { cursor: event.cursor, heardAt: now });
    else if (before) this.known.set(peerId, { ...before, heardAt: now });
  }

  /** Those of peers that are still here and were heard of lately. */
  current(peers: ReadonlySet<string>, now: number): RemoteCursor[] {
    for (const [id, { heardAt }] of this.known) {
      if (!peers.has(id) || now - heardAt > SILENCE_MS) this.known.delete(id);
    }
    return [...this.known.values()].map(({ cursor }) => cursor);
  }
}

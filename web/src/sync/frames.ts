// Frames of the room protocol: one type byte, then the payload (RP 2.1, 2.2).

export const FrameType = {
  Notebook: 0x00,
  Request: 0x01,
  Response: 0x02,
  Broadcast: 0x03,
  Presence: 0x04,
  RuntimeState: 0x05,
  SessionControl: 0x07,
  Comms: 0x09,
  Comments: 0x0a,
} as const;

export type DocumentFrame = 0x00 | 0x05 | 0x09 | 0x0a;

const MIB = 1_048_576;

/** Largest payload of each frame type the page sends or receives, without the type byte. */
const CAPS: ReadonlyMap<number, number> = new Map([
  [FrameType.Notebook, 64 * MIB],
  [FrameType.Request, 16 * MIB],
  [FrameType.Response, 64 * MIB],
  [FrameType.Broadcast, 16 * MIB],
  [FrameType.Presence, 4096],
  [FrameType.RuntimeState, 64 * MIB],
  [FrameType.SessionControl, MIB],
  [FrameType.Comms, 64 * MIB],
  [FrameType.Comments, 64 * MIB],
]);

export interface Frame {
  type: number;
  payload: Uint8Array;
}

export class FrameTooLarge extends Error {
  constructor(size: number, cap: number) {
    super(`It has ${mebibytes(size)}; at most ${mebibytes(cap)} can be sent at once.`);
  }
}

/** A size for people, rounded up to tenths. */
export function mebibytes(bytes: number): string {
  return `${Math.ceil((bytes * 10) / 1024 / 1024) / 10} MiB`;
}

/** Throws for a payload that no frame of its type can carry. */
export function checkSize(type: number, payload: Uint8Array): void {
  const cap = CAPS.get(type) ?? 0;
  if (payload.length > cap) throw new FrameTooLarge(payload.length, cap);
}

export function encodeFrame(type: number, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  checkSize(type, payload);
  const bytes = new Uint8Array(payload.length + 1);
  bytes[0] = type;
  bytes.set(payload, 1);
  return bytes;
}

/** Undefined for an empty message; unknown types are returned as they are and ignored by the reader. */
export function decodeFrame(message: Uint8Array): Frame | undefined {
  const type = message[0];
  if (type === undefined) return undefined;
  return { type, payload: message.subarray(1) };
}

export function encodeJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

export function decodeJson(payload: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(payload));
  } catch {
    return undefined;
  }
}

export function isDocumentFrame(type: number): type is DocumentFrame {
  return type === 0x00 || type === 0x05 || type === 0x09 || type === 0x0a;
}

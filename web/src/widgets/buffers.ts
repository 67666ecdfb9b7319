// Binary buffers of comm messages in JSON (room protocol 5.6): arrays of numbers, and, for longer ones, base64.

/** From this size on an array of numbers costs too much. */
const ARRAY_MAX = 64 * 1024;
const CHUNK = 0x8000;

export function toBase64(buffer: ArrayBuffer): string {
  const bytes = new Uint8Array(buffer);
  let binary = "";
  for (let at = 0; at < bytes.length; at += CHUNK)
    binary += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  return btoa(binary);
}

export function toWire(buffer: ArrayBuffer): number[] | string {
  return buffer.byteLength <= ARRAY_MAX ? Array.from(new Uint8Array(buffer)) : toBase64(buffer);
}

function readBuffer(value: unknown): ArrayBuffer {
  if (typeof value === "string") return Uint8Array.from(atob(value), (char) => char.charCodeAt(0)).buffer;
  return Uint8Array.from(Array.isArray(value) ? value.map(Number) : []).buffer;
}

export function fromWire(buffers: unknown): ArrayBuffer[] {
  return Array.isArray(buffers) ? buffers.map(readBuffer) : [];
}

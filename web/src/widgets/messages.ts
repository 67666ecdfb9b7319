// What the page and a widget frame say to each other. A frame's words are checked by shape: it runs other people's code.
import { list, record, type Shape, text } from "../api/shape";

/** The state of one widget model; binary values are `DataView`s in their places. */
export interface ModelState {
  id: string;
  state: Readonly<Record<string, unknown>>;
}

export type ToFrame =
  | { type: "widget-show"; id: string }
  | { type: "widget-models"; models: ModelState[] }
  | { type: "widget-update"; model: ModelState }
  | { type: "widget-custom"; id: string; content: unknown; buffers: ArrayBuffer[] }
  /** A message of the frame was dealt with: the model may send its next one. */
  | { type: "widget-sent"; message: string }
  | { type: "widget-look"; dark: boolean; usable: boolean };

export type FromFrame =
  | { type: "ready" }
  | { type: "height"; height: number }
  | {
      type: "state";
      id: string;
      message: string;
      state: Shape;
      paths: readonly Path[];
      buffers: readonly ArrayBuffer[];
    }
  | { type: "custom"; id: string; message: string; content: unknown; buffers: readonly ArrayBuffer[] };

export const MIN_HEIGHT = 32;
const MAX_HEIGHT = 20_000;
/** Buffers of one message. */
const MAX_BUFFERS = 256;

function isStep(value: unknown): value is string | number {
  return typeof value === "string" || (typeof value === "number" && Number.isInteger(value) && value >= 0);
}

type Path = readonly (string | number)[];

function readPaths(value: unknown): Path[] {
  const isPath = (path: unknown): path is Path =>
    Array.isArray(path) && path.length > 0 && path.every(isStep);
  return Array.isArray(value) ? value.filter(isPath) : [];
}

function readBuffer(value: unknown): ArrayBuffer | undefined {
  if (value instanceof ArrayBuffer) return value;
  if (!ArrayBuffer.isView(value)) return undefined;
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength).slice().buffer;
}

export function readFromFrame(data: unknown): FromFrame | undefined {
  const shape = record(data);
  const type = text(shape, "type");
  if (shape === undefined || type === undefined) return undefined;
  if (type === "widget-ready") return { type: "ready" };
  if (type === "widget-height") {
    const { height } = shape;
    if (typeof height !== "number" || !Number.isFinite(height)) return undefined;
    return { type: "height", height: Math.min(MAX_HEIGHT, Math.max(MIN_HEIGHT, Math.ceil(height))) };
  }
  const id = text(shape, "id");
  const message = text(shape, "message");
  if (id === undefined || message === undefined) return undefined;
  const buffers = list(shape.buffers, readBuffer).slice(0, MAX_BUFFERS);
  if (type === "widget-custom") return { type: "custom", id, message, content: shape.content, buffers };
  const state = record(shape.state);
  if (type !== "widget-state" || state === undefined) return undefined;
  return { type: "state", id, message, state, paths: readPaths(shape.paths), buffers };
}

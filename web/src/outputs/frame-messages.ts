// What an output frame may say to the page, checked by shape; everything else is nothing.
import { record } from "../api/shape";

export const MIN_HEIGHT = 24;
const MAX_HEIGHT = 2_000;

export type FrameMessage = { type: "ready" } | { type: "drawn" } | { type: "height"; height: number };

export function readFrameMessage(data: unknown): FrameMessage | undefined {
  const shape = record(data);
  if (shape?.type === "notebook-output-ready") return { type: "ready" };
  if (shape?.type === "notebook-output-drawn") return { type: "drawn" };
  if (shape?.type !== "notebook-output-height") return undefined;
  const { height } = shape;
  if (typeof height !== "number" || !Number.isFinite(height)) return undefined;
  return { type: "height", height: Math.min(MAX_HEIGHT, Math.max(MIN_HEIGHT, Math.ceil(height))) };
}

// Output manifests as what the page renders: neighbouring streams of one name joined, one MIME type chosen.

import { record, type Shape, text } from "../api/shape";
import type { OutputRecord } from "../notebook/executions";
import { type PictureSize, readSize } from "./picture-size";

/** Content inside the document, or a blob to fetch. */
export type ContentRef = { inline: string } | { blob: string; size: number };

export type OutputView =
  | { kind: "stream"; key: string; name: "stdout" | "stderr"; parts: ContentRef[] }
  | { kind: "error"; key: string; name: string; value: string; traceback: ContentRef | undefined }
  | {
      kind: "display";
      key: string;
      mime: string;
      content: ContentRef;
      plain: ContentRef | undefined;
      size: PictureSize;
    };

/** Charts as JSON, of whichever version: they are better than the page or the picture that may come with them. */

const CHART = /^application\/vnd\.(?:vega|vegalite|plotly)\.v\d+(?:\.\d+)?\+json$/;

export const WIDGET_VIEW = "application/vnd.jupyter.widget-view+json";

const PRIORITY: readonly string[] = [
  "text/html",
  "text/markdown",
  "text/latex",
  "application/javascript",
  "image/svg+xml",
  "image/png",
  "image/jpeg",
  "image/gif",
  "image/webp",
  "image/bmp",
  "audio/wav",
  "audio/mpeg",
  "audio/ogg",
  "video/mp4",
  "video/webm",
  "application/json",
  "text/plain",
];

/** A ContentRef, or the plain JSON that a producer stored when it could not make one (DOC 6.2). */
export function readContent(value: unknown): ContentRef | undefined {
  if (typeof value === "string") return { inline: value };
  if (Array.isArray(value) && value.every((line) => typeof line === "string"))
    return { inline: value.join("") };
  const shape = record(value);
  if (shape === undefined) return undefined;
  const { inline, blob, size } = shape;
  if (typeof inline === "string") return { inline };
  if (typeof blob === "string" && /^[0-9a-f]{64}$/.test(blob)) {
    return { blob, size: typeof size === "number" ? size : 0 };
  }
  return { inline: JSON.stringify(value, null, 2) };
}

export function sizeOf(content: ContentRef): number {
  return "inline" in content ? content.inline.length : content.size;
}

export function isChart(mime: string): boolean {
  return CHART.test(mime);
}

function chooseMime(data: Shape): string | undefined {
  const known = WIDGET_VIEW in data ? WIDGET_VIEW : Object.keys(data).find(isChart);
  return known ?? PRIORITY.find((mime) => mime in data) ?? Object.keys(data).sort()[0];
}

function readDisplay(key: string, manifest: Shape): OutputView | undefined {
  const data = record(manifest.data);
  const mime = data && chooseMime(data);
  const content = data && mime !== undefined ? readContent(data[mime]) : undefined;
  if (data === undefined || mime === undefined || content === undefined) return undefined;
  const size = readSize(manifest.metadata, mime);
  const plain = readContent(data["text/plain"]);
  return { kind: "display", key, mime, content, plain, size };
}

function readOther(output: OutputRecord): OutputView | undefined {
  const { manifest, id } = output;
  switch (manifest.output_type) {
    case "display_data":
    case "execute_result":
      return readDisplay(id, manifest);
    case "error":
      return {
        kind: "error",
        key: id,
        name: text(manifest, "ename") ?? "Error",
        value: text(manifest, "evalue") ?? "",
        traceback: readContent(manifest.traceback),
      };
    default:
      return undefined;
  }
}

/** Streams are kept whole as several entries of the same name; readers join neighbours (D10). */
export function readOutputs(outputs: readonly OutputRecord[]): OutputView[] {
  const views: OutputView[] = [];
  for (const output of outputs) {
    if (output.manifest.output_type === "stream") {
      const name = output.manifest.name === "stderr" ? "stderr" : "stdout";
      const part = readContent(output.manifest.text);
      if (part === undefined) continue;
      const last = views.at(-1);
      if (last?.kind === "stream" && last.name === name) last.parts.push(part);
      else views.push({ kind: "stream", key: output.id, name, parts: [part] });
      continue;
    }
    const view = readOther(output);
    if (view) views.push(view);
  }
  return views;
}

/** Scripts, and elements that run some: showing it anew must run it anew, in a document without what ran before. */
export function isScripted(mime: string, content: string): boolean {
  return mime === "application/javascript" || /<\s*script|\son\w+\s*=|javascript:/i.test(content);
}

/** The views with their places: one keeps its place while others of its kind take turns in it, as in a live plot. */
export function withPlaces(views: readonly OutputView[]): { place: string; view: OutputView }[] {
  const counts = new Map<string, number>();
  return views.map((view) => {
    // A widget's frame belongs to its model, and a traceback to its error.
    const isOwn = view.kind === "error" || (view.kind === "display" && view.mime === WIDGET_VIEW);
    if (isOwn) return { place: view.key, view };
    const kind = view.kind === "stream" ? view.name : `display ${view.mime}`;
    const count = counts.get(kind) ?? 0;
    counts.set(kind, count + 1);
    return { place: `${kind} ${count}`, view };
  });
}

export function isImage(mime: string): boolean {
  return mime.startsWith("image/") && mime !== "image/svg+xml";
}

/** Everything that may carry scripts is shown in a frame of another origin. */
export function isFramed(mime: string): boolean {
  return (
    mime === "text/html" || mime === "image/svg+xml" || mime === "application/javascript" || isChart(mime)
  );
}

export function tracebackText(json: string): string {
  try {
    const lines: unknown = JSON.parse(json);
    return Array.isArray(lines) ? lines.filter((line) => typeof line === "string").join("\n") : json;
  } catch {
    return json;
  }
}

// What an Output widget captured: manifests in the document (documents 5.11, 6.2), for its model the outputs that
// Jupyter's front end knows (nbformat).
import { blobBytes, blobText } from "../api/blobs";
import { messageOf } from "../api/http";
import { record, type Shape, text } from "../api/shape";
import { mimeKind } from "../outputs/mime-kind";
import { toBase64 } from "./buffers";
import { readInline, readRef } from "./content";

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    // A bare string is kept without its quotes.
    return json;
  }
}

/** The content of one MIME type; what is no manifest's is nbformat already. */
async function contentOf(notebookId: string, mime: string, value: unknown): Promise<unknown> {
  const kind = mimeKind(mime);
  const ref = readRef(value);
  if (ref === undefined) {
    const inline = readInline(value);
    if (inline === undefined) return value;
    return kind === "json" ? parsed(inline) : inline;
  }
  if (kind === "binary") return toBase64(await blobBytes(notebookId, ref.blob, ref.size));
  const content = await blobText(notebookId, ref.blob, ref.size);
  return kind === "json" ? parsed(content) : content;
}

/** One form that cannot be fetched leaves the others. */
async function dataOf(notebookId: string, data: Shape): Promise<Shape> {
  const forms = await Promise.allSettled(
    Object.entries(data).map(
      async ([mime, value]) => [mime, await contentOf(notebookId, mime, value)] as const,
    ),
  );
  const there = forms.flatMap((form) => (form.status === "fulfilled" ? [form.value] : []));
  const failed = forms.find((form) => form.status === "rejected");
  if (there.length === 0 && failed !== undefined) throw failed.reason;
  return Object.fromEntries(there);
}

async function outputOf(notebookId: string, output: Shape): Promise<Shape> {
  switch (text(output, "output_type")) {
    case "stream":
      return { ...output, text: await contentOf(notebookId, "text/plain", output.text) };
    case "error":
      return { ...output, traceback: await contentOf(notebookId, "application/json", output.traceback) };
    default:
      return { ...output, data: await dataOf(notebookId, record(output.data) ?? {}) };
  }
}

export function resolveCaptured(notebookId: string, outputs: readonly unknown[]): Promise<Shape[]> {
  return Promise.all(
    outputs.map((output) =>
      outputOf(notebookId, record(output) ?? {}).catch((error: unknown) => ({
        output_type: "stream",
        name: "stderr",
        text: `This output could not be fetched: ${messageOf(error)}\n`,
      })),
    ),
  );
}

/** Whether a trait's value is what an Output widget captured. */
export function isCaptured(trait: string, value: unknown): value is readonly unknown[] {
  return (
    trait === "outputs" &&
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((one) => text(record(one), "output_type") !== undefined)
  );
}

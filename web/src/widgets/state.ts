// Widget state as CommsDoc holds it: native values, texts in maps, and references to blobs (documents 9, 13.5).
import { record, type Shape, text } from "../api/shape";
import { plain } from "../sync/shapes";
import { isCaptured, resolveCaptured } from "./captured";
import { fetchedValue, readInline, readRef } from "./content";

const IPY_MODEL = "IPY_MODEL_";
const VIEW_MIME = "application/vnd.jupyter.widget-view+json";
/** Models of ipywidgets that act on others without being shown: they keep two traits equal. */
const LINKS: readonly unknown[] = ["LinkModel", "DirectionalLinkModel"];

async function resolve(notebookId: string, value: unknown): Promise<unknown> {
  if (Array.isArray(value)) return Promise.all(value.map((item) => resolve(notebookId, item)));
  const shape = record(value);
  if (shape === undefined) return value;
  const ref = readRef(shape);
  if (ref !== undefined) return fetchedValue(notebookId, ref);
  return readInline(shape) ?? resolveAll(notebookId, shape, resolve);
}

async function resolveAll(
  notebookId: string,
  shape: Shape,
  each: (notebookId: string, value: unknown, key: string) => Promise<unknown>,
): Promise<Record<string, unknown>> {
  const entries = Object.entries(shape).map(
    async ([key, item]) => [key, await each(notebookId, item, key)] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

async function resolveTrait(notebookId: string, value: unknown, trait: string): Promise<unknown> {
  // A long list of outputs lies in a blob itself.
  const ref = readRef(value);
  const whole = ref === undefined ? value : await fetchedValue(notebookId, ref);
  if (isCaptured(trait, whole)) return resolveCaptured(notebookId, whole);
  return ref === undefined ? resolve(notebookId, whole) : whole;
}

/** A copy of what the document holds, with what lies in blobs put in its place. */
export function resolveState(notebookId: string, state: Shape): Promise<Record<string, unknown>> {
  return resolveAll(notebookId, plain(state) as Shape, resolveTrait);
}

function findIds(value: unknown, found: (id: string) => void): void {
  if (typeof value === "string") {
    if (value.startsWith(IPY_MODEL)) found(value.slice(IPY_MODEL.length));
  } else if (Array.isArray(value)) {
    for (const item of value) findIds(item, found);
  } else if (typeof value === "object" && value !== null && !ArrayBuffer.isView(value)) {
    const id = text(record((value as Shape)[VIEW_MIME]), "model_id");
    if (id !== undefined) found(id);
    for (const item of Object.values(value)) findIds(item, found);
  }
}

/** The models that a resolved state names: its children, its layout, what it captured. */
export function namedIn(state: Shape): string[] {
  const ids: string[] = [];
  findIds(state, (id) => ids.push(id));
  return ids;
}

export function isLink(state: Shape): boolean {
  return LINKS.includes(plain(state._model_name));
}

/** Whether two plain values are the same JSON. */
export function isSame(one: unknown, other: unknown): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}

// The changes the page makes to the notebook document (DOC 4.6).
import type { Automerge } from "../sync/automerge";
import type { Origin, Replica } from "../sync/replica";
import { mapOf, type NotebookDoc, stringOf } from "../sync/shapes";
import { stored } from "../sync/values";
import { type CellType, readCell, readCells } from "./cells";
import type { CellPart } from "./folding";
import type { WantedKernel } from "./kernel-choice";
import { positionAfter } from "./position";

export interface Splice {
  index: number;
  remove: number;
  insert: string;
}

/** A cell with all that belongs to it, as the document held it: it may come back, or be put elsewhere as a new one. */
export interface WholeCell {
  id: string;
  type: CellType;
  source: string;
  /** Never changed: the document makes new objects for what changes. */
  fields: Readonly<Record<string, unknown>>;
}

/** Where a cell is among the others. */
export interface Place {
  id: string;
  position: string;
}

/** Which run's outputs a cell showed. */
export interface Pointer {
  id: string;
  executionId: string | undefined;
  count: string;
}

/** Where a cell has what its text shows. */
const ATTACHED = ["attachments", "resolved_assets"] as const;

export class NotebookEditor {
  private readonly api: Automerge;
  private readonly replica: Replica<NotebookDoc>;
  private readonly origin: Origin = {};

  constructor(api: Automerge, replica: Replica<NotebookDoc>) {
    this.api = api;
    this.replica = replica;
  }

  /** Adds a cell after the named one, or first when none is named; answers its id. */
  addCell(afterId: string | undefined, type: CellType, source = ""): string {
    return this.add(afterId, { cell_type: this.scalar(type), source });
  }

  /** Adds a cell that has all that another one has, but for its place. */
  addCopy(afterId: string | undefined, { fields }: WholeCell): string {
    return this.add(afterId, stored(this.api, fields) as Record<string, unknown>);
  }

  private add(afterId: string | undefined, fields: Record<string, unknown>): string {
    const id = crypto.randomUUID();
    const cells = readCells(this.replica.value);
    const index = afterId === undefined ? -1 : cells.findIndex((cell) => cell.id === afterId);
    const at = afterId !== undefined && index < 0 ? cells.length - 1 : index;
    const position = positionAfter(
      cells.map((cell) => cell.position),
      at,
    );
    this.replica.change(this.origin, (doc) => {
      if (doc.cells === undefined) return;
      doc.cells[id] = {
        ...{ id: "", cell_type: "", position: "", source: "", execution_count: this.scalar("null") },
        ...{ metadata: {}, resolved_assets: {}, attachments: {} },
        ...fields,
        id: this.scalar(id),
        position: this.scalar(position),
      };
    });
    return id;
  }

  /** Gives a cell what is attached to others, but for names that it has itself; the answer takes that away again. */
  addAttached(id: string, others: readonly WholeCell[]): () => void {
    const added: [key: string, name: string][] = [];
    const change = (run: (cell: Record<string, unknown>) => void) =>
      this.replica.change(this.origin, (doc) => {
        const cell = mapOf(doc.cells?.[id]);
        if (cell !== undefined) run(cell);
      });
    change((cell) => {
      for (const key of ATTACHED) {
        for (const { fields } of others) {
          for (const [name, value] of Object.entries(mapOf(fields[key]) ?? {})) {
            if (mapOf(cell[key]) === undefined) cell[key] = {};
            const own = cell[key] as Record<string, unknown>;
            if (Object.hasOwn(own, name)) continue;
            own[name] = stored(this.api, value);
            added.push([key, name]);
          }
        }
      }
    });
    return () =>
      change((cell) => {
        for (const [key, name] of added)
          delete (mapOf(cell[key]) as Record<string, unknown> | undefined)?.[name];
      });
  }

  deleteCell(id: string): void {
    this.replica.change(this.origin, (doc) => {
      if (doc.cells !== undefined && id in doc.cells) delete doc.cells[id];
    });
  }

  whole(id: string): WholeCell | undefined {
    const fields = mapOf(this.replica.value.cells?.[id]);
    if (fields === undefined) return undefined;
    const view = readCell(fields);
    return view && { id, type: view.type, source: view.source, fields };
  }

  /** Makes a deleted cell anew, as it was and where it was; one that is there again stays as it is. */
  putBack({ id, fields }: WholeCell): void {
    this.replica.change(this.origin, (doc) => {
      if (doc.cells !== undefined && !(id in doc.cells)) doc.cells[id] = stored(this.api, fields);
    });
  }

  /** Puts cells one after the other behind the named one, or first; only positions change, and the answer has the old. */
  place(ids: readonly string[], afterId: string | undefined): Place[] {
    const cells = readCells(this.replica.value);
    const others = cells.filter(({ id }) => !ids.includes(id));
    const positions = others.map(({ position }) => position);
    let at = others.findIndex(({ id }) => id === afterId);
    if (at < 0 && afterId !== undefined) return [];
    const before: Place[] = [];
    const after: Place[] = [];
    for (const { id, position } of cells.filter((cell) => ids.includes(cell.id))) {
      const next = positionAfter(positions, at);
      at += 1;
      positions.splice(at, 0, next);
      before.push({ id, position });
      after.push({ id, position: next });
    }
    this.setPositions(after);
    return before;
  }

  setPositions(places: readonly Place[]): void {
    this.put(places.map(({ id, position }) => ({ id, key: "position", value: position })));
  }

  /** The answer has the types of those that were of another. */
  setType(ids: readonly string[], type: CellType): { id: string; type: CellType }[] {
    const before = ids.flatMap((id) => {
      const whole = this.whole(id);
      return whole !== undefined && whole.type !== type ? [{ id, type: whole.type }] : [];
    });
    this.put(before.map(({ id }) => ({ id, key: "cell_type", value: type })));
    return before;
  }

  /**
   * Folds or unfolds a part of cells as JupyterLab keeps it: in `jupyter`, and the outputs also in `collapsed`, which
   * older readers know.
   */
  setHidden(ids: readonly string[], part: CellPart, hidden: boolean): void {
    this.replica.change(this.origin, (doc) => {
      for (const id of ids) {
        const cell = mapOf(doc.cells?.[id]) as Record<string, unknown> | undefined;
        if (cell === undefined) continue;
        if (mapOf(cell.metadata) === undefined) cell.metadata = {};
        const metadata = cell.metadata as Record<string, unknown>;
        if (hidden && mapOf(metadata.jupyter) === undefined) metadata.jupyter = {};
        const jupyter = (mapOf(metadata.jupyter) ?? {}) as Record<string, unknown>;
        if (hidden) {
          jupyter[`${part}_hidden`] = true;
          if (part === "outputs") metadata.collapsed = true;
        } else {
          delete jupyter[`${part}_hidden`];
          if (Object.keys(jupyter).length === 0) delete metadata.jupyter;
          if (part === "outputs") delete metadata.collapsed;
        }
      }
    });
  }

  /** Names the kernel in the metadata (DOC 4.8); what is known of another language goes. */
  setKernel({ name, displayName, language }: WantedKernel): void {
    this.replica.change(this.origin, (doc) => {
      const metadata = doc.metadata as Record<string, unknown> | undefined;
      if (metadata === undefined) return;
      const spec = { name: this.scalar(name), display_name: this.scalar(displayName) };
      const known = mapOf(metadata.kernelspec) as Record<string, unknown> | undefined;
      if (known === undefined) metadata.kernelspec = spec;
      else Object.assign(known, spec);
      const written = mapOf(metadata.kernelspec) as Record<string, unknown>;
      if (language === "") delete written.language;
      else written.language = this.scalar(language);
      const info = mapOf(metadata.language_info);
      const before = stringOf(info?.name)?.toLowerCase();
      if (before !== undefined && before !== language) delete metadata.language_info;
    });
  }

  /** Lets cells point at no run any more; the runs stay, and the answer leads back to them. */
  clearOutputs(ids: readonly string[]): Pointer[] {
    const pointers: Pointer[] = [];
    this.replica.change(this.origin, (doc) => {
      for (const id of ids) {
        const cell = mapOf(doc.cells?.[id]) as Record<string, unknown> | undefined;
        if (cell === undefined) continue;
        pointers.push({
          id,
          executionId: stringOf(cell.execution_id),
          count: stringOf(cell.execution_count) ?? "null",
        });
        cell.execution_id = null;
        cell.execution_count = this.scalar("null");
      }
    });
    return pointers;
  }

  /** Shows again what cells showed, but for those that ran meanwhile. */
  showAgain(pointers: readonly Pointer[]): void {
    this.replica.change(this.origin, (doc) => {
      for (const { id, executionId, count } of pointers) {
        const cell = mapOf(doc.cells?.[id]) as Record<string, unknown> | undefined;
        if (cell === undefined || stringOf(cell.execution_id) !== undefined) continue;
        if (executionId !== undefined) cell.execution_id = this.scalar(executionId);
        cell.execution_count = this.scalar(count);
      }
    });
  }

  /** Splices of the source text in UTF-16 units, in order; each one counts on the ones before it. */
  splice(origin: Origin, id: string, splices: readonly Splice[]): void {
    this.replica.change(origin, (doc) => {
      // Somebody else may have deleted the cell while its editor still stands.
      if (doc.cells === undefined || !(id in doc.cells)) return;
      for (const { index, remove, insert } of splices) {
        this.api.splice(doc, ["cells", id, "source"], index, remove, insert);
      }
    });
  }

  private put(fields: readonly { id: string; key: string; value: string }[]): void {
    if (fields.length === 0) return;
    this.replica.change(this.origin, (doc) => {
      for (const { id, key, value } of fields) {
        const cell = mapOf(doc.cells?.[id]) as Record<string, unknown> | undefined;
        if (cell !== undefined) cell[key] = this.scalar(value);
      }
    });
  }

  /** A string of the document that is not Text. */
  private scalar(value: string): unknown {
    return new this.api.ImmutableString(value);
  }
}

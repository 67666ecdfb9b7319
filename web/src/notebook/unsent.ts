// Text that did not reach the room before the page goes: kept in this tab, offered after the next load.
//
// A trashed notebook takes no edit, and a closed tab has no documents to take one from. What was typed is kept by cell, as
// plain text, and put back only as new cells: nothing is overwritten.
import { list, text } from "../api/shape";
import { mapOf, type NotebookDoc, stringOf } from "../sync/shapes";

export interface UnsentCell {
  id: string;
  type: "code" | "markdown" | "raw";
  source: string;
}

/** What one tab keeps of one notebook at most. */
const LIMIT_CHARACTERS = 2_000_000;
const key = (notebookId: string) => `unsent:${notebookId}`;

/** The cells whose source local patches touched. */
export function touchedCells(patches: readonly { path: readonly unknown[] }[]): string[] {
  return patches.flatMap(({ path: [root, cell, part] }) =>
    root === "cells" && typeof cell === "string" && (part === "source" || part === undefined) ? [cell] : [],
  );
}

/** The sources of cells as a document holds them; deleted and empty ones have nothing to keep. */
export function sourcesOf(doc: NotebookDoc, ids: Iterable<string>): UnsentCell[] {
  const cells: UnsentCell[] = [];
  for (const id of ids) {
    const cell = mapOf(doc.cells?.[id]);
    const source = cell?.source;
    if (typeof source !== "string" || source.trim() === "") continue;
    const type = stringOf(cell?.cell_type);
    cells.push({ id, type: type === "markdown" || type === "raw" ? type : "code", source });
  }
  return cells;
}

/** The kept cells whose text the notebook does not hold now. */
export function stillUnsent(kept: readonly UnsentCell[], doc: NotebookDoc): UnsentCell[] {
  return kept.filter(({ id, source }) => mapOf(doc.cells?.[id])?.source !== source);
}

export function keepUnsent(notebookId: string, cells: readonly UnsentCell[]): void {
  try {
    const value = JSON.stringify(cells);
    if (cells.length === 0) sessionStorage.removeItem(key(notebookId));
    else if (value.length <= LIMIT_CHARACTERS) sessionStorage.setItem(key(notebookId), value);
  } catch {
    // A browser without storage, or with a full one: the page has warned of unsaved changes.
  }
}

/** Keeps cells besides those that are kept already and were not put back yet; the last text of a cell counts. */
export function keepMore(notebookId: string, cells: readonly UnsentCell[]): void {
  if (cells.length === 0) return;
  const before = keptUnsent(notebookId).filter(({ id }) => cells.every((cell) => cell.id !== id));
  keepUnsent(notebookId, [...before, ...cells]);
}

/** Keeps a cell no longer: it is in the notebook again. */
export function dropKept(notebookId: string, cellId: string): void {
  const kept = keptUnsent(notebookId);
  const rest = kept.filter(({ id }) => id !== cellId);
  if (rest.length < kept.length) keepUnsent(notebookId, rest);
}

export function keptUnsent(notebookId: string): UnsentCell[] {
  try {
    return list(JSON.parse(sessionStorage.getItem(key(notebookId)) ?? "[]"), (shape) => {
      const [id, source, type] = [text(shape, "id"), text(shape, "source"), text(shape, "type")];
      if (id === undefined || source === undefined) return undefined;
      return { id, source, type: type === "markdown" || type === "raw" ? type : "code" } as UnsentCell;
    });
  } catch {
    return [];
  }
}

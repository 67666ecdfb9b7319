// Joins an editor's state and a Text of the notebook document, splice by splice, in UTF-16 units.
import type { Patch } from "@automerge/automerge/slim";
import {
  type ChangeSet,
  type ChangeSpec,
  EditorState,
  Transaction,
  type TransactionSpec,
} from "@codemirror/state";
import { type EditorView, ViewPlugin } from "@codemirror/view";
import type { Replica } from "../sync/replica";
import { mapOf, type NotebookDoc } from "../sync/shapes";
import type { NotebookEditor, Splice } from "./edit";

const REMOTE = [Transaction.remote.of(true), Transaction.addToHistory.of(false)];

/** An editor's change as splices, each counted on the text after the ones before it. */
export function splicesOf(changes: ChangeSet): Splice[] {
  const splices: Splice[] = [];
  changes.iterChanges((fromA, toA, fromB, _toB, inserted) => {
    splices.push({ index: fromB, remove: toA - fromA, insert: inserted.sliceString(0, undefined, "\n") });
  }, true);
  return splices;
}

function changeOf(patch: Patch, cellId: string): ChangeSpec | "other" | undefined {
  const [root, cell, key, index] = patch.path;
  if (root !== "cells" || cell !== cellId) return undefined;
  if (key !== "source") return key === undefined ? "other" : undefined;
  if (typeof index !== "number") return "other";
  if (patch.action === "splice") return { from: index, insert: patch.value };
  if (patch.action === "del") return { from: index, to: index + (patch.length ?? 1) };
  return "other";
}

/** Patches of one cell's source as editor changes; undefined when they cannot be followed one by one. */
export function changesOf(patches: readonly Patch[], cellId: string): ChangeSpec[] | undefined {
  const changes: ChangeSpec[] = [];
  for (const patch of patches) {
    const change = changeOf(patch, cellId);
    if (change === "other") return undefined;
    if (change !== undefined) changes.push(change);
  }
  return changes;
}

/** Whether a place is inside a surrogate pair: halves of one are no text in a document. */
export function cutsPair(text: string, at: number): boolean {
  return (text.codePointAt(at - 1) ?? 0) > 0xffff;
}

/** The one change that turns a text into another: what lies between their common start and end. */
export function replacement(from: string, to: string): ChangeSpec | undefined {
  if (from === to) return undefined;
  let start = 0;
  const shorter = Math.min(from.length, to.length);
  while (start < shorter && from[start] === to[start]) start += 1;
  if (cutsPair(from, start) || cutsPair(to, start)) start -= 1;
  let end = 0;
  while (end < shorter - start && from[from.length - 1 - end] === to[to.length - 1 - end]) end += 1;
  if (cutsPair(from, from.length - end) || cutsPair(to, to.length - end)) end -= 1;
  return { from: start, to: from.length - end, insert: to.slice(start, to.length - end) };
}

/** Transactions that bring an editor's text to the document's; applied in order. */
export function followPatches(state: EditorState, patches: readonly Patch[], cellId: string, target: string) {
  const specs: TransactionSpec[] = [];
  const changes = changesOf(patches, cellId);
  let text = state.doc.toString();
  for (const change of changes ?? []) {
    const { from, to = from, insert = "" } = change as { from: number; to?: number; insert?: string };
    if (to > text.length) break;
    text = text.slice(0, from) + insert + text.slice(to);
    specs.push({ changes: change, sequential: true, annotations: REMOTE });
  }
  const rest = replacement(text, target);
  if (rest) specs.push({ changes: rest, sequential: true, annotations: REMOTE });
  return specs;
}

function sourceOf(replica: Replica<NotebookDoc>, cellId: string): string | undefined {
  const source = mapOf(replica.value.cells?.[cellId])?.source;
  return typeof source === "string" ? source : undefined;
}

/** The extension that keeps an editor and a cell's source equal, in both directions. */
export function textBinding(replica: Replica<NotebookDoc>, editor: NotebookEditor, cellId: string) {
  const plugin = ViewPlugin.define((view: EditorView) => {
    const origin = {};
    const stop = replica.onPatches((patches, from) => {
      if (from === origin) return;
      const target = sourceOf(replica, cellId);
      if (target === undefined) return;
      const specs = followPatches(view.state, patches, cellId, target);
      if (specs.length > 0) view.dispatch(...specs);
    });
    return {
      update(update) {
        for (const transaction of update.transactions) {
          if (!transaction.docChanged || transaction.annotation(Transaction.remote)) continue;
          editor.splice(origin, cellId, splicesOf(transaction.changes));
        }
      },
      destroy: stop,
    };
  });
  return [plugin, EditorState.lineSeparator.of("\n")];
}

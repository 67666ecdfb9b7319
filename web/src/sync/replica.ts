// One document on this side: the only place that holds and changes it.
import type { ChangeFn, Doc, Patch, SyncState } from "@automerge/automerge/slim";
import { type Automerge, fromBase64 } from "./automerge";
import type { DocumentFrame } from "./frames";
import { rebase } from "./rebase";

/** Who made a change: a token of the local writer, or the room. */
export type Origin = object | "remote";

export type PatchListener = (patches: readonly Patch[], origin: Origin) => void;

export class Replica<T> {
  readonly frame: DocumentFrame;
  private readonly api: Automerge;
  private readonly listeners = new Set<PatchListener>();
  private readonly genesis: string;
  private doc: Doc<T>;
  private sync: SyncState;
  /** Heads that the room is known to have, besides those that the conversation knows of. */
  private shared: readonly string[];
  /** What was shown, and is edited, before the document began anew; until the room's is here. */
  private before: Doc<T> | undefined;
  /** What the room had of it. */
  private base: Doc<T> | undefined;

  constructor(api: Automerge, frame: DocumentFrame, genesis: string) {
    this.api = api;
    this.frame = frame;
    this.genesis = genesis;
    this.doc = api.load<T>(fromBase64(genesis));
    this.sync = api.initSyncState();
    this.shared = api.getHeads(this.doc);
  }

  /**
   * Takes the document up afresh: the room has started it over (decision D11), and this one fits it no more. What was
   * written here and the room did not take is written again once the room's is here.
   */
  renew(): void {
    if (this.before === undefined) {
      this.before = this.doc;
      this.base = this.api.view(this.doc, [...this.roomHeads()]);
    }
    this.doc = this.api.load<T>(fromBase64(this.genesis), { actor: this.api.getActorId(this.doc) });
    this.restartSync();
  }

  /** Shows a saved document instead, which is never synced. */
  show(saved: Uint8Array): void {
    this.doc = this.api.load<T>(saved);
  }

  get value(): Doc<T> {
    return this.before ?? this.doc;
  }

  /** All concurrent values of a key, for the readers that must see conflicts. */
  conflicts(of: (doc: Doc<T>) => object | undefined, key: string): unknown[] {
    const target = of(this.value);
    if (target === undefined) return [];
    return Object.values(this.api.getConflicts(target as Doc<object>, key) ?? {});
  }

  /** Whether what was written up to these heads is here. */
  has(heads: readonly string[]): boolean {
    return this.before === undefined && this.api.hasHeads(this.doc, [...heads]);
  }

  heads(): string[] {
    return this.api.getHeads(this.doc);
  }

  /** Ordinary changes carry no time and no message (DOC 2.5). */
  change(origin: Origin, edit: ChangeFn<T>): void {
    const patches: Patch[] = [];
    const changed = this.api.change<T>(
      this.value,
      { time: undefined, patchCallback: (batch) => patches.push(...batch) },
      edit,
    );
    if (this.before === undefined) this.doc = changed;
    else this.before = changed;
    if (patches.length > 0) this.tell(patches, origin);
  }

  receive(message: Uint8Array): void {
    const patches: Patch[] = [];
    const [doc, sync] = this.api.receiveSyncMessage(this.doc, this.sync, message, {
      patchCallback: (batch) => patches.push(...batch),
    });
    this.doc = doc;
    this.sync = sync;
    if (this.before !== undefined) {
      if (this.api.hasHeads(doc, this.api.decodeSyncMessage(message).heads)) this.goOn();
    } else if (patches.length > 0) this.tell(patches, "remote");
  }

  nextMessage(): Uint8Array | undefined {
    const [sync, message] = this.api.generateSyncMessage(this.doc, this.sync);
    this.sync = sync;
    return message ?? undefined;
  }

  /** Shows the document that began anew, with what was written here meanwhile. */
  private goOn(): void {
    const { api, base, before } = this;
    this.base = undefined;
    this.before = undefined;
    if (base !== undefined && before !== undefined && !api.equals(base, before)) {
      this.doc = api.change<T>(this.doc, { time: undefined }, (doc) =>
        rebase(api, doc as object, base as object, before as object),
      );
    }
    // What changed is no list of patches: whoever shows it compares.
    this.tell([], "remote");
  }

  private roomHeads(): readonly string[] {
    const { sharedHeads } = this.sync as unknown as { sharedHeads: readonly string[] };
    return sharedHeads.length > 0 ? sharedHeads : this.shared;
  }

  /** A fresh conversation, for every new socket and after a refused frame (RP 4.3, 4.9). */
  restartSync(): void {
    this.shared = this.roomHeads();
    this.sync = this.api.initSyncState();
  }

  /** Later changes are written under another actor: every connection has its own (RP 4.3). */
  setActor(actor: string): void {
    if (this.api.getActorId(this.doc) === actor) return;
    this.doc = this.api.clone(this.doc, { actor });
  }

  /** Rebuilds the document from its own bytes, after an internal failure (RP 4.8). */
  rebuild(): void {
    const actor = this.api.getActorId(this.doc);
    this.doc = this.api.load<T>(this.api.save(this.doc), { actor });
    this.restartSync();
  }

  /** Whether the room is known to hold every change made here. */
  isSaved(): boolean {
    if (this.before !== undefined) return false;
    return this.api.hasOurChanges(this.doc, this.sync);
  }

  onPatches(listener: PatchListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private tell(patches: readonly Patch[], origin: Origin): void {
    for (const listener of this.listeners) listener(patches, origin);
  }
}

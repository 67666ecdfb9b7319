// A room in memory: the server's end of the socket, with real Automerge documents behind it.
import type { Doc, SyncState } from "@automerge/automerge/slim";
import { type Automerge, fromBase64 } from "../../src/sync/automerge";
import { decodeFrame, decodeJson, encodeFrame, encodeJson, isDocumentFrame } from "../../src/sync/frames";
import * as genesis from "../../src/sync/genesis";
import { rebase } from "../../src/sync/rebase";
import type { Socket } from "../../src/sync/session";

interface Connection {
  socket: FakeSocket;
  states: Map<number, SyncState>;
}

export class FakeSocket implements Socket {
  binaryType = "";
  readyState = 1;
  onopen: ((event: Event) => void) | null = null;
  onmessage: ((event: MessageEvent) => void) | null = null;
  onclose: ((event: CloseEvent) => void) | null = null;
  private readonly deliver: (data: string | Uint8Array) => void;

  constructor(deliver: (data: string | Uint8Array) => void) {
    this.deliver = deliver;
  }

  send(data: string | Uint8Array<ArrayBuffer>): void {
    if (this.readyState !== 1) throw new Error("closed");
    this.deliver(data);
  }

  close(): void {
    this.readyState = 3;
  }

  /** The room's end: a message to the page, or the end of the socket. */
  push(bytes: Uint8Array): void {
    if (this.readyState === 1) this.onmessage?.({ data: bytes.slice().buffer } as MessageEvent);
  }

  end(reason = "", code = 1006): void {
    this.readyState = 3;
    this.onclose?.({ reason, code } as CloseEvent);
  }
}

export class FakeRoom {
  readonly requests: Record<string, unknown>[] = [];
  readonly docs = new Map<number, Doc<Record<string, unknown>>>();
  /** A reason makes the room refuse every frame of that type. */
  readonly refuse = new Map<number, string>();
  connections: Connection[] = [];
  dials = 0;
  epoch = 0;
  /** Frame types that the room takes and says nothing of. */
  readonly mute = new Set<number>();
  /** Whether a dial is followed by `cloud_room_ready`. */
  greets = true;
  /** Every binary frame that arrived, and which dial it came by. */
  readonly heard: { dial: number; type: number; payload: Uint8Array }[] = [];
  private readonly api: Automerge;

  constructor(api: Automerge) {
    this.api = api;
    const seeds: [number, string][] = [
      [0, genesis.NOTEBOOK_GENESIS],
      [5, genesis.RUNTIME_GENESIS],
      [9, genesis.COMMS_GENESIS],
      [10, genesis.COMMENTS_GENESIS],
    ];
    for (const [type, seed] of seeds) this.docs.set(type, api.load(fromBase64(seed)));
  }

  dial = (): Socket => {
    this.dials += 1;
    const dial = this.dials;
    const connection: Connection = {
      socket: new FakeSocket((data) => this.onData(connection, data, dial)),
      states: new Map([...this.docs.keys()].map((type) => [type, this.api.initSyncState()])),
    };
    this.connections.push(connection);
    const n = this.dials;
    queueMicrotask(() => {
      if (!this.greets) return;
      this.control(connection, {
        type: "cloud_room_ready",
        peer_id: `peer-${n}`,
        actor_label: `user:local:owner/browser:${n}`,
        connection_scope: "owner",
        runtime_peer_count: 0,
        peers: [],
        room_epoch: this.epoch,
      });
      for (const type of this.docs.keys()) this.speak(connection, type);
    });
    return connection.socket;
  };

  /** A change made elsewhere, spread to every open socket. */
  edit(type: number, change: (doc: Record<string, unknown>) => void): void {
    const doc = this.docs.get(type);
    if (doc) this.docs.set(type, this.api.change(doc, change));
    for (const connection of this.connections) this.speak(connection, type);
  }

  /** Begins an epoch: what runs goes on in a document that grew from the seed anew, and so do the cells. */
  startOver(show: (doc: Record<string, unknown>) => void): void {
    const fresh = (seed: string) => this.api.load<Record<string, unknown>>(fromBase64(seed));
    this.docs.set(5, this.api.change(fresh(genesis.RUNTIME_GENESIS), show));
    const old = this.docs.get(0) ?? {};
    const cells = this.api.change(fresh(genesis.NOTEBOOK_GENESIS), (doc) => rebase(this.api, doc, {}, old));
    this.docs.set(0, cells);
    this.epoch += 1;
    this.cut("room epoch changed", 1012);
  }

  cells(): Record<string, { source: string }> {
    return (this.docs.get(0)?.cells ?? {}) as Record<string, { source: string }>;
  }

  cut(reason = "", code = 1006): void {
    const all = this.connections;
    this.connections = [];
    for (const connection of all) connection.socket.end(reason, code);
  }

  private control(connection: Connection, message: object): void {
    connection.socket.push(encodeFrame(7, encodeJson(message)));
  }

  private speak(connection: Connection, type: number): void {
    const doc = this.docs.get(type);
    const state = connection.states.get(type);
    if (!doc || !state) return;
    const [next, message] = this.api.generateSyncMessage(doc, state);
    connection.states.set(type, next);
    if (message) connection.socket.push(encodeFrame(type, message));
  }

  private onData(connection: Connection, data: string | Uint8Array, dial: number): void {
    if (typeof data === "string") return;
    const frame = decodeFrame(data.slice());
    if (!frame) return;
    this.heard.push({ dial, ...frame });
    if (this.mute.has(frame.type)) return;
    const reason = this.refuse.get(frame.type);
    if (reason !== undefined) {
      queueMicrotask(() =>
        this.control(connection, { type: "cloud_frame_rejected", frame_type: frame.type, reason }),
      );
      return;
    }
    queueMicrotask(() => this.process(connection, frame.type, frame.payload));
  }

  private process(connection: Connection, type: number, payload: Uint8Array): void {
    const doc = this.docs.get(type);
    const state = connection.states.get(type);
    if (isDocumentFrame(type) && doc && state) {
      const [nextDoc, nextState] = this.api.receiveSyncMessage(doc, state, payload);
      this.docs.set(type, nextDoc);
      connection.states.set(type, nextState);
      for (const each of [connection, ...this.connections.filter((c) => c !== connection)])
        this.speak(each, type);
    } else if (type === 1) {
      this.requests.push(decodeJson(payload) as Record<string, unknown>);
    }
    this.control(connection, { type: "cloud_frame_accepted", frame_type: type, byte_length: payload.length });
  }
}

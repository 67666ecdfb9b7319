// The one module that speaks to the room's socket: dial, frames, acknowledgements, reconnection.
import { record, type Shape, text } from "../api/shape";
import { AckQueues, type Waiter } from "./acks";
import { type Automerge, actorOf } from "./automerge";
import { reconnectDelay } from "./backoff";
import { type Control, type Peer, type Ready, readControl, type Scope } from "./control";
import type { RoomDocuments } from "./documents";
import {
  checkSize,
  decodeFrame,
  decodeJson,
  encodeFrame,
  encodeJson,
  FrameType,
  isDocumentFrame,
} from "./frames";
import { Liveness } from "./liveness";
import type { Replica } from "./replica";

const READY_LIMIT_MS = 30_000;
const FLUSH_DELAY_MS = 20;
const REQUEST_LIMIT_MS = 30_000;
const QUERY_LIMIT_MS = 7_000;
const MAX_STRIKES = 2;

type Fields = Record<string, unknown>;

export interface Socket {
  binaryType: string;
  readonly readyState: number;
  onopen: ((event: Event) => void) | null;
  onmessage: ((event: MessageEvent) => void) | null;
  onclose: ((event: CloseEvent) => void) | null;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number): void;
}

/** The close reason of a room that started documents over (decision D11): what was not acknowledged was not taken. */
const EPOCH_CHANGED = "room epoch changed";
/** The close reasons of a notebook that nobody reaches any more. */
const GONE: Readonly<Record<string, Gone>> = {
  "notebook moved to trash": "trash",
  "notebook deleted": "deleted",
};

/** What became of a notebook while it was open. */
export type Gone = "trash" | "deleted";

export interface SessionOptions {
  api: Automerge;
  documents: RoomDocuments;
  /** Opens a socket; called again, with a new operator, for every attempt. */
  dial(): Socket;
  random?(): number;
  changed(state: SessionState): void;
  /** The room does not take these documents any more, and they cannot be taken afresh here: only a reload helps. */
  outdated?(): void;
  presence?(payload: Uint8Array): void;
  /** What the kernel's side says to everybody and nobody keeps. */
  broadcast?(message: Shape): void;
}

export interface SessionState {
  phase: "connecting" | "live" | "waiting";
  /** True once the room has been seen: the documents show its content. */
  everLive: boolean;
  scope: Scope | undefined;
  peerId: string | undefined;
  peers: readonly Peer[];
  runtimePeers: number;
  /** The room started over, and this page is on its way back: nothing is lost, and requests wait. */
  rejoining: boolean;
  /** Changes made here that the room is not known to hold. */
  unsaved: boolean;
  /** Why the room does not take our changes, if it refuses them. */
  refused: string | undefined;
  degraded: string | undefined;
  /** Set once the notebook is gone; the session has ended then. */
  gone: Gone | undefined;
}

export class RoomSession {
  state: SessionState = {
    phase: "connecting",
    everLive: false,
    scope: undefined,
    peerId: undefined,
    peers: [],
    runtimePeers: 0,
    rejoining: false,
    unsaved: false,
    refused: undefined,
    degraded: undefined,
    gone: undefined,
  };
  private readonly options: SessionOptions;
  private readonly acks = new AckQueues();
  private readonly answers = new Map<string, (answer: Shape) => void>();
  private readonly liveness: Liveness;
  private socket: Socket | undefined;
  private attempt = 0;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private readyTimer: ReturnType<typeof setTimeout> | undefined;
  private flushTimer: ReturnType<typeof setTimeout> | undefined;
  private closed = false;
  private early: Uint8Array[] = [];
  private strikes = 0;
  /** Rejections of frames that were already on their way when the conversation was restarted. */
  private forgiven = 0;
  /** The room's epoch that the documents are of. */
  private epoch: number | undefined;
  /** Requests that go out, in order, once the room has what was written before them. */
  private held: Waiter[] = [];

  constructor(options: SessionOptions) {
    this.options = options;
    this.liveness = new Liveness({ ping: (text) => this.socket?.send(text), lost: () => this.drop() });
    for (const replica of options.documents.all) {
      replica.onPatches((_patches, origin) => {
        if (origin !== "remote") this.scheduleFlush();
      });
    }
  }

  start(): void {
    if (this.closed || this.socket !== undefined) return;
    clearTimeout(this.retryTimer);
    this.update({ phase: "connecting" });
    const socket = this.options.dial();
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.early = [];
    this.readyTimer = setTimeout(() => this.drop(), READY_LIMIT_MS);
    socket.onmessage = (event) => {
      if (this.socket === socket) this.onMessage(event.data);
    };
    socket.onclose = (event) => {
      if (this.socket !== socket) return;
      const gone = GONE[event.reason];
      if (gone !== undefined) {
        this.stop();
        this.update({ gone });
      } else if (event.reason === EPOCH_CHANGED) this.rejoin();
      else this.lost();
    };
  }

  /** Ends the session for good. */
  stop(): void {
    this.closed = true;
    this.drop();
    clearTimeout(this.retryTimer);
    clearTimeout(this.flushTimer);
  }

  /** The platform says that the network is back or gone (RP 7.9). */
  online(): void {
    this.attempt = 0;
    this.start();
  }

  offline(): void {
    this.drop();
  }

  /** Documents first, then the request: the socket's order is the guarantee (RP 6.3). */
  request(action: string, fields: Fields | (() => Fields) = {}): Promise<void> {
    return this.ask(crypto.randomUUID(), action, fields);
  }

  /** A request that the kernel's side answers: resolves with the answer's fields (RP 5.5, 5.9). */
  query(action: string, fields: Record<string, unknown>): Promise<Shape> {
    const id = crypto.randomUUID();
    return new Promise((resolve, reject) => {
      const done = () => {
        clearTimeout(timer);
        this.answers.delete(id);
      };
      const fail = (error: unknown) => {
        done();
        reject(error);
      };
      const timer = setTimeout(() => fail(new Error("The kernel did not answer in time.")), QUERY_LIMIT_MS);
      this.answers.set(id, (answer) => {
        done();
        if (answer.result === "error") reject(new Error(text(answer, "error") ?? "The kernel refused."));
        else resolve(answer);
      });
      this.ask(id, action, fields).catch(fail);
    });
  }

  private ask(id: string, action: string, fields: Fields | (() => Fields)): Promise<void> {
    if (this.state.phase !== "live" && !this.state.rejoining)
      return Promise.reject(new Error("Not connected to the notebook's room."));
    this.flush();
    const encode = (named: Fields) => encodeJson({ id, action, ...named });
    // Heads that a request names are others once the room has started over; all else is encoded once.
    const always = (bytes: Uint8Array) => () => bytes;
    const payload = typeof fields === "function" ? () => encode(fields()) : always(encode(fields));
    return new Promise((resolve, reject) => {
      // What cannot be sent costs its sender an answer, and nobody the connection.
      checkSize(FrameType.Request, payload());
      const timer = setTimeout(() => reject(new Error("The room did not answer in time.")), REQUEST_LIMIT_MS);
      const waiter: Waiter = {
        resolve: () => {
          clearTimeout(timer);
          resolve();
        },
        reject: (reason) => {
          clearTimeout(timer);
          reject(new Error(reason));
        },
        send: () => {
          this.acks.push(FrameType.Request, waiter);
          this.send(FrameType.Request, payload());
        },
      };
      if (this.state.rejoining) this.held.push(waiter);
      else waiter.send?.();
    });
  }

  sendPresence(payload: Uint8Array): void {
    if (this.state.phase !== "live") return;
    this.acks.push(FrameType.Presence, { resolve() {}, reject() {} });
    this.send(FrameType.Presence, payload);
  }

  private onMessage(data: unknown): void {
    this.liveness.heard();
    if (!(data instanceof ArrayBuffer)) return;
    const bytes = new Uint8Array(data);
    const frame = decodeFrame(bytes);
    if (frame === undefined) return;
    if (frame.type === FrameType.SessionControl) {
      const control = readControl(decodeJson(frame.payload));
      if (control) this.onControl(control);
    } else if (this.state.phase !== "live") {
      this.early.push(bytes);
    } else if (isDocumentFrame(frame.type)) {
      this.onSync(this.options.documents.of(frame.type), frame.payload);
    } else if (frame.type === FrameType.Response) {
      const answer = record(decodeJson(frame.payload));
      this.answers.get(text(answer, "id") ?? "")?.(answer ?? {});
    } else if (frame.type === FrameType.Broadcast) {
      this.options.broadcast?.(record(decodeJson(frame.payload)) ?? {});
    } else if (frame.type === FrameType.Presence) {
      this.options.presence?.(frame.payload);
    }
  }

  private onControl(control: Control): void {
    const { peers, phase } = this.state;
    switch (control.type) {
      case "ready":
        this.onReady(control);
        break;
      case "joined":
        this.onRoster([...peers.filter((p) => p.id !== control.peer.id), control.peer], control.runtimePeers);
        break;
      case "left":
        this.onRoster(
          peers.filter((peer) => peer.id !== control.peer.id),
          control.runtimePeers,
        );
        break;
      case "accepted":
        this.acks.accepted(control.frameType);
        if (control.frameType === FrameType.Notebook) {
          this.noteSaved();
          this.letGo();
        }
        break;
      case "rejected":
        if (phase === "live") this.onRejected(control.frameType, control.reason);
        else this.drop();
        break;
      case "degraded":
        this.acks.clear("The server could not store this: its disk or database is full.");
        this.update({ degraded: control.reason });
        break;
    }
  }

  private onReady(ready: Ready): void {
    clearTimeout(this.readyTimer);
    const isNew = this.epoch !== undefined && ready.epoch !== this.epoch;
    if (this.state.rejoining && !isNew) {
      this.stop();
      this.options.outdated?.();
      return;
    }
    this.epoch = ready.epoch;
    this.attempt = 0;
    this.strikes = 0;
    this.forgiven = 0;
    const { documents } = this.options;
    documents.setActor(actorOf(ready.actorLabel));
    for (const replica of documents.all) replica.restartSync();
    if (isNew) documents.renew();
    this.update({
      phase: "live",
      everLive: true,
      scope: ready.scope,
      peerId: ready.peerId,
      peers: ready.peers,
      runtimePeers: ready.runtimePeers,
      refused: undefined,
      degraded: undefined,
    });
    this.liveness.start();
    for (const replica of documents.all) this.sendNext(replica);
    const early = this.early;
    this.early = [];
    for (const bytes of early) this.onMessage(bytes.slice().buffer);
  }

  private onRoster(peers: readonly Peer[], counted: number | undefined): void {
    const runtimePeers = counted ?? peers.filter((peer) => peer.scope === "runtime_peer").length;
    this.update({ peers, runtimePeers });
  }

  private onSync(replica: Replica<unknown>, message: Uint8Array): void {
    try {
      replica.receive(message);
    } catch {
      try {
        replica.rebuild();
      } catch {
        this.drop();
        return;
      }
    }
    this.sendNext(replica);
    this.noteSaved();
    this.letGo();
  }

  /** Sends what was asked for while the room started over, behind all that was written before it. */
  private letGo(): void {
    if (!this.state.rejoining || this.state.phase !== "live" || !this.isSaved()) return;
    this.update({ rejoining: false });
    for (const waiter of this.held.splice(0)) waiter.send?.();
  }

  private onRejected(frameType: number | undefined, reason: string): void {
    if (frameType === undefined) return;
    this.acks.rejected(frameType, reason);
    if (!isDocumentFrame(frameType)) return;
    if (this.forgiven > 0) {
      this.forgiven -= 1;
      return;
    }
    this.strikes += 1;
    if (this.strikes >= MAX_STRIKES) {
      this.update({ refused: reason, unsaved: true });
      return;
    }
    const replica = this.options.documents.of(frameType);
    this.forgiven = this.acks.waiting(frameType);
    replica.restartSync();
    this.sendNext(replica);
  }

  private scheduleFlush(): void {
    if (!this.state.unsaved) this.update({ unsaved: true });
    this.flushTimer ??= setTimeout(() => this.flush(), FLUSH_DELAY_MS);
  }

  private flush(): void {
    clearTimeout(this.flushTimer);
    this.flushTimer = undefined;
    if (this.state.phase !== "live" || this.state.refused !== undefined) return;
    for (const replica of this.options.documents.all) this.sendNext(replica);
    this.noteSaved();
  }

  private sendNext(replica: Replica<unknown>): void {
    const message = replica.nextMessage();
    if (message === undefined) return;
    this.acks.push(replica.frame, { resolve() {}, reject() {} });
    this.send(replica.frame, message);
  }

  private send(type: number, payload: Uint8Array): void {
    try {
      this.socket?.send(encodeFrame(type, payload));
    } catch {
      this.drop();
    }
  }

  private noteSaved(): void {
    if (!this.state.unsaved || this.state.refused !== undefined) return;
    if (this.flushTimer === undefined && this.isSaved()) this.update({ unsaved: false });
  }

  private isSaved(): boolean {
    return this.acks.waiting(FrameType.Notebook) === 0 && this.options.documents.notebook.isSaved();
  }

  /** Closes the socket and treats it as lost at once; a dead socket may never report its end. */
  private drop(): void {
    const socket = this.socket;
    if (socket === undefined) return;
    socket.close();
    this.lost();
  }

  /** The room goes on with fresh documents: dials at once and asks again for what was not answered. */
  private rejoin(): void {
    this.socket = undefined;
    clearTimeout(this.readyTimer);
    this.liveness.stop();
    this.held.unshift(...this.acks.take(FrameType.Request));
    this.acks.clear("The room started over.");
    this.update({ rejoining: true });
    this.start();
  }

  private lost(): void {
    this.socket = undefined;
    clearTimeout(this.readyTimer);
    this.liveness.stop();
    const reason = "The connection was lost before the room answered.";
    for (const waiter of this.held.splice(0)) waiter.reject(reason);
    this.acks.clear(reason);
    this.update({ phase: "waiting", rejoining: false, peers: [], runtimePeers: 0 });
    if (this.closed) return;
    const delay = reconnectDelay(this.attempt, this.options.random ?? Math.random);
    this.attempt += 1;
    clearTimeout(this.retryTimer);
    this.retryTimer = setTimeout(() => this.start(), delay);
  }

  private update(change: Partial<SessionState>): void {
    this.state = { ...this.state, ...change };
    this.options.changed(this.state);
  }
}

// One open notebook: its session, what it shows, and what a person can do to it.
import { batch, computed, effect, type Signal, signal } from "@preact/signals";
import { ApiError, messageOf } from "../api/http";
import {
  attach,
  endWork,
  getNotebook,
  type NotebookInfo,
  renameNotebook,
  setIdleMinutes,
} from "../api/notebooks";
import { checkSession, signedIn } from "../api/session";
import type { Shape } from "../api/shape";
import { type Automerge, loadAutomerge } from "../sync/automerge";
import type { Scope } from "../sync/control";
import { RoomDocuments } from "../sync/documents";
import {
  Cursors,
  encodeClear,
  encodeCursor,
  encodeHeartbeat,
  HEARTBEAT_MS,
  type KernelUse,
  type RemoteCursor,
  readPresence,
} from "../sync/presence";
import { RoomSession, type SessionState, type Socket } from "../sync/session";
import { type CellView, readCells } from "./cells";
import { type Completion, complete, inspect } from "./completion";
import { NotebookEditor } from "./edit";
import {
  type AttachmentView,
  type ExecutionView,
  type KernelView,
  readAttachment,
  readExecution,
  readKernel,
  readQueue,
} from "./executions";
import { readWanted, type WantedKernel } from "./kernel-choice";
import { keepMore, sourcesOf, touchedCells } from "./unsent";

const PUBLISH_MS = 24;
const CURSOR_MS = 60;
const RUN_LIMIT_MS = 20_000;
const RUN_RETRY_MS = 200;
/** How often those who are no owners look whether they may do more or less by now. */
const RIGHTS_MS = 15_000;
/** Asking also renews the session, which a notebook that is open behind other tabs needs too: its socket ends with it. */
const RENEW_MS = 30 * 60_000;
const RANK: readonly (Scope | undefined)[] = [undefined, "runtime_peer", "viewer", "editor", "owner"];
/** Part of the room's refusal when a required change has not arrived. */
const NOT_YET_THERE = "has not reached the room";

export function syncUrl(notebookId: string, scope: Scope): string {
  const protocol = location.protocol === "https:" ? "wss:" : "ws:";
  const query = new URLSearchParams({ scope, operator: `browser:${crypto.randomUUID()}`, epochs: "rejoin" });
  return `${protocol}//${location.host}/n/${encodeURIComponent(notebookId)}/sync?${query}`;
}

export class NotebookStore {
  readonly id: string;
  /** Whether it is a version as it was kept, with no room behind it. */
  isVersion = false;
  readonly api: Automerge;
  readonly title = signal<string | undefined>(undefined);
  readonly session: Signal<SessionState>;
  readonly cells = signal<readonly CellView[]>([]);
  readonly executions = signal<Readonly<Record<string, unknown>>>({});
  readonly kernel: Signal<KernelView>;
  readonly attachment = signal<AttachmentView | undefined>(undefined);
  /** What the kernel uses, while the runtime peer that said it is here; nobody else can say it. */
  readonly kernelUse = computed(() => {
    const told = this.lastUse.value;
    const { peers } = this.session.value;
    const isThere = peers.some(({ id, scope }) => id === told?.peerId && scope === "runtime_peer");
    return isThere ? told?.use : undefined;
  });
  /** Minutes without a running cell after which compute stops; 0 is never, nothing is what the machine says. */
  readonly idleMinutes = signal<number | undefined>(undefined);
  /** The kernel that the notebook asks for; nothing for the machine's own. */
  readonly wantedKernel = signal<WantedKernel | undefined>(undefined);
  readonly queue = signal({ running: 0, queued: 0 });
  readonly documents: RoomDocuments;
  readonly editor: NotebookEditor;
  readonly cursors = signal<readonly RemoteCursor[]>([]);
  readonly canEdit = computed(() => {
    const { scope, refused } = this.session.value;
    return (scope === "owner" || scope === "editor") && refused === undefined;
  });
  readonly isOwner = computed(() => this.session.value.scope === "owner");
  /** Owners, and editors whom an owner gave the run right (D14). */
  readonly canRun = computed(
    () => this.isOwner.value || (this.session.value.scope === "editor" && this.mayRun.value),
  );
  /** The principal that this tab acts as, once the room has said so. */
  readonly me = computed(() => {
    const { peers, peerId } = this.session.value;
    return peers.find(({ id }) => id === peerId)?.participant;
  });
  /** Why the notebook can no longer be opened, once it was taken away while it was open. */
  readonly lost = signal<ApiError | undefined>(undefined);
  private readonly mayRun = signal(false);
  private readonly lastUse = signal<{ peerId: string; use: KernelUse } | undefined>(undefined);
  /** The scope that the room is asked for. */
  private wanted: Scope;
  private readonly room: RoomSession;
  private readonly listeners = new Set<(message: Shape) => void>();
  private readonly others = new Cursors();
  private heartbeat: ReturnType<typeof setInterval> | undefined;
  private rights: ReturnType<typeof setInterval> | undefined;
  private rightsLookedAt = Date.now();
  private stopWatching: (() => void) | undefined;
  private cursorTimer: ReturnType<typeof setTimeout> | undefined;
  private cursor: Uint8Array | undefined;
  private publishTimer: ReturnType<typeof setTimeout> | undefined;
  /** Cells edited here since the room was last known to hold everything. */
  private readonly touched = new Set<string>();
  /** Executions that were asked for here. */
  private readonly started = new Set<string>();

  /** A notebook as it was saved once, which nobody can change. */
  static frozen(api: Automerge, id: string, notebook: Uint8Array, runtime: Uint8Array): NotebookStore {
    const store = new NotebookStore(api, id, "viewer");
    store.isVersion = true;
    store.documents.notebook.show(notebook);
    store.documents.runtime.show(runtime);
    store.session.value = { ...store.session.peek(), phase: "live", everLive: true, scope: "viewer" };
    store.publish();
    return store;
  }

  constructor(api: Automerge, id: string, scope: Scope) {
    this.id = id;
    this.api = api;
    this.wanted = scope;
    this.documents = new RoomDocuments(api);
    this.editor = new NotebookEditor(api, this.documents.notebook);
    this.room = new RoomSession({
      api,
      documents: this.documents,
      // The room names the protocol back only to those with a session (RP 1.4).
      dial: (): Socket =>
        new WebSocket(syncUrl(id, this.wanted), signedIn.peek() === "no" ? [] : ["nteract.v4"]),
      changed: (state) => {
        const { peers, phase, everLive } = this.session.peek();
        this.session.value = state;
        if (!state.unsaved) this.touched.clear();
        // The room does not say why it closed or refused a socket: the session may have ended, or the access.
        if (state.phase === "waiting" && phase !== "waiting" && signedIn.peek() === "yes") checkSession();
        if (everLive && state.phase !== phase && state.phase !== "connecting") this.readRights();
        if (state.peers !== peers) this.showCursors();
      },
      outdated: () => {
        this.keepUnsent();
        location.reload();
      },
      presence: (payload) => {
        const event = readPresence(payload);
        if (event === undefined) return;
        if (event.type === "kernel") {
          this.lastUse.value = event;
          return;
        }
        this.others.apply(event, this.session.peek().peerId, Date.now());
        this.showCursors();
      },
      broadcast: (message) => {
        for (const listener of this.listeners) listener(message);
      },
    });
    this.session = signal(this.room.state);
    this.kernel = signal(readKernel(this.documents.runtime));
    this.documents.notebook.onPatches((patches, origin) => {
      if (origin === "remote") return this.schedule();
      for (const cell of touchedCells(patches)) this.touched.add(cell);
      this.publish();
    });
    this.documents.runtime.onPatches(() => this.schedule());
  }

  start(): void {
    addEventListener("online", this.online);
    addEventListener("offline", this.offline);
    addEventListener("pagehide", this.keepUnsent);
    addEventListener("beforeunload", this.warn);
    this.room.start();
    this.stopWatching = effect(() => {
      const wasAway = this.session.peek().phase === "waiting";
      if (signedIn.value === "yes" && wasAway) this.room.online();
    });
    document.addEventListener("visibilitychange", this.lookAtRights);
    this.rights = setInterval(this.lookAtRights, RIGHTS_MS);
    this.heartbeat = setInterval(() => {
      this.room.sendPresence(encodeHeartbeat());
      this.showCursors();
    }, HEARTBEAT_MS);
  }

  stop(): void {
    this.keepUnsent();
    removeEventListener("online", this.online);
    removeEventListener("offline", this.offline);
    removeEventListener("pagehide", this.keepUnsent);
    removeEventListener("beforeunload", this.warn);
    clearTimeout(this.publishTimer);
    clearTimeout(this.cursorTimer);
    document.removeEventListener("visibilitychange", this.lookAtRights);
    clearInterval(this.heartbeat);
    clearInterval(this.rights);
    this.stopWatching?.();
    this.room.stop();
  }

  /** The execution whose outputs a cell shows; its identity stays while it is unchanged. */
  executionOf(cell: CellView): ExecutionView | undefined {
    return cell.executionId === undefined
      ? undefined
      : readExecution(this.executions.value[cell.executionId]);
  }

  /** What the server says of the notebook when it is opened. */
  take(info: NotebookInfo): void {
    this.title.value = info.title;
    this.mayRun.value = info.mayRun;
    this.idleMinutes.value = info.idleMinutes;
  }

  /** Asks what this person may do by now: more is taken up at once, and none ends the session. */
  readonly readRights = async (): Promise<void> => {
    let info: NotebookInfo;
    try {
      info = await getNotebook(this.id);
    } catch (error) {
      const { gone, phase } = this.session.peek();
      // A proxy that stands in for the server says nothing of the notebook.
      const isRefused =
        error instanceof ApiError &&
        error.body !== undefined &&
        (error.status === 403 || error.status === 404);
      // A session that ended is not the notebook's loss: who signs in again goes on.
      if (!isRefused || gone !== undefined || phase === "live") return;
      await checkSession();
      if (signedIn.peek() === "ended") return;
      this.stop();
      this.lost.value = error;
      return;
    }
    this.mayRun.value = info.mayRun;
    const { scope, phase } = this.session.peek();
    const isNew = info.scope !== this.wanted;
    this.wanted = info.scope;
    if (isNew && phase === "live" && RANK.indexOf(info.scope) > RANK.indexOf(scope)) {
      this.room.offline();
      this.room.online();
    }
  };

  run(cellId: string): Promise<void> {
    return this.requestAsSeen("execute_cell", { cell_id: cellId, execution_id: this.newExecution() });
  }

  runAll(): Promise<void> {
    const cells = this.cells.peek().filter(({ type }) => type === "code");
    const ids = Object.fromEntries(cells.map(({ id }) => [id, this.newExecution()]));
    return this.requestAsSeen("run_all_cells", { cell_execution_ids: ids });
  }

  /** Whether an execution was asked for in this tab. */
  hasStarted(executionId: string): boolean {
    return this.started.has(executionId);
  }

  /** Takes what an execution proposed as the next input, once: whether it was asked for in this tab. */
  takeNext(executionId: string): boolean {
    return this.started.delete(executionId);
  }

  private newExecution(): string {
    const id = crypto.randomUUID();
    this.started.add(id);
    return id;
  }

  async interrupt(): Promise<void> {
    if (!this.canRun.peek()) await this.assertMayRun();
    await this.room.request("interrupt_execution");
  }

  /** Answers what the running cell asked with `input()` (D12). */
  async answerInput(executionId: string, value: string): Promise<void> {
    await this.room.query("input_reply", { execution_id: executionId, value });
  }

  /** Sends a widget's message to the kernel, behind the widget state that it names by its heads (RP 5.6). */
  sendComm(message: Shape, commsHeads: readonly string[]): Promise<void> {
    return this.room.request("send_comm", { message, comms_heads: commsHeads });
  }

  /** Hears what the kernel's side says to everybody, for as long as the notebook is open. */
  onBroadcast(listener: (message: Shape) => void): void {
    this.listeners.add(listener);
  }

  async complete(code: string, position: number): Promise<Completion[]> {
    await this.assertMayAsk("to get completions");
    return complete(this.room, code, position);
  }

  async inspect(code: string, position: number, detail: 0 | 1): Promise<string | undefined> {
    await this.assertMayAsk("to look this up");
    return inspect(this.room, code, position, detail);
  }

  attach(workstationId: string): Promise<void> {
    return attach(this.id, workstationId, false);
  }

  /** Gives up the work of a machine that is away (D2). */
  endWork(): Promise<void> {
    return endWork(this.id);
  }

  async restart(): Promise<void> {
    const at = this.attachment.value;
    if (at === undefined) throw new Error("No machine is attached.");
    // Attaching is the owner's; who may only run asks the kernel's side (D12, D14).
    if (!this.isOwner.peek()) return this.restartAsAsked();
    await attach(this.id, at.workstationId, true);
  }

  async setIdleMinutes(minutes: number | undefined): Promise<void> {
    await setIdleMinutes(this.id, minutes);
    this.idleMinutes.value = minutes;
  }

  setKernel(kernel: WantedKernel): void {
    this.editor.setKernel(kernel);
  }

  /** Starts the kernel anew as the notebook asks by now (D12). */
  restartAsAsked(): Promise<void> {
    return this.requestAsSeen("restart_kernel", {});
  }

  async rename(title: string): Promise<void> {
    this.title.value = (await renameNotebook(this.id, title)) ?? title;
  }

  /** Tells the others where this tab's cursor is; the last place within a short time counts. */
  placeCursor(cellId: string, line: number, column: number): void {
    this.sendCursor(encodeCursor(cellId, line, column));
  }

  hideCursor(): void {
    this.sendCursor(encodeClear());
  }

  /** The room would say it in its own words, and only to whoever is connected. */
  private async assertMayRun(): Promise<void> {
    const { scope } = this.session.peek();
    if (scope === "viewer") {
      const canAsk = !this.isVersion && signedIn.peek() === "yes";
      throw new Error(`You can only read this notebook.${canAsk ? " “Ask to edit” tells its owner." : ""}`);
    }
    if (scope !== "editor") return;
    // The owner may have just given the right.
    await this.readRights();
    if (!this.canRun.peek()) throw new Error("You may not run cells here; its owner can let you.");
  }

  private async assertMayAsk(why: string): Promise<void> {
    if (!this.canRun.peek()) await this.assertMayRun();
    if (this.attachment.peek()) return;
    const who = this.isOwner.peek() ? "Attach a machine" : "The notebook's owner can attach a machine";
    throw new Error(`${who} ${why}.`);
  }

  /** Asks for what is seen here: the room refuses while it lacks our edits, and is asked again once it has them. */
  private async requestAsSeen(action: string, fields: Record<string, unknown>): Promise<void> {
    if (!this.canRun.peek()) await this.assertMayRun();
    const wanted = () => ({ ...fields, required_heads: this.documents.notebook.heads() });
    const end = Date.now() + RUN_LIMIT_MS;
    for (;;) {
      try {
        return await this.room.request(action, wanted);
      } catch (error) {
        if (Date.now() > end || !messageOf(error).includes(NOT_YET_THERE)) throw error;
        await new Promise((resolve) => setTimeout(resolve, RUN_RETRY_MS));
      }
    }
  }

  private sendCursor(payload: Uint8Array): void {
    this.cursor = payload;
    this.cursorTimer ??= setTimeout(() => {
      this.cursorTimer = undefined;
      if (this.cursor) this.room.sendPresence(this.cursor);
    }, CURSOR_MS);
  }

  private showCursors(): void {
    const peers = new Set(this.session.peek().peers.map((peer) => peer.id));
    const next = this.others.current(peers, Date.now());
    if (next.length > 0 || this.cursors.peek().length > 0) this.cursors.value = next;
  }

  /** What the room does not hold stays in this tab, for the next time the notebook is opened in it. */
  private readonly keepUnsent = () => {
    if (!this.session.peek().unsaved) return;
    keepMore(this.id, sourcesOf(this.documents.notebook.value, this.touched));
  };
  private readonly warn = (event: BeforeUnloadEvent) => {
    if (this.session.peek().unsaved) event.preventDefault();
  };
  private readonly lookAtRights = () => {
    const { phase } = this.session.peek();
    if (phase !== "live" || signedIn.peek() !== "yes") return;
    const mayChange = !document.hidden && !this.isOwner.peek();
    if (!mayChange && Date.now() - this.rightsLookedAt < RENEW_MS) return;
    this.rightsLookedAt = Date.now();
    this.readRights();
  };
  private readonly online = () => this.room.online();
  private readonly offline = () => this.room.offline();

  private schedule(): void {
    this.publishTimer ??= setTimeout(() => this.publish(), PUBLISH_MS);
  }

  /** Shows what the documents hold now; bursts from the room are shown together. */
  private publish(): void {
    clearTimeout(this.publishTimer);
    this.publishTimer = undefined;
    const runtime = this.documents.runtime.value;
    batch(() => {
      this.cells.value = readCells(this.documents.notebook.value);
      this.executions.value = runtime.executions ?? {};
      this.kernel.value = readKernel(this.documents.runtime);
      this.attachment.value = readAttachment(runtime);
      this.queue.value = readQueue(runtime);
      const wanted = readWanted(this.documents.notebook.value);
      if (JSON.stringify(wanted) !== JSON.stringify(this.wantedKernel.peek()))
        this.wantedKernel.value = wanted;
    });
  }
}

export async function openNotebook(id: string): Promise<NotebookStore> {
  const [api, info] = await Promise.all([loadAutomerge(), getNotebook(id)]);
  const store = new NotebookStore(api, id, info.scope);
  store.take(info);
  store.start();
  return store;
}

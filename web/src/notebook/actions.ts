// What keys and buttons do with the kernel and its machine; what they do to cells is in cell-actions.
import { computed, signal } from "@preact/signals";
import { ApiError, messageOf } from "../api/http";
import { listWorkstations, type OfferedKernel } from "../api/workstations";
import { confirm } from "../ui/dialog";
import { toast, toastError, toastLasting } from "../ui/toasts";
import { CellActions } from "./cell-actions";
import type { CellView } from "./cells";
import { connectionState } from "./connection-state";
import { Folding } from "./folding";
import { restarted } from "./restarted";
import { neighbour, type Selection } from "./selection";
import type { NotebookStore } from "./store";

/** How the room refuses a run that nothing would take (room protocol 5.4). */
const NO_COMPUTE = "no runtime peer is attached";

const SAVED_WORDS = {
  connecting: "Connecting…",
  offline: "Not saved yet: there is no connection. Your edits are kept in this tab.",
  saving: "Saving…",
  saved: "Saved",
  refused: "Not saved: the server does not take your edits.",
};

/** How long the bar to find may take to come. */
const BAR_MS = 5_000;

export class Actions {
  readonly store: NotebookStore;
  readonly selection: Selection;
  readonly cells: CellActions;
  readonly folding: Folding;
  /** Whether the list of keys is shown. */
  readonly shortcuts = signal(false);
  /** Whether the bar to find and replace is open. */
  readonly finding = signal(false);
  /** What was typed since it was asked for, until it takes the keys itself. */
  private typedAhead: string | undefined;
  /** The cell that the Tab key reaches: the selected one, or the first. */
  readonly tabStop = computed(() => {
    const cells = this.store.cells.value;
    const id = this.selection.cellId.value;
    return cells.some((cell) => cell.id === id) ? id : cells[0]?.id;
  });

  readonly selected = computed(() => this.selection.range(this.store.cells.value));

  constructor(store: NotebookStore, selection: Selection) {
    this.store = store;
    this.selection = selection;
    this.cells = new CellActions(store, selection);
    this.folding = new Folding(store);
  }

  run(id: string | undefined): void {
    const cell = this.cell(id);
    if (cell?.type === "code" && cell.source.trim() !== "") {
      this.store.run(cell.id).catch(this.notRun("The cell was not run.", () => this.run(id)));
    }
  }

  /** Ctrl+Enter: run and stay. */
  runStay(ids: readonly string[]): void {
    this.runCells(ids);
    if (ids.length === 1) this.selection.command(ids[0]);
  }

  /** Shift+Enter: run and go to the next cell, which is made when there is none. */
  runAdvance(ids: readonly string[]): void {
    this.runCells(ids);
    const cells = this.store.cells.value;
    const last = ids.at(-1);
    if (last !== undefined && cells.at(-1)?.id === last && this.store.canEdit.value) {
      this.selection.edit(this.store.editor.addCell(last, "code"));
    } else {
      this.selection.command(neighbour(cells, last, 1));
    }
  }

  /** Alt+Enter: run and go on in a new cell below. */
  runInsert(ids: readonly string[]): void {
    this.runCells(ids);
    this.cells.addBelow(ids.at(-1), "code");
  }

  showShortcuts(shown: boolean): void {
    this.shortcuts.value = shown;
  }

  /** Opens the bar to find and replace, or closes it and goes on at the cell that was found. */
  find(shown: boolean): void {
    if (shown && !this.finding.peek()) {
      this.typedAhead = "";
      // Where the bar does not come, keys are what they were.
      setTimeout(() => this.takeTypedAhead(), BAR_MS);
    }
    this.finding.value = shown;
    if (!shown) this.selection.command(this.selection.cellId.peek());
  }

  /** Keeps what is typed while the bar is still on its way: it means that, and no cell. */
  typeAhead({ key, ctrlKey, metaKey, altKey }: KeyboardEvent): boolean {
    if (this.typedAhead === undefined || ctrlKey || metaKey || altKey) return false;
    if (key === "Backspace") this.typedAhead = this.typedAhead.slice(0, -1);
    else if (key.length === 1) this.typedAhead += key;
    else return false;
    return true;
  }

  takeTypedAhead(): string {
    const typed = this.typedAhead ?? "";
    this.typedAhead = undefined;
    return typed;
  }

  /** Ctrl+S: nothing is to be done, and whoever presses it wants to know. */
  saySaved(): void {
    const { status } = connectionState(this.store.session.value);
    toast(SAVED_WORDS[status]);
  }

  runAll(): void {
    this.store.runAll().catch(this.notRun("The cells were not run.", () => this.runAll()));
  }

  /** Runs the cells before the given one. */
  runAbove(id: string | undefined): void {
    const cells = this.store.cells.value;
    this.runEach(cells.slice(0, Math.max(0, this.indexOf(id))), () => this.runAbove(id));
  }

  /** Runs the given cell and those after it. */
  runBelow(id: string | undefined): void {
    const cells = this.store.cells.value;
    this.runEach(cells.slice(Math.max(0, this.indexOf(id))), () => this.runBelow(id));
  }

  interrupt(): void {
    this.store.interrupt().catch((error: unknown) => toastError("The kernel was not interrupted.", error));
  }

  async restart(): Promise<void> {
    const yes = await confirm(
      "Restart the kernel?",
      "Variables and imports are lost. The notebook and its outputs stay.",
      "Restart",
      true,
    );
    if (yes) this.restartNow();
  }

  restartNow(): void {
    this.store.restart().catch((error: unknown) => toastError("The kernel was not restarted.", error));
  }

  async restartAndRunAll(): Promise<void> {
    const yes = await confirm(
      "Restart the kernel and run all cells?",
      "Variables and imports are lost. Then the cells run from the first to the last.",
      "Restart and run all",
      true,
    );
    if (!yes) return;
    try {
      if (await restarted(this.store, () => this.store.restart())) this.runAll();
    } catch (error) {
      toastError("The kernel was not restarted.", error);
    }
  }

  /** The choice counts from the next start of the kernel, which is offered where one is running. */
  async chooseKernel({ name, displayName, language }: OfferedKernel): Promise<void> {
    const { store } = this;
    store.setKernel({ name, displayName, language });
    if (store.attachment.peek() === undefined || store.session.peek().runtimePeers === 0) return;
    const yes = await confirm(
      `Start ${displayName} now?`,
      "The notebook asks for it from now on. The kernel that runs now goes on until it is restarted; then its variables and imports are lost.",
      "Restart now",
    );
    if (!yes) return;
    store.restartAsAsked().catch((error: unknown) => toastError("The kernel was not restarted.", error));
  }

  /** Stops waiting for a machine that is away. */
  async giveUp(): Promise<void> {
    const yes = await confirm(
      "Stop waiting for the machine?",
      "Cells that wait are not run. A cell that was running there is shown as ended; what it still prints is lost. You can attach a machine afterwards.",
      "Stop waiting",
    );
    if (!yes) return;
    this.store.endWork().catch((error: unknown) => toastError("The cells were not cancelled.", error));
  }

  async attach(workstationId: string): Promise<void> {
    try {
      await this.store.attach(workstationId);
    } catch (error) {
      const offline = error instanceof ApiError && error.status === 409;
      toastError(offline ? "That machine is not listening now." : "The machine was not attached.", error);
    }
  }

  private runCells(ids: readonly string[]): void {
    if (ids.length <= 1) {
      this.run(ids[0]);
      return;
    }
    const cells = this.store.cells.value.filter(({ id }) => ids.includes(id));
    this.runEach(cells, () => this.runCells(ids));
  }

  /** Asks for all at once, in order: if one fails, those behind it are not run. */
  private runEach(cells: readonly CellView[], again: () => void): void {
    let hasFailed = false;
    for (const { id, type, source } of cells) {
      if (type !== "code" || source.trim() === "") continue;
      this.store.run(id).catch((error: unknown) => {
        // What keeps one from running keeps the others as well: it is said once.
        if (!hasFailed) this.notRun("The cells were not run.", again)(error);
        hasFailed = true;
      });
    }
  }

  private indexOf(id: string | undefined): number {
    return this.store.cells.value.findIndex((cell) => cell.id === id);
  }

  private notRun(what: string, again: () => void): (error: unknown) => void {
    return (error) => {
      if (!messageOf(error).includes(NO_COMPUTE)) return toastError(what, error);
      this.offerMachine(what, again).catch((cause: unknown) => toastError(what, cause));
    };
  }

  /** No machine is attached: offers the one that listens, or says what to do. */
  private async offerMachine(what: string, again: () => void): Promise<void> {
    const said = (text: string) => toastError(what, new Error(text));
    if (!this.store.isOwner.value)
      return said("No machine is attached; the notebook's owner can attach one.");
    const online = (await listWorkstations()).filter((machine) => machine.status === "online");
    const [machine] = online;
    if (machine === undefined) {
      return said(
        "No machine of yours is listening. Start one with `runt workstation run`, or add one under Workstations.",
      );
    }
    if (online.length > 1) return said("No machine is attached. Choose one above, then run again.");
    toastLasting(`${what} No machine is attached.`, {
      label: `Run on ${machine.name}`,
      run: () => {
        this.attach(machine.id).then(again);
      },
    });
  }

  private cell(id: string | undefined) {
    return this.store.cells.value.find((cell) => cell.id === id);
  }
}

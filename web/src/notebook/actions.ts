// What keys and buttons do: intents on the store, with the selection moved along.
import { ApiError, messageOf } from "../api/http";
import { listWorkstations, type OfferedKernel } from "../api/workstations";
import { confirm } from "../ui/dialog";
import { toastError } from "../ui/toasts";
import type { CellType } from "./cells";
import { neighbour, type Selection } from "./selection";
import type { NotebookStore } from "./store";

/** How the room refuses a run that nothing would take (room protocol 5.4). */
const NO_COMPUTE = "no runtime peer is attached";

export class Actions {
  readonly store: NotebookStore;
  readonly selection: Selection;

  constructor(store: NotebookStore, selection: Selection) {
    this.store = store;
    this.selection = selection;
  }

  run(id: string | undefined): void {
    const cell = this.cell(id);
    if (cell?.type === "code" && cell.source.trim() !== "") {
      this.store.run(cell.id).catch(this.notRun("The cell was not run.", () => this.run(id)));
    }
  }

  /** Ctrl+Enter: run and stay. */
  runStay(id: string | undefined): void {
    this.run(id);
    this.selection.command(id);
  }

  /** Shift+Enter: run and go to the next cell, which is made when there is none. */
  runAdvance(id: string | undefined): void {
    this.run(id);
    const cells = this.store.cells.value;
    if (id !== undefined && cells.at(-1)?.id === id && this.store.canEdit.value) {
      this.selection.edit(this.store.editor.addCell(id, "code"));
    } else {
      this.selection.command(neighbour(cells, id, 1));
    }
  }

  runAll(): void {
    this.store.runAll().catch(this.notRun("The cells were not run.", () => this.runAll()));
  }

  interrupt(): void {
    this.store.interrupt().catch((error: unknown) => toastError("The kernel was not interrupted.", error));
  }

  async restart(): Promise<void> {
    const yes = await confirm(
      "Restart the kernel?",
      "Variables and imports are lost. The notebook and its outputs stay.",
      "Restart",
    );
    if (!yes) return;
    this.store.restart().catch((error: unknown) => toastError("The kernel was not restarted.", error));
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

  addBelow(id: string | undefined, type: CellType): void {
    if (!this.store.canEdit.value) return;
    const last = this.store.cells.value.at(-1)?.id;
    this.selection.edit(this.store.editor.addCell(id ?? last, type));
  }

  insertAbove(id: string | undefined): void {
    if (!this.store.canEdit.value) return;
    const cells = this.store.cells.value;
    const index = cells.findIndex((cell) => cell.id === id);
    this.selection.command(this.store.editor.addCell(cells[index - 1]?.id, "code"));
  }

  insertBelow(id: string | undefined): void {
    if (!this.store.canEdit.value) return;
    this.selection.command(this.store.editor.addCell(id, "code"));
  }

  remove(id: string | undefined): void {
    if (id === undefined || !this.store.canEdit.value) return;
    const cells = this.store.cells.value;
    const next = neighbour(cells, id, 1);
    const goTo = next === id ? neighbour(cells, id, -1) : next;
    this.store.editor.deleteCell(id);
    this.selection.command(goTo === id ? undefined : goTo);
  }

  move(id: string | undefined, step: -1 | 1): void {
    if (id === undefined || !this.store.canEdit.value) return;
    this.store.editor.moveCell(id, step);
    requestAnimationFrame(() => this.selection.command(id));
  }

  setType(id: string | undefined, type: CellType): void {
    if (id === undefined || !this.store.canEdit.value) return;
    this.store.setType(id, type);
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
    toastError(what, new Error("No machine is attached."), {
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

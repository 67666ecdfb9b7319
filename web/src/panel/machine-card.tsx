// One machine: its state with reason and since when, and what it offers.
import { useState } from "preact/hooks";
import { chooseDefault, removeWorkstation, type Workstation } from "../api/workstations";
import { confirm } from "../ui/dialog";
import { IconHistory, IconTrash } from "../ui/icons";
import { ago, now, when } from "../ui/time";
import { toast, toastError } from "../ui/toasts";
import { History } from "./history";
import { clockHint, facts, messageOf, stateOf } from "./machine-state";
import { MachineUse } from "./machine-use";

async function remove(machine: Workstation, refresh: () => void): Promise<void> {
  const yes = await confirm(
    `Remove ${machine.name}?`,
    "It disappears from this list. Its credential stays valid until you revoke it below; while the machine's agent runs, it registers again.",
    "Remove",
  );
  if (!yes) return;
  try {
    await removeWorkstation(machine.id);
    toast(`${machine.name} was removed.`);
    refresh();
  } catch (error) {
    toastError(`${machine.name} was not removed.`, error);
  }
}

async function prefer(machine: Workstation, refresh: () => void): Promise<void> {
  try {
    await chooseDefault(machine.id);
    refresh();
  } catch (error) {
    toastError("The preferred machine was not changed.", error);
  }
}

export function MachineCard({ machine, refresh }: { machine: Workstation; refresh(): void }) {
  const state = stateOf(machine);
  const message = messageOf(machine);
  const offered = facts(machine);
  const clock = clockHint(machine.clockSkewMs);
  const [history, setHistory] = useState(false);
  return (
    <li
      class="machine"
      data-testid="workstation"
      data-workstation-id={machine.id}
      data-status={machine.status}
    >
      <div class="machine-main">
        <h2 class="machine-name">
          {machine.name}
          {machine.isDefault && <span class="tag">preferred</span>}
        </h2>
        <p class="machine-state">
          <span class={`dot dot-${state.tone}`} />
          <strong data-testid="workstation-status">{state.label}</strong>
          <span class="muted">
            {machine.since !== undefined && ` since ${when(machine.since)}`}
            {message ? ` · ${message}` : ""} · last heard {ago(machine.lastSeenAt, now.value)}
          </span>
        </p>
        {offered.length > 0 && (
          <ul class="facts" aria-label="What it offers">
            {offered.map((fact) => (
              <li key={fact}>{fact}</li>
            ))}
          </ul>
        )}
        <MachineUse machine={machine} />
        {clock && <p class="hint">{clock}</p>}
        {state.next && <p class="hint">{state.next}</p>}
      </div>
      <div class="machine-actions">
        <button
          type="button"
          class="icon-button"
          aria-label={`History of ${machine.name}`}
          title="History"
          data-testid="machine-history"
          onClick={() => setHistory(true)}
        >
          <IconHistory />
        </button>
        {!machine.isDefault && (
          <button type="button" class="button button-quiet" onClick={() => prefer(machine, refresh)}>
            Prefer
          </button>
        )}
        <button
          type="button"
          class="icon-button"
          aria-label={`Remove ${machine.name}`}
          data-testid="remove-workstation"
          onClick={() => remove(machine, refresh)}
        >
          <IconTrash />
        </button>
      </div>
      {history && <History machine={machine} onClose={() => setHistory(false)} />}
    </li>
  );
}

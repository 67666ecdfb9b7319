// The menu of the compute chip: which machine runs the notebook, and what the kernel uses there.
import { useEffect, useState } from "preact/hooks";
import { messageOf } from "../api/http";
import { listWorkstations, type Workstation } from "../api/workstations";
import { stateOf } from "../panel/machine-state";
import { IconMachine, IconRestart } from "../ui/icons";
import { onLinkClick } from "../ui/router";
import { ago, now } from "../ui/time";
import type { Actions } from "./actions";
import { KernelUseView } from "./kernel-use";

const REFRESH_MS = 3_000;

function MachineItem({
  machine,
  current,
  choose,
}: {
  machine: Workstation;
  current: boolean;
  choose(): void;
}) {
  const state = stateOf(machine);
  const online = machine.status === "online";
  return (
    <button
      type="button"
      class="menu-item"
      data-testid="attach-machine"
      data-workstation-id={machine.id}
      data-status={machine.status}
      aria-current={current ? "true" : undefined}
      disabled={!online}
      onClick={choose}
    >
      <span class={`dot dot-${state.tone}`} />
      <span class="menu-item-main">
        <span>{machine.name}</span>
        <span class="menu-item-sub">
          {state.label}
          {current && " · attached"}
          {!online && ` · last heard ${ago(machine.lastSeenAt, now.value)}`}
        </span>
      </span>
    </button>
  );
}

export function MachineMenu({ actions, close }: { actions: Actions; close(): void }) {
  const [machines, setMachines] = useState<Workstation[] | undefined>();
  const [why, setWhy] = useState<string | undefined>();
  useEffect(() => {
    const load = () =>
      listWorkstations().then(
        (list) => setMachines(list),
        (error: unknown) => setWhy(messageOf(error)),
      );
    load();
    const timer = setInterval(load, REFRESH_MS);
    return () => clearInterval(timer);
  }, []);
  const attached = actions.store.attachment.value?.workstationId;
  return (
    <>
      <p class="menu-title">Run on</p>
      {why !== undefined && <p class="menu-note">{why}</p>}
      {machines === undefined && why === undefined && <p class="menu-note">Looking for machines…</p>}
      {machines?.length === 0 && <p class="menu-note">No machine is paired yet.</p>}
      {machines?.map((machine) => (
        <MachineItem
          key={machine.id}
          machine={machine}
          current={machine.id === attached}
          choose={() => {
            close();
            actions.attach(machine.id);
          }}
        />
      ))}
      {attached !== undefined && (
        <KernelUseView actions={actions} machine={machines?.find(({ id }) => id === attached)} />
      )}
      <div class="menu-rule" />
      {attached !== undefined && (
        <button
          type="button"
          class="menu-item"
          data-testid="menu-restart"
          onClick={() => {
            close();
            actions.restart();
          }}
        >
          <IconRestart />
          Restart kernel
        </button>
      )}
      <a class="menu-item" href="/workstations" onClick={onLinkClick}>
        <IconMachine />
        {machines?.length === 0 ? "Add a machine" : "Manage machines"}
      </a>
    </>
  );
}

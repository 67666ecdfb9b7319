// The kernel chip: which kernel the notebook asks for, and the menu to choose another one.
import { useEffect, useState } from "preact/hooks";
import { messageOf } from "../api/http";
import { listWorkstations, type OfferedKernel, type Workstation } from "../api/workstations";
import { IconChevron } from "../ui/icons";
import { Menu } from "../ui/menu";
import type { Actions } from "./actions";
import { currentOf, groupsOf, machineOf, sourceText, type WantedKernel } from "./kernel-choice";

function KernelItem({
  kernel,
  current,
  choose,
}: {
  kernel: OfferedKernel;
  current: boolean;
  choose(): void;
}) {
  return (
    <button
      type="button"
      class="menu-item"
      data-testid="choose-kernel"
      data-kernel={kernel.name}
      aria-current={current ? "true" : undefined}
      aria-disabled={kernel.available ? undefined : "true"}
      onClick={kernel.available ? choose : undefined}
    >
      <span class="menu-check" aria-hidden="true">
        {current && "✓"}
      </span>
      <span class="menu-item-main">
        <span>{kernel.displayName}</span>
        <span class="menu-item-sub">{sourceText(kernel)}</span>
        {kernel.reason !== undefined && <span class="menu-item-why">{kernel.reason}</span>}
      </span>
    </button>
  );
}

/** What becomes of a notebook whose kernel the machine does not offer. */
function Missing({ wanted, machine }: { wanted: WantedKernel; machine: Workstation }) {
  const isPython = wanted.language === "python" || wanted.name.includes("python");
  return (
    <p class="menu-note" data-testid="kernel-missing">
      {wanted.displayName} is not on {machine.name}:{" "}
      {isPython ? "its own Python runs the cells." : "no cell can run there until another kernel is chosen."}
    </p>
  );
}

function Offered({ machine, actions, close }: { machine: Workstation; actions: Actions; close(): void }) {
  const wanted = actions.store.wantedKernel.value;
  const kernels = machine.kernels ?? [];
  const current = currentOf(kernels, wanted);
  return (
    <>
      <p class="menu-title">Kernels on {machine.name}</p>
      {machine.kernels === undefined && (
        <p class="menu-note">This machine has not said which kernels it has.</p>
      )}
      {machine.kernels !== undefined && wanted !== undefined && current === undefined && (
        <Missing wanted={wanted} machine={machine} />
      )}
      {groupsOf(kernels).map(({ title, kernels: all }) => (
        // biome-ignore lint/a11y/useSemanticElements: a fieldset is for forms.
        <div key={title} role="group" aria-label={title}>
          <p class="menu-group">{title}</p>
          {all.map((kernel) => (
            <KernelItem
              key={kernel.name}
              kernel={kernel}
              current={kernel === current}
              choose={() => {
                close();
                if (kernel !== current) actions.chooseKernel(kernel);
              }}
            />
          ))}
        </div>
      ))}
    </>
  );
}

function KernelMenu({ actions, close }: { actions: Actions; close(): void }) {
  const [machines, setMachines] = useState<Workstation[] | undefined>();
  const [why, setWhy] = useState<string | undefined>();
  useEffect(() => {
    listWorkstations().then(setMachines, (error: unknown) => setWhy(messageOf(error)));
  }, []);
  const machine = machines && machineOf(machines, actions.store.attachment.value?.workstationId);
  return (
    <>
      {why !== undefined && <p class="menu-note">{why}</p>}
      {machines === undefined && why === undefined && <p class="menu-note">Looking for kernels…</p>}
      {machines !== undefined && machine === undefined && (
        <p class="menu-note">Attach a machine first: it says which kernels it has.</p>
      )}
      {machine !== undefined && <Offered machine={machine} actions={actions} close={close} />}
    </>
  );
}

export function KernelChip({ actions }: { actions: Actions }) {
  const { store } = actions;
  const running = store.kernel.value.name;
  const name =
    store.wantedKernel.value?.displayName ?? (running === "" || running === "python3" ? "Python 3" : running);
  if (!store.isOwner.value) {
    return (
      <span class="chip" data-testid="kernel-name">
        {name}
      </span>
    );
  }
  const label = (
    <>
      <span class="chip-label" data-testid="kernel-name">
        {name}
      </span>
      <IconChevron />
    </>
  );
  return (
    <Menu
      label={label}
      name={`Kernel: ${name}`}
      testId="kernel-chip"
      buttonClass="chip chip-button chip-kernel"
    >
      {(close) => <KernelMenu actions={actions} close={close} />}
    </Menu>
  );
}

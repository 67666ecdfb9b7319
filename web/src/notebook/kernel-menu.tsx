// The menu of the kernel chip: the kernels that the attached machine offers.
import { useEffect, useState } from "preact/hooks";
import { messageOf } from "../api/http";
import { listWorkstations, type OfferedKernel, type Workstation } from "../api/workstations";
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

export function KernelMenu({ actions, close }: { actions: Actions; close(): void }) {
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

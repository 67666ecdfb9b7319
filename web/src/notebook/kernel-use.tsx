// What the attached kernel uses, and when it stops if nobody runs anything.
import type { Workstation } from "../api/workstations";
import { bytesText, Meter, percentText } from "../ui/meter";
import { Select } from "../ui/select";
import { toastError } from "../ui/toasts";
import type { Actions } from "./actions";

/** What the server does where neither the notebook nor its machine says anything. */
const DEFAULT_MINUTES = 30;
const CHOICES = [30, 120, 480, 0];

export function minutesText(minutes: number): string {
  if (minutes === 0) return "never";
  if (minutes % 60 !== 0) return `after ${minutes} min`;
  return minutes === 60 ? "after 1 hour" : `after ${minutes / 60} hours`;
}

function IdleChoice({ actions, machine }: { actions: Actions; machine: Workstation | undefined }) {
  const { store } = actions;
  const chosen = store.idleMinutes.value;
  const ofMachine = machine?.idleMinutes ?? DEFAULT_MINUTES;
  const minutes = chosen === undefined || CHOICES.includes(chosen) ? CHOICES : [...CHOICES, chosen];
  const options = [
    { value: "", label: `${minutesText(ofMachine)} (default)` },
    ...minutes.map((value) => ({ value: String(value), label: minutesText(value) })),
  ];
  return (
    <div class="menu-row">
      <span>Stop if unused</span>
      <Select
        label="Stop the kernel when nothing was run"
        testId="idle-minutes"
        value={chosen === undefined ? "" : String(chosen)}
        options={options}
        title="Only running cells count. A cell that runs is never stopped by it."
        choose={(value) => {
          const change = store.setIdleMinutes(value === "" ? undefined : Number(value));
          change.catch((error: unknown) => toastError("The time was not changed.", error));
        }}
      />
    </div>
  );
}

export function KernelUseView({ actions, machine }: { actions: Actions; machine: Workstation | undefined }) {
  const use = actions.store.kernelUse.value;
  const total = machine?.memoryBytes;
  return (
    <>
      <div class="menu-rule" />
      {use !== undefined && (
        <div class="menu-use" data-testid="kernel-use">
          {use.cpuPercent !== undefined && (
            <Meter
              name="CPU"
              part={use.cpuPercent / 100 / Math.max(1, machine?.cpus ?? 1)}
              text={percentText(use.cpuPercent)}
              testId="kernel-cpu"
            />
          )}
          <Meter
            name="Memory"
            part={total === undefined ? undefined : use.memoryBytes / total}
            text={bytesText(use.memoryBytes)}
            testId="kernel-memory"
          />
          {use.gpuMemoryBytes !== undefined && (
            <Meter name="GPU memory" part={undefined} text={bytesText(use.gpuMemoryBytes)} />
          )}
        </div>
      )}
      <IdleChoice actions={actions} machine={machine} />
    </>
  );
}

// The compute chip: what runs this notebook, and the way to the menu of machines.
import { useComputed } from "@preact/signals";
import { IconChevron } from "../ui/icons";
import { Later } from "../ui/later";
import { Menu } from "../ui/menu";
import type { Actions } from "./actions";
import { computeState } from "./compute";

export function useComputeState({ store }: Actions) {
  return useComputed(() => {
    const { runtimePeers, phase, rejoining } = store.session.value;
    const live = phase === "live" || rejoining;
    const silentSince = store.kernelUse.value?.unresponsiveSince;
    return computeState(store.attachment.value, store.kernel.value, runtimePeers, live, silentSince);
  }).value;
}

const loadMenu = () => import("./machine-menu").then((module) => module.MachineMenu);

export function ComputeChip({ actions }: { actions: Actions }) {
  const state = useComputeState(actions);
  const label = (
    <>
      <span class={`dot dot-${state.tone}`} />
      <span class="chip-label" data-testid="compute-status" data-status={state.status}>
        {state.label}
      </span>
      <IconChevron />
    </>
  );
  if (!actions.store.isOwner.value) {
    return (
      <span class="chip">
        <span class={`dot dot-${state.tone}`} />
        <span data-testid="compute-status" data-status={state.status}>
          {state.label}
        </span>
      </span>
    );
  }
  return (
    <Menu label={label} name={`Compute: ${state.label}`} testId="compute-chip" buttonClass="chip chip-button">
      {(close) => <Later load={loadMenu} props={{ actions, close }} />}
    </Menu>
  );
}

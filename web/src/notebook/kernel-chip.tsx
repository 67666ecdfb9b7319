// The kernel chip: which kernel the notebook asks for, and the way to the menu of kernels.
import { IconChevron } from "../ui/icons";
import { Later } from "../ui/later";
import { Menu } from "../ui/menu";
import type { Actions } from "./actions";

const loadMenu = () => import("./kernel-menu").then((module) => module.KernelMenu);

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
      {(close) => <Later load={loadMenu} props={{ actions, close }} />}
    </Menu>
  );
}

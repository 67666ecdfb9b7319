// What stands in place of a folded part of a cell, and the ways to fold one.
import { useComputed } from "@preact/signals";
import { IconChevron, IconFold } from "../ui/icons";
import type { Actions } from "./actions";
import type { CellView } from "./cells";
import type { CellPart } from "./folding";

interface FoldProps {
  cell: CellView;
  actions: Actions;
}

function nameOf(cell: CellView, part: CellPart): string {
  if (part === "outputs") return "outputs";
  return cell.type === "code" ? "code" : "text";
}

/** The way back, with what tells of the hidden part. */
export function Folded({ cell, actions, part, told }: FoldProps & { part: CellPart; told: string }) {
  const isStop = useComputed(() => actions.tabStop.value === cell.id).value;
  const name = nameOf(cell, part);
  return (
    <button
      type="button"
      class="folded"
      tabIndex={isStop ? 0 : -1}
      aria-expanded={false}
      title={`Show the ${name}`}
      data-testid={`folded-${part}`}
      onClick={() => actions.folding.toggle([cell.id], part)}
    >
      <IconChevron />
      <span>Hidden {name}</span>
      <code>{told}</code>
    </button>
  );
}

/** Beside the outputs; the keyboard has a key for it. */
export function FoldOutputs({ cell, actions }: FoldProps) {
  return (
    <button
      type="button"
      class="fold-outputs"
      tabIndex={-1}
      aria-expanded={true}
      aria-label="Hide the outputs"
      title="Hide the outputs"
      data-testid="fold-outputs"
      onClick={() => actions.folding.toggle([cell.id], "outputs")}
    >
      <IconChevron />
    </button>
  );
}

/** Among a cell's tools. */
export function FoldSource({
  cell,
  actions,
  number,
  tabIndex,
}: FoldProps & { number: number; tabIndex: number }) {
  const hidden = actions.folding.isHidden(cell, "source");
  const name = nameOf(cell, "source");
  return (
    <button
      type="button"
      class="icon-button"
      tabIndex={tabIndex}
      aria-expanded={!hidden}
      aria-label={`${hidden ? "Show" : "Hide"} the ${name} of cell ${number}`}
      title={`${hidden ? "Show" : "Hide"} the ${name}`}
      data-testid="fold-source"
      onClick={() => actions.folding.toggle([cell.id], "source")}
    >
      <IconFold />
    </button>
  );
}

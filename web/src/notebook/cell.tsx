// One cell: its gutter, its editor or rendered text, its tools, its outputs.
import { computed, useComputed } from "@preact/signals";
import { memo } from "preact/compat";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { Markdown } from "../outputs/markdown";
import { Outputs } from "../outputs/outputs";
import { useSteadyOutputs, useSteadyPlace } from "../outputs/steady";
import { IconClear, IconDown, IconRun, IconTrash, IconUp } from "../ui/icons";
import type { Actions } from "./actions";
import { isClearable } from "./cell-actions";
import type { CellType, CellView } from "./cells";
import { CodeEditor } from "./code-editor";
import type { ExecutionView } from "./executions";
import { Folded, FoldOutputs, FoldSource } from "./fold";
import { InputPrompt } from "./input-prompt";
import type { NotebookStore } from "./store";

const TYPE_NAMES: Record<CellType, string> = { code: "Code", markdown: "Text", raw: "Raw" };

/** How much of a folded source's first line is told. */
const TOLD_CHARACTERS = 160;

interface CellProps {
  cell: CellView;
  number: number;
  actions: Actions;
  outputOrigin: string | undefined;
}

/** Follows the cell's execution; a new pointer makes a new computation. */
function useExecution(store: NotebookStore, cell: CellView): ExecutionView | undefined {
  const execution = useMemo(() => computed(() => store.executionOf(cell)), [store, cell]);
  return execution.value;
}

function countText(cell: CellView, execution: ExecutionView | undefined): string {
  if (execution?.status === "running" || execution?.status === "queued") return "*";
  const count = execution?.count ?? cell.storedCount;
  return count === undefined ? " " : String(count);
}

interface PartProps extends Pick<CellProps, "cell" | "number" | "actions"> {
  /** Whether the Tab key reaches the cell and what belongs to it; the other cells' buttons are passed over. */
  isStop: boolean;
}

function Gutter({ cell, number, actions, isStop }: PartProps) {
  const execution = useExecution(actions.store, cell);
  const draggable = actions.store.canEdit.value;
  if (cell.type !== "code") return <div class="cell-gutter" draggable={draggable} />;
  const status = execution?.status ?? "none";
  return (
    <div class="cell-gutter" draggable={draggable}>
      <span class={`cell-count cell-count-${status}`} data-testid="cell-count">
        [{countText(cell, execution)}]
      </span>
      {actions.store.canRun.value && (
        <button
          type="button"
          class="run-button"
          tabIndex={isStop ? 0 : -1}
          aria-label={`Run cell ${number}`}
          data-testid="run-cell"
          onClick={() => actions.run(cell.id)}
        >
          <IconRun />
        </button>
      )}
    </div>
  );
}

function Tools({ cell, number, actions, isStop }: PartProps) {
  const execution = useExecution(actions.store, cell);
  if (!actions.store.canEdit.value) return null;
  const tabIndex = isStop ? 0 : -1;
  return (
    <div class="cell-tools" role="toolbar" aria-label={`Cell ${number}`}>
      <select
        class="type-select"
        tabIndex={tabIndex}
        aria-label={`Type of cell ${number}`}
        data-testid="cell-type"
        value={cell.type}
        onChange={(event) => actions.cells.setType([cell.id], event.currentTarget.value as CellType)}
      >
        {Object.entries(TYPE_NAMES).map(([type, name]) => (
          <option key={type} value={type}>
            {name}
          </option>
        ))}
      </select>
      <FoldSource cell={cell} actions={actions} number={number} tabIndex={tabIndex} />
      {isClearable(cell, execution) && (
        <button
          type="button"
          class="icon-button"
          tabIndex={tabIndex}
          aria-label={`Clear the outputs of cell ${number}`}
          title="Clear the outputs"
          data-testid="clear-outputs"
          onClick={() => actions.cells.clearOutputs(cell.id)}
        >
          <IconClear />
        </button>
      )}
      <button
        type="button"
        class="icon-button"
        tabIndex={tabIndex}
        aria-label={`Move cell ${number} up`}
        data-testid="move-up"
        onClick={() => actions.cells.move([cell.id], -1)}
      >
        <IconUp />
      </button>
      <button
        type="button"
        class="icon-button"
        tabIndex={tabIndex}
        aria-label={`Move cell ${number} down`}
        data-testid="move-down"
        onClick={() => actions.cells.move([cell.id], 1)}
      >
        <IconDown />
      </button>
      <button
        type="button"
        class="icon-button"
        tabIndex={tabIndex}
        aria-label={`Delete cell ${number}`}
        data-testid="delete-cell"
        onClick={() => actions.cells.remove([cell.id])}
      >
        <IconTrash />
      </button>
    </div>
  );
}

type OutputsProps = Pick<CellProps, "cell" | "actions" | "outputOrigin">;
type ExecutionProps = OutputsProps & { execution: ExecutionView };

function CellOutputs(props: OutputsProps) {
  const execution = useExecution(props.actions.store, props.cell);
  return execution && <ExecutionOutputs {...props} execution={execution} />;
}

function ExecutionOutputs({ cell, actions, outputOrigin, execution }: ExecutionProps) {
  const ref = useRef<HTMLDivElement>(null);
  const { outputs, isStale } = useSteadyOutputs(execution);
  useSteadyPlace(ref, execution);
  const { store } = actions;
  const place = { store, notebookId: store.id, outputOrigin };
  const hidden = actions.folding.isHidden(cell, "outputs");
  const told = execution.status === "error" ? "failed" : "";
  return (
    <div ref={ref} class="cell-outputs">
      {execution.status === "cancelled" && (
        <p class="output-note cell-note">Not run: a cell before it failed, or the queue was cleared.</p>
      )}
      {outputs.length > 0 && !hidden && <FoldOutputs cell={cell} actions={actions} />}
      {outputs.length > 0 && hidden && <Folded cell={cell} actions={actions} part="outputs" told={told} />}
      {!hidden && <Outputs place={place} outputs={outputs} isStale={isStale} />}
      {execution.pendingInput && cell.executionId !== undefined && (
        <InputPrompt
          actions={actions}
          cell={cell}
          executionId={cell.executionId}
          asked={execution.pendingInput}
        />
      )}
    </div>
  );
}

function Source({ cell, number, actions }: Omit<CellProps, "outputOrigin">) {
  const open = useComputed(() => actions.selection.isOpen(cell.id)).value;
  const hidden = actions.folding.isHidden(cell, "source");
  if (hidden && !open) {
    const [line = ""] = cell.source.trim().split("\n", 1);
    return <Folded cell={cell} actions={actions} part="source" told={line.slice(0, TOLD_CHARACTERS)} />;
  }
  if (cell.type === "markdown" && !open && cell.source.trim() !== "") {
    return (
      // biome-ignore lint/a11y/noStaticElementInteractions: the keyboard's way is Enter on the focused cell.
      <div class="cell-rendered" onDblClick={() => actions.selection.edit(cell.id)}>
        <Markdown source={cell.source} notebookId={actions.store.id} attachments={cell.attachments} />
      </div>
    );
  }
  return (
    <div class="cell-editor">
      <CodeEditor cell={cell} actions={actions} label={`${TYPE_NAMES[cell.type]} of cell ${number}`} />
    </div>
  );
}

export const Cell = memo(function Cell(props: CellProps) {
  const { cell, number, actions, outputOrigin } = props;
  const { selection, store } = actions;
  const ref = useRef<HTMLElement>(null);
  const selected = useComputed(() => {
    const ids = actions.selected.value;
    if (!ids.includes(cell.id)) return "";
    return ids.length > 1 ? " is-selected is-ranged" : " is-selected";
  }).value;
  const editing = useComputed(() => selection.isEditing(cell.id)).value;
  const isStop = useComputed(() => actions.tabStop.value === cell.id).value;
  const status = useExecution(store, cell)?.status ?? "none";
  useEffect(
    () => (ref.current ? selection.registerCell(cell.id, ref.current) : undefined),
    [cell.id, selection],
  );
  return (
    <section
      ref={ref}
      class={`cell cell-${cell.type}${selected}${editing ? " is-editing" : ""}`}
      tabIndex={isStop ? 0 : -1}
      aria-label={`Cell ${number}, ${TYPE_NAMES[cell.type]}`}
      data-testid="cell"
      data-cell-id={cell.id}
      data-cell-type={cell.type}
      data-status={status}
      onFocus={(event) => {
        if (event.target === ref.current) selection.focused(cell.id, false);
      }}
      onMouseDown={(event) => {
        if (!(event.target instanceof Element) || event.target.closest(".cm-editor, button, select, a"))
          return;
        if (!event.shiftKey || selection.cellId.value === cell.id) return selection.pressed(cell.id);
        // Not the text between the two as well.
        event.preventDefault();
        selection.extend(cell.id);
      }}
    >
      <Gutter cell={cell} number={number} actions={actions} isStop={isStop} />
      <div class="cell-body">
        <Source cell={cell} number={number} actions={actions} />
        {cell.type === "code" && <CellOutputs cell={cell} actions={actions} outputOrigin={outputOrigin} />}
      </div>
      <Tools cell={cell} number={number} actions={actions} isStop={isStop} />
    </section>
  );
});

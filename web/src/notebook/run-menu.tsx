// The ways to run several cells, besides all of them.
import { IconChevron, IconRestart, IconRunAbove, IconRunBelow } from "../ui/icons";
import { closing, Menu, MenuItem } from "../ui/menu";
import type { Actions } from "./actions";

export function RunMenu({ actions }: { actions: Actions }) {
  const { store, selection } = actions;
  const number = store.cells.value.findIndex(({ id }) => id === selection.cellId.value) + 1;
  const cell = number === 0 ? "the first cell" : `cell ${number}`;
  return (
    <Menu
      label={<IconChevron />}
      name="More ways to run"
      testId="run-menu"
      buttonClass="icon-button run-menu-button"
    >
      {(close) => {
        const item = closing(close);
        return (
          <>
            {number > 1 && (
              <MenuItem {...item("run-above", () => actions.runAbove(selection.cellId.peek()))}>
                <IconRunAbove />
                Run all above {cell}
              </MenuItem>
            )}
            <MenuItem {...item("run-below", () => actions.runBelow(selection.cellId.peek()))}>
              <IconRunBelow />
              Run {cell} and all below
            </MenuItem>
            {store.attachment.value !== undefined && (
              <MenuItem {...item("restart-run-all", () => actions.restartAndRunAll())}>
                <IconRestart />
                Restart and run all…
              </MenuItem>
            )}
          </>
        );
      }}
    </Menu>
  );
}

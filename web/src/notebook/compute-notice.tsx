// What keeps the cells from running, with the way out: in the notebook's bar, so that it is seen wherever somebody reads.
import type { Actions } from "./actions";
import { useComputeState } from "./compute-chip";

export function ComputeNotice({ actions }: { actions: Actions }) {
  const { store } = actions;
  const state = useComputeState(actions);
  const { queued, running } = store.queue.value;
  if (state.detail === undefined) return null;
  const isDown = state.status === "error";
  if (isDown || state.status === "silent") {
    return (
      <div
        class={isDown ? "notice notice-bad" : "notice"}
        role={isDown ? "alert" : "status"}
        data-testid="compute-notice"
      >
        <p>{state.detail}</p>
        {store.canRun.value && (
          <button
            type="button"
            class="button"
            data-testid="notice-restart"
            // There is nothing to lose in a kernel that is gone.
            onClick={() => (isDown ? actions.restartNow() : actions.restart())}
          >
            Restart
          </button>
        )}
      </div>
    );
  }
  const away = state.status === "unreachable";
  if (!away && state.status !== "none") return null;
  if (queued === 0 && (!away || running === 0)) return null;
  return (
    <div class="notice" role="status" data-testid="compute-notice">
      <p>
        {queued > 0 && (queued === 1 ? "One cell waits. " : `${queued} cells wait. `)}
        {state.detail} You can also choose another machine.
      </p>
      {away && store.isOwner.value && (
        <button type="button" class="button" data-testid="give-up" onClick={() => actions.giveUp()}>
          Stop waiting
        </button>
      )}
    </div>
  );
}

// Waiting for the kernel that comes after a restart.
import { effect } from "@preact/signals";
import type { NotebookStore } from "./store";

const STARTS_WITHIN_MS = 60_000;
/** The packages that a notebook declares may have to be installed first. */
const RUNS_WITHIN_MS = 30 * 60_000;

/** Resolves when a condition on signals holds; false when that takes too long. */
function holds(condition: () => boolean, withinMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => end(false), withinMs);
    let ended = false;
    const stop = effect(() => {
      if (!ended && condition()) queueMicrotask(() => end(true));
    });
    function end(held: boolean): void {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      stop();
      resolve(held);
    }
  });
}

const ENDED: readonly string[] = ["Error", "Shutdown"];

/**
 * Restarts the kernel and waits until the next one runs; false where it does not come, which the page shows by itself.
 */
export async function restarted(
  { kernel, session }: Pick<NotebookStore, "kernel" | "session">,
  restart: () => Promise<void>,
): Promise<boolean> {
  const before = kernel.peek().lifecycle;
  const peers = () => (session.value.phase === "live" ? session.value.runtimePeers : undefined);
  // Watched from before the request: the kernel may be gone by the time that the answer is here.
  const gone = holds(
    () => ENDED.includes(before) || kernel.value.lifecycle !== before || peers() === 0,
    STARTS_WITHIN_MS,
  );
  await restart();
  if (!(await gone)) return false;
  // What is said of the former kernel in between, that it ended or its peer is lost, is no word of the next one.
  const starts = () => peers() !== 0 && peers() !== undefined && !ENDED.includes(kernel.value.lifecycle);
  if (!(await holds(starts, STARTS_WITHIN_MS))) return false;
  await holds(() => ["Running", ...ENDED].includes(kernel.value.lifecycle), RUNS_WITHIN_MS);
  return kernel.peek().lifecycle === "Running";
}

// Waiting for the kernel that comes after a restart: what is said of the former one in between does not count.
import { signal } from "@preact/signals";
import { expect, test } from "vitest";
import { restarted } from "../src/notebook/restarted";
import type { NotebookStore } from "../src/notebook/store";

async function restart(steps: readonly [lifecycle: string, runtimePeers: number][]) {
  const kernel = signal({ lifecycle: "Running" });
  const session = signal({ phase: "live", runtimePeers: 1 });
  let answer: boolean | undefined;
  restarted({ kernel, session } as unknown as NotebookStore, async () => undefined).then((came) => {
    answer = came;
  });
  const answers = [];
  for (const [lifecycle, runtimePeers] of steps) {
    kernel.value = { lifecycle };
    session.value = { phase: "live", runtimePeers };
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
    answers.push(answer);
  }
  return answers;
}

test("the next kernel counts once it runs, however the former one ended", async () => {
  const steps = await restart([
    ["Running", 1],
    ["Running", 0],
    ["Error", 0],
    ["Error", 1],
    ["NotStarted", 1],
    ["Launching", 1],
    ["Running", 1],
  ]);
  expect(steps).toEqual([...Array(6).fill(undefined), true]);
});

test("a kernel that does not come up is nothing to run on", async () => {
  const steps = await restart([
    ["Launching", 1],
    ["Error", 1],
  ]);
  expect(steps.at(-1)).toBe(false);
});

// A room that starts its documents over while people write: nobody sees it, and nothing that is typed is lost.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { newNotebook, open, openNotebook, signIn } from "./support/page.mjs";
import { until } from "./support/processes.mjs";

/** Makes some 500 changes in some ten seconds, and shows one number. */
const BUSY = `import time
shown = display(0, display_id=True)
for n in range(500):
    shown.update(n)
    time.sleep(0.02)`;
/** By then a page shows what it has asked for. */
const SHOWN_MS = 500;
/** Longer than nothing may have run before a room starts over. */
const QUIET_MS = 2500;
let cloud;
let runner;
let writer;
let close;

before(async () => {
  const opened = await open({ machine: {} });
  ({ cloud, close } = opened);
  runner = await newNotebook(opened.page, cloud);
  await runner.attach();
  await runner.compute("idle", 60_000);
  await runner.cell(0).write(BUSY);
  const other = await (await opened.browser.newContext()).newPage();
  await signIn(other, cloud);
  writer = await openNotebook(other, cloud, runner.id);
  await writer.addCodeCell();
});

after(() => close?.());

const epochs = () => cloud.child.output.split("a room began a new epoch").length - 1;

/** Runs the first cell again and again until the room has started over. */
async function runUntilEpoch() {
  const before = epochs();
  await until(
    "the room to start over",
    async () => {
      await runner.cell(0).editor().focus();
      await runner.page.keyboard.press("Control+Enter");
      await runner.page.waitForTimeout(SHOWN_MS);
      await runner.cell(0).status("done");
      await runner.page.waitForTimeout(QUIET_MS);
      return epochs() > before;
    },
    120_000,
  );
}

test("whoever writes goes on writing, where the cursor is, while the room starts over", async () => {
  await writer.cell(1).editor().focus();
  let isOver = false;
  const over = runUntilEpoch().finally(() => {
    isOver = true;
  });
  // Numbered lines, since an editor draws only what is in view; the room is asked for the rest.
  const lines = [];
  while (!isOver || lines.length < 20) {
    lines.push(`w${lines.length}`);
    await writer.page.keyboard.type(lines.at(-1));
    await writer.page.keyboard.press("Enter");
    await writer.page.waitForTimeout(30);
  }
  await over;
  assert.ok(await writer.cell(1).editor().evaluate((element) => document.activeElement === element));
  const { page } = writer;
  await writer.connection("saved");
  const file = await (await page.request.get(`${cloud.url}/api/n/${writer.id}/download`)).json();
  assert.deepEqual([file.cells[1].source].flat().join("").trimEnd().split("\n"), lines);
  await runner.connection("saved");
  await writer.page.reload();
  await writer.ready();
  await writer.cell(1).shows(lines[0]);
});

test("what was written offline comes in though the room started over meanwhile", async () => {
  const context = writer.page.context();
  await context.setOffline(true);
  await writer.connection("offline");
  await writer.cell(1).append("\nwritten_offline = 1");
  await runner.cell(1).append("\nwritten_meanwhile = 1");
  await runner.connection("saved");
  await runUntilEpoch();
  await context.setOffline(false);
  for (const notebook of [writer, runner]) {
    await notebook.cell(1).shows("written_offline = 1");
    await notebook.cell(1).shows("written_meanwhile = 1");
    await notebook.connection("saved");
  }
});

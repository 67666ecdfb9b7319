// Writing code with a kernel behind it: what the Tab key does, what is printed at length, and a kernel that dies.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { newNotebook, open } from "./support/page.mjs";
import { until } from "./support/processes.mjs";

/** A kernel that is free again answers at once: what would wrongly be shown of its answer is shown by then. */
const ANSWERED_MS = 1_000;

let cloud;
let page;
let notebook;
let cell;
let close;
/** How often the page has asked the kernel for completions. */
let asked = 0;

before(async () => {
  ({ cloud, page, close } = await open({ machine: {} }));
  page.on("websocket", (socket) => {
    socket.on("framesent", ({ payload }) => {
      if (payload.includes('"action":"complete"')) asked += 1;
    });
  });
  notebook = await newNotebook(page, cloud);
  await notebook.attach();
  await notebook.compute("idle", 60_000);
  cell = notebook.cell(0);
});

after(() => close?.());

const text = async () => (await cell.editor().locator(".cm-line").allInnerTexts()).join("\n").replaceAll("\u200b", "");

async function show(source) {
  await cell.write(source);
  await cell.run();
  await cell.status("done");
}

test("Tab asks the kernel behind code and indents at the start of a line; Shift+Tab likewise", async () => {
  const list = page.locator(".cm-tooltip-autocomplete");
  // Jedi reads much before its first answer.
  await show('%config Completer.use_jedi = False\ntable = {"height": 1, "heath": 2}\nlonely_name = 3');
  // Behind a bracket, a quote and a space, where several fit.
  await cell.write("table['");
  await page.keyboard.press("Tab");
  await list.getByText("height").waitFor();
  await page.keyboard.press("Escape");
  assert.equal((await text()).trimEnd(), "table['");
  await cell.write("from json import ");
  await page.keyboard.press("Tab");
  await list.getByText("JSONDecoder").first().waitFor();
  await page.keyboard.press("Escape");
  assert.equal((await text()).trimEnd(), "from json import");
  // The only way on is taken at once.
  await cell.write("lonely_");
  await page.keyboard.press("Tab");
  await cell.shows("lonely_name");
  await cell.write("if 1:\n    print(1, ");
  await page.keyboard.press("Shift+Tab");
  await page.getByTestId("inspect").getByText("Prints the values to a stream").waitFor();
  await page.keyboard.press("Escape");
  assert.equal((await text()).trimEnd(), "if 1:\n    print(1,");
  await page.keyboard.press("Home");
  await page.keyboard.press("Shift+Tab");
  assert.equal((await text()).trimEnd(), "if 1:\nprint(1,");
  await page.keyboard.press("Tab");
  assert.equal((await text()).trimEnd(), "if 1:\n    print(1,");
  // A text has nothing to complete.
  await cell.write("some words");
  await page.keyboard.press("Escape");
  await page.keyboard.press("m");
  await page.keyboard.press("Enter");
  await page.keyboard.press("End");
  await page.keyboard.press("Tab");
  assert.equal((await text()).trimEnd(), "  some words");
  await page.keyboard.press("Escape");
  await page.keyboard.press("y");
});

test("what was asked for at the cursor is dropped when one goes on elsewhere, and closes", async () => {
  const typed = async (index) => (await notebook.cell(index).editor().innerText()).trim();
  const list = page.locator(".cm-tooltip-autocomplete");
  const busy = async () => {
    await cell.write("import time; time.sleep(2)");
    await cell.run();
    await cell.status("running");
  };
  const ask = async () => {
    const before = asked;
    await page.keyboard.press("Tab");
    await until("the kernel to be asked", () => asked > before);
  };
  const over = async () => {
    await cell.status("done");
    await page.waitForTimeout(ANSWERED_MS);
  };
  await notebook.addCodeCell();
  const next = notebook.cell(1);
  await busy();
  await next.write("lonely_nam");
  await ask();
  await page.keyboard.press("Control+Enter");
  await next.status("error");
  await over();
  assert.equal(await typed(1), "lonely_nam");
  await notebook.addCodeCell();
  for (const start of ["lonely_nam", "o"]) {
    await busy();
    await next.write(start);
    await ask();
    await notebook.cell(2).editor().click();
    await page.keyboard.insertText("else");
    await over();
    assert.equal(await typed(1), start);
    assert.equal(await list.count(), 0);
  }
  const tip = page.getByTestId("inspect");
  await next.write("len");
  await page.keyboard.press("Shift+Tab");
  await tip.getByText("number of items").waitFor();
  await tip.click();
  assert.equal(await tip.count(), 1);
  await notebook.cell(2).editor().click();
  await tip.waitFor({ state: "detached" });
  await next.editor().click();
  await page.keyboard.press("Shift+Tab");
  await tip.getByText("number of items").waitFor();
  await page.keyboard.press("Shift+Enter");
  await tip.waitFor({ state: "detached" });
  await page.keyboard.press("Escape");
  for (const index of [2, 1]) await notebook.cell(index).element.getByTestId("delete-cell").press("Enter");
});

test("while a cell runs, Tab says why nothing comes", async () => {
  await cell.write("import time; time.sleep(60)");
  await cell.run();
  await cell.status("running");
  await notebook.addCodeCell();
  await notebook.cell(1).write("tim");
  await page.keyboard.press("Tab");
  await page.getByTestId("inspect").getByText("It cannot while a cell runs").waitFor({ timeout: 20_000 });
  await page.getByTestId("interrupt").click();
  await cell.status("error");
});

test("a long output of whatever kind has a place of a fixed height, and is loaded when it is asked for", async () => {
  const height = () => cell.outputs().evaluate((element) => element.offsetHeight);
  const pre = cell.outputs().locator("pre");
  await show("print(*range(2000), sep='\\n')");
  await cell.outputs().getByTestId("show-height").waitFor();
  assert.ok((await height()) < 800, `${await height()} px`);
  const toEnd = await pre.evaluate(({ scrollHeight, scrollTop, clientHeight }) => scrollHeight - scrollTop - clientHeight);
  assert.ok(toEnd < 2, `the end is ${toEnd} px away`);
  await cell.outputs().getByTestId("show-height").click();
  assert.ok((await height()) > 20_000, `${await height()} px`);
  // One line that is longer than what is shown at once.
  await show("print('start', *range(40000), 'end')");
  await cell.outputs().getByText("39999 end").waitFor();
  await cell.outputs().getByTestId("show-all").click();
  await pre.filter({ hasText: "start 0 1 2" }).waitFor();
  await show(`from IPython.display import JSON
JSON({"rows": list(range(60000))})`);
  await pre.filter({ hasText: '"rows"' }).waitFor();
  assert.ok((await pre.innerText()).length < 61_000);
  assert.ok((await height()) < 800, `${await height()} px`);
  await cell.outputs().getByTestId("show-all").click();
  await pre.filter({ hasText: "59999" }).waitFor();
  await show("['x' * 100_000]");
  await cell.outputs().getByTestId("show-all").filter({ hasText: "below" }).waitFor();
  assert.equal((await pre.innerText()).length, 60_000);
});

test("a kernel that dies is told of wherever somebody reads, with the way to another", async () => {
  for (let n = 0; n < 8; n += 1) await notebook.addCodeCell();
  const last = notebook.cell(9);
  await last.write("import os, signal; os.kill(os.getpid(), signal.SIGKILL)");
  await last.run();
  await notebook.compute("error");
  const notice = page.getByTestId("compute-notice");
  await notice.getByText("variables and imports are lost").waitFor();
  await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
  const { y } = await notice.boundingBox();
  assert.ok(y >= 0 && y < 200, `the notice is at ${y}`);
  const restart = await notice.getByTestId("notice-restart").boundingBox();
  assert.ok(restart.height < 40, `the button is ${restart.height} high`);
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/died.png` });
  await notice.getByTestId("notice-restart").click();
  await notebook.compute("idle", 60_000);
  assert.equal(await notice.count(), 0);
});

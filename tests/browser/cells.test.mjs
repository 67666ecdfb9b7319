// Cells as a whole: several selected at once, and what is done to them undone by key.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertAccessible, CHECKED } from "./support/accessible.mjs";
import { launch } from "./support/browser.mjs";
import { api, openNotebook, signIn } from "./support/page.mjs";
import { Cloud } from "./support/processes.mjs";

let cloud;
let browser;
let context;
let page;

before(async () => {
  cloud = await new Cloud().start();
  browser = await launch();
  context = await browser.newContext({ ...CHECKED, permissions: ["clipboard-read", "clipboard-write"] });
  page = await context.newPage();
  await signIn(page, cloud);
});

after(async () => {
  await browser?.close();
  await cloud?.stop();
});

const code = (id, source, metadata = {}, text = undefined) => ({
  cell_type: "code",
  id,
  metadata,
  source,
  execution_count: text === undefined ? null : 1,
  outputs: text === undefined ? [] : [{ output_type: "stream", name: "stdout", text }],
});

/** A notebook of these cells, opened; its first cell has the focus. */
async function opened(...cells) {
  const content = { nbformat: 4, nbformat_minor: 5, metadata: {}, cells };
  const { notebook_id: id } = await api(page, cloud, "POST", "/api/n", { title: "Test", content });
  const notebook = await openNotebook(page, cloud, id);
  await page.locator('[data-testid="cell"]').nth(cells.length - 1).waitFor();
  await notebook.cell(0).element.focus();
  return notebook;
}

/** The file of a notebook, once it is saved. */
async function file(notebook) {
  await notebook.connection("saved");
  return (await page.request.get(`${cloud.url}/api/n/${notebook.id}/download`)).json();
}

const letters = (count) => "abcdefgh".slice(0, count).split("").map((letter) => code(letter, letter));
const ids = () => page.locator('[data-testid="cell"]').evaluateAll((cells) => cells.map((cell) => cell.dataset.cellId).join(""));
const selected = () => page.locator('[data-testid="cell"].is-selected').evaluateAll((cells) => cells.map((cell) => cell.dataset.cellId).join(""));
const keys = async (...all) => {
  for (const key of all) await page.keyboard.press(key);
};

test("several cells are selected by keys and by the pointer, and moved, copied, changed and deleted together", async () => {
  const notebook = await opened(...letters(6));
  await keys("j", "Shift+ArrowDown", "Shift+J");
  assert.equal(await selected(), "bcd");
  await page.getByTestId("selection-status").filter({ hasText: "3 cells selected" }).waitFor({ state: "attached" });
  await assertAccessible(page, "several cells selected");
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/range.png` });
  await keys("Shift+K", "Control+Shift+ArrowUp");
  assert.deepEqual([await ids(), await selected()], ["bcadef", "bc"]);
  await keys("Control+Shift+ArrowDown", "Control+Shift+ArrowDown");
  assert.deepEqual([await ids(), await selected()], ["adbcef", "bc"]);
  await keys("m", "c");
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), "b\n\nc");
  const types = () => page.locator('[data-cell-type="markdown"]').count();
  assert.equal(await types(), 2);
  await keys("v");
  await page.locator('[data-testid="cell"]').nth(7).waitFor();
  assert.equal(await types(), 4);
  await keys("Control+z", "Control+z");
  assert.deepEqual([await ids(), await types()], ["adbcef", 0]);
  await keys("Control+a");
  assert.equal(await selected(), "adbcef");
  await page.locator('[data-cell-id="d"] .cell-gutter').click({ position: { x: 2, y: 2 } });
  assert.equal(await selected(), "d");
  await page.locator('[data-cell-id="c"] .cell-gutter').click({ position: { x: 2, y: 2 }, modifiers: ["Shift"] });
  assert.equal(await selected(), "dbc");
  await keys("d", "d");
  await page.getByTestId("toasts").getByText("3 cells deleted").waitFor();
  assert.deepEqual([await ids(), await selected()], ["aef", "e"]);
  await keys("z");
  assert.equal(await ids(), "adbcef");
  assert.equal((await file(notebook)).cells.length, 6);
});

test("Ctrl+Z on a cell undoes what was done to cells, and never what was typed in another", async () => {
  const notebook = await opened(...letters(3));
  await notebook.cell(2).append(" typed");
  await keys("Escape", "k", "k", "Control+Shift+ArrowDown");
  assert.equal(await ids(), "bac");
  await keys("Control+z");
  assert.equal(await ids(), "abc");
  await keys("Control+z", "Control+z");
  await notebook.cell(2).shows("c typed");
  await keys("Control+y");
  assert.equal(await ids(), "bac");
  await keys("z", "Control+Shift+Z");
  assert.equal(await ids(), "bac");
  await notebook.cell(2).shows("c typed");
});

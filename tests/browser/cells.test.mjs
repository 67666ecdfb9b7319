// Cells as a whole: several selected at once, what is done to them undone by key, drawing, folding, finding, the width.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertAccessible, CHECKED } from "./support/accessible.mjs";
import { api, Notebook, open, openNotebook } from "./support/page.mjs";
import { until } from "./support/processes.mjs";

let cloud;
let browser;
let page;
let close;

before(async () => {
  ({ cloud, browser, page, close } = await open({ context: { ...CHECKED, permissions: ["clipboard-read", "clipboard-write"] } }));
});

after(() => close?.());

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

test("cells are dragged to another place by their gutter", async () => {
  await opened(...letters(4));
  const gutter = (id) => page.locator(`[data-cell-id="${id}"] .cell-gutter`);
  const draw = async (id, over, y) => {
    const sourcePosition = { x: 3, y: 3 };
    await gutter(id).dragTo(page.locator(`[data-cell-id="${over}"]`), { sourcePosition, targetPosition: { x: 300, y } });
  };
  await draw("a", "c", 40);
  assert.deepEqual([await ids(), await selected()], ["bcad", "a"]);
  await draw("d", "b", 2);
  assert.equal(await ids(), "dbca");
  await page.locator('[data-cell-id="b"]').focus();
  await keys("Shift+End", "Shift+K");
  assert.equal(await selected(), "bc");
  await draw("c", "d", 2);
  assert.deepEqual([await ids(), await selected()], ["bcda", "bc"]);
  // Where it is already is no step.
  await draw("d", "c", 40);
  await keys("z");
  assert.equal(await ids(), "dbca");
  assert.equal(await page.locator(".drop-above, .drop-below").count(), 0);
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

test("folded parts of an imported notebook are folded, and what is folded here is kept in the file", async () => {
  const hidden = (part) => page.getByTestId(`folded-${part}`);
  const notebook = await opened(
    code("a", "shown = 1", {}, "plain output"),
    code("b", "secret = 2\nmore = 3", { jupyter: { source_hidden: true } }, "of b"),
    code("c", "c", { collapsed: true }, "of c"),
    code("d", "d", { jupyter: { outputs_hidden: true, other: 1 } }, "of d"),
  );
  assert.equal(await hidden("source").innerText(), "Hidden code\nsecret = 2");
  assert.equal(await hidden("outputs").count(), 2);
  assert.equal(await notebook.cell(2).outputs().count(), 0);
  await notebook.cell(1).stdout().getByText("of b").waitFor();
  await keys("o", "Shift+O");
  await notebook.cell(0).outputs().waitFor({ state: "detached" });
  await assertAccessible(page, "folded cells");
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/folded.png` });
  // Enter shows a folded source for as long as it is edited.
  await keys("Enter");
  await notebook.cell(0).shows("shown = 1");
  await keys("Escape");
  await hidden("source").getByText("shown = 1").waitFor();
  await keys("Control+a", "o");
  await page.waitForFunction(() => document.querySelectorAll('[data-testid="folded-outputs"]').length === 4);
  await notebook.cell(3).element.getByTestId("folded-outputs").click();
  await notebook.cell(3).stdout().getByText("of d").waitFor();
  await notebook.cell(0).element.hover();
  await notebook.cell(0).element.getByTestId("fold-source").click();
  await notebook.cell(0).shows("shown = 1");
  const { cells } = await file(notebook);
  const both = { collapsed: true, jupyter: { outputs_hidden: true } };
  assert.deepEqual(
    cells.map(({ metadata }) => metadata),
    [both, { collapsed: true, jupyter: { outputs_hidden: true, source_hidden: true } }, both, { jupyter: { other: 1 } }],
  );
});

test("a reader folds for themselves", async () => {
  const notebook = await opened(code("a", "a", {}, "of a"));
  await api(page, cloud, "POST", `/api/n/${notebook.id}/acl`, { subject_kind: "public", subject: "anonymous", scope: "viewer" });
  const stranger = await browser.newContext();
  const other = await stranger.newPage();
  const theirs = await openNotebook(other, cloud, notebook.id);
  await theirs.cell(0).element.focus();
  await other.keyboard.press("o");
  await other.getByTestId("folded-outputs").waitFor();
  await other.keyboard.press("o");
  await theirs.cell(0).stdout().getByText("of a").waitFor();
  await stranger.close();
  assert.deepEqual((await file(notebook)).cells[0].metadata, {});
});

test("a notebook takes the whole width when that is chosen, also the next time", async () => {
  await opened(code("a", "a", {}, "of a"));
  await page.setViewportSize({ width: 1800, height: 900 });
  const width = () => page.getByTestId("cells").evaluate((element) => element.offsetWidth);
  const isColumn = () => until("a column", async () => (await width()) === 940);
  const isWide = () => until("the whole width", async () => (await width()) > 1_700);
  await isColumn();
  const choose = async () => {
    await page.getByTestId("notebook-menu").click();
    await page.getByTestId("menu-wide").click();
  };
  await choose();
  await isWide();
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/wide.png` });
  await page.reload();
  await new Notebook(page).ready();
  await isWide();
  await choose();
  await isColumn();
});

test("what is in the cells is found and replaced, and put back by z", async () => {
  await page.setViewportSize({ width: 1280, height: 860 });
  const notebook = await opened(code("x", "total = 1\nTotal = total"), code("y", "print(total)"), ...letters(6));
  const count = (text) => page.getByTestId("find-count").getByText(text, { exact: true }).waitFor();
  await notebook.cell(0).editor().focus();
  // What is typed before the bar is there goes into it, and into no cell.
  await page.route("**/assets/find-bar-*.js", async (route) => {
    await new Promise((done) => setTimeout(done, 500));
    await route.continue();
  });
  await keys("Control+f");
  await page.keyboard.type("tot");
  await page.locator('[data-testid="find-text"]:focus').waitFor();
  await page.keyboard.type("al");
  await count("0 of 4");
  await keys("Enter");
  await count("1 of 4");
  await page.getByTestId("find-case").click();
  await count("1 of 3");
  await assertAccessible(page, "bar to find and replace");
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/find.png` });
  const size = page.viewportSize();
  await page.setViewportSize({ width: 390, height: 800 });
  const [close, next] = await Promise.all(["find-close", "find-next"].map((id) => page.getByTestId(id).boundingBox()));
  assert.equal(close.y, next.y);
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/find-narrow.png` });
  await page.setViewportSize(size);
  await page.getByTestId("find-text").focus();
  await keys("Enter", "Enter");
  await count("3 of 3");
  assert.equal(await selected(), "y");
  const shown = () => page.locator('[data-cell-id="y"] .cm-selectionBackground').count();
  assert.ok((await shown()) > 0);
  await keys("Enter");
  await count("1 of 3");
  await page.getByTestId("replace-text").fill("sum");
  await page.getByTestId("replace").click();
  await notebook.cell(0).shows("sum = 1");
  await count("1 of 2");
  await page.getByTestId("replace-all").click();
  await page.getByTestId("toasts").getByText("2 places replaced").waitFor();
  await notebook.cell(1).shows("print(sum)");
  await notebook.cell(0).shows("Total = sum");
  await page.getByTestId("find-text").fill("(");
  await page.getByTestId("find-pattern").click();
  await page.getByTestId("find-count").getByText("Unterminated group").waitFor();
  await keys("Escape");
  await page.getByTestId("find-bar").waitFor({ state: "detached" });
  await keys("z", "z");
  await notebook.cell(1).shows("print(total)");
  await notebook.cell(0).shows("total = 1");
});

test("finding begins at the selected cell, and shows what is folded, rendered or far away", async () => {
  await page.setViewportSize({ width: 1280, height: 500 });
  const lines = (id, hidden) => code(id, "x = 1\n".repeat(60) + "value", hidden && { jupyter: { source_hidden: true } });
  const words = { cell_type: "markdown", id: "m", metadata: {}, source: `${"Much text.\n\n".repeat(60)}value` };
  const notebook = await opened(lines("a"), lines("b", true), words, lines("c"));
  const found = async (id, count) => {
    await page.getByTestId("find-count").getByText(count, { exact: true }).waitFor();
    await page.waitForFunction((id) => {
      const mark = document.querySelector(`[data-cell-id="${id}"] .cm-selectionBackground`);
      const { top, bottom } = mark?.getBoundingClientRect() ?? { top: 0 };
      return top > 150 && bottom < innerHeight;
    }, id);
  };
  await notebook.cell(1).element.focus();
  await keys("Control+f");
  await page.getByTestId("find-text").fill("value");
  await keys("Enter");
  await found("b", "2 of 4");
  await keys("Enter");
  await found("m", "3 of 4");
  await page.getByTestId("folded-source").waitFor();
  await keys("Enter");
  await found("c", "4 of 4");
  await page.locator('[data-cell-id="m"]').getByTestId("markdown").waitFor();
  await keys("Enter");
  await found("a", "1 of 4");
  // The bar has the keys until Escape, also when nothing is left to replace.
  await page.getByTestId("replace-text").fill("other");
  await page.getByTestId("replace-all").click();
  await page.getByTestId("find-count").getByText("0 of 0", { exact: true }).waitFor();
  await keys("Control+z");
  await page.getByTestId("find-count").getByText("0 of 4", { exact: true }).waitFor();
  await page.getByTestId("replace-all").click();
  await page.getByTestId("find-count").getByText("0 of 0", { exact: true }).waitFor();
  await keys("Escape");
  await page.getByTestId("find-bar").waitFor({ state: "detached" });
  await keys("Control+z");
  await page.locator('[data-cell-id="m"]').getByTestId("markdown").getByText("value").waitFor();
});

test("a new cell that is written in is seen, however tall the notebook is", async () => {
  await page.setViewportSize({ width: 1280, height: 500 });
  const tall = letters(8).map((cell) => ({ ...cell, source: `${cell.id}\n`.repeat(8) }));
  const notebook = await opened(...tall);
  const seen = (index) => page.waitForFunction((index) => {
    const cell = document.querySelectorAll('[data-testid="cell"]')[index];
    if (cell === undefined || !cell.contains(document.activeElement)) return false;
    const { top, bottom } = cell.getBoundingClientRect();
    return top >= 0 && bottom <= innerHeight;
  }, index);
  await notebook.cell(7).element.focus();
  await keys("Enter", "Shift+Enter");
  await seen(8);
  await notebook.cell(7).element.focus();
  await keys("Enter", "Alt+Enter");
  await seen(8);
  await keys("Escape", "k");
  await page.evaluate(() => scrollTo(0, 0));
  await page.getByTestId("add-cell").click();
  await seen(8);
});

test("keys mean cells at once, and after the pointer was at a button, a title or beside the cells", async () => {
  await page.setViewportSize({ width: 1280, height: 860 });
  const content = { nbformat: 4, nbformat_minor: 5, metadata: {}, cells: letters(4) };
  const { notebook_id: id } = await api(page, cloud, "POST", "/api/n", { title: "Test", content });
  const notebook = await openNotebook(page, cloud, id);
  const at = (id) => page.locator(`.cell.is-selected[data-cell-id="${id}"]`).waitFor();
  const focused = () => page.evaluate(() => document.activeElement.closest("[data-cell-id]")?.dataset.cellId);
  await at("a");
  await keys("j");
  await at("b");
  await page.getByTestId("run-all").click();
  assert.equal(await focused(), "b");
  await keys("Enter");
  await page.keyboard.type("x");
  await notebook.cell(1).shows("x");
  // Whoever writes goes on writing.
  await page.getByTestId("run-all").click();
  await page.keyboard.type("y");
  await notebook.cell(1).shows("y");
  await keys("Escape");
  await notebook.cell(2).element.hover();
  await notebook.cell(2).element.getByTestId("run-cell").click();
  await keys("j");
  await at("d");
  await page.getByTestId("run-menu").click();
  await page.getByTestId("run-above").click();
  await keys("k");
  await at("c");
  await page.getByTestId("notebook-title").fill("Other");
  await keys("Enter", "k");
  await at("b");
  await page.mouse.click(20, 700);
  await keys("k");
  await at("a");
  await page.getByTestId("notebook-menu").click();
  await page.getByTestId("menu-shortcuts").click();
  await page.getByTestId("shortcuts-dialog").locator("h2").click();
  await keys("j");
  await at("a");
  await keys("Escape");
  await page.getByTestId("shortcuts-dialog").waitFor({ state: "detached" });
  // The keyboard stays at the button that it pressed.
  await page.getByTestId("run-all").focus();
  await keys("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.dataset.testid), "run-all");
});

// Editing: what is written stays, what is deleted comes back, and the keyboard reaches everything.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { addMachine, clickInFrame, Notebook, newNotebook, open, openNotebook } from "./support/page.mjs";

const CALLBACK = `import time, ipywidgets
button = ipywidgets.Button(description="Go")
def work(_):
    button.description = "At work"
    try:
        time.sleep(600)
    except KeyboardInterrupt:
        button.description = "Stopped"
button.on_click(work)
button`;

let cloud;
let context;
let page;
let close;

before(async () => {
  ({ cloud, context, page, close } = await open());
});

afterEach(() => context.setOffline(false));

after(() => close?.());

test("what was written offline outlives a way to another page and back", async () => {
  const notebook = await newNotebook(page, cloud);
  await notebook.cell(0).write("sent = 1");
  await notebook.connection("saved");
  await context.setOffline(true);
  await notebook.connection("offline");
  await notebook.cell(0).append("\nunsent = 2");
  await page.getByTestId("nav-workstations").click();
  await page.getByTestId("toasts").getByText("have not reached the server").waitFor();
  await page.goBack();
  await notebook.cell(0).shows("unsent = 2");
  await page.getByTestId("nav-notebooks").click();
  await context.setOffline(false);
  // It is sent from where it waits, though nobody looks at the notebook.
  const other = await context.newPage();
  await other.goto(`${cloud.url}/n/${notebook.id}`);
  await new Notebook(other).cell(0).shows("unsent = 2");
  await other.close();
  await page.goBack();
  await notebook.ready();
  await notebook.connection("saved");
  await notebook.cell(0).shows("unsent = 2");
  assert.equal(await page.getByTestId("unsent-notice").count(), 0);
});

test("a notebook that could not be opened for want of a network opens once it is back", async () => {
  const notebook = await newNotebook(page, cloud);
  await page.getByTestId("nav-notebooks").click();
  const row = page.locator(`[data-testid="notebook-row"][data-notebook-id="${notebook.id}"]`);
  await row.waitFor();
  await context.setOffline(true);
  await row.getByRole("link").first().click();
  const again = page.getByTestId("try-again");
  await again.click();
  await again.waitFor();
  await context.setOffline(false);
  await notebook.ready();
});

const sources = async (notebook) => {
  return (await notebook.page.getByTestId("cell-editor").allInnerTexts()).map((text) => text.trim());
};

/** Cells that hold what is given, in a notebook of their own; none is being edited. */
async function withCells(...texts) {
  const notebook = await newNotebook(page, cloud);
  for (const [index, text] of texts.entries()) {
    if (index > 0) await notebook.addCodeCell();
    await notebook.cell(index).write(text);
  }
  await page.keyboard.press("Escape");
  return notebook;
}

const tabStops = () => page.locator('[data-testid="cell"][tabindex="0"]').count();
const focusedCell = () =>
  page.evaluate(() => document.activeElement?.closest('[data-testid="cell"]')?.getAttribute("aria-label"));

test("a deleted cell comes back by key and by the message", async () => {
  const notebook = await withCells("one", "two", "three");
  const cells = page.locator('[data-testid="cell"]');
  await page.keyboard.press("k");
  await page.keyboard.press("d");
  await page.keyboard.press("j");
  await page.keyboard.press("d");
  assert.equal(await cells.count(), 3);
  await page.keyboard.press("k");
  await page.keyboard.press("d");
  await page.keyboard.press("d");
  await page.getByTestId("toasts").getByText("Cell deleted").waitFor();
  assert.deepEqual(await sources(notebook), ["one", "three"]);
  await page.keyboard.press("z");
  await cells.nth(2).waitFor();
  assert.deepEqual(await sources(notebook), ["one", "two", "three"]);
  assert.match(await focusedCell(), /^Cell 2,/);
  for (let n = 0; n < 3; n += 1) {
    await page.keyboard.press("d");
    await page.keyboard.press("d");
  }
  assert.equal(await cells.count(), 0);
  assert.equal(await page.getByTestId("toasts").getByText("Cell deleted").count(), 1);
  await page.getByTestId("toast-action").click();
  await cells.first().waitFor();
  assert.equal(await tabStops(), 1);
  assert.match(await focusedCell(), /^Cell 1,/);
  await page.keyboard.press("z");
  await page.keyboard.press("z");
  await cells.nth(2).waitFor();
  assert.deepEqual(await sources(notebook), ["one", "two", "three"]);
});

test("a cell that somebody else deletes under one's hands can be had back", async () => {
  const notebook = await withCells("one", "two");
  await notebook.connection("saved");
  const other = await context.newPage();
  await other.goto(`${cloud.url}/n/${notebook.id}`);
  const theirs = new Notebook(other);
  await theirs.cell(1).shows("two");
  await notebook.cell(1).append(" and more");
  await theirs.cell(1).shows("two and more");
  await theirs.cell(1).element.focus();
  await other.keyboard.press("d");
  await other.keyboard.press("d");
  await page.getByTestId("toasts").getByText("was deleted by somebody else").waitFor();
  assert.match(await focusedCell(), /^Cell 1,/);
  assert.equal(await tabStops(), 1);
  await page.getByTestId("toast-action").filter({ hasText: "Bring it back" }).click();
  await notebook.cell(1).shows("two and more");
  await theirs.cell(1).shows("two and more");
  // Who leaves without an answer finds the text at the next opening, and no offer on other pages.
  await notebook.cell(1).append(" again");
  await theirs.cell(1).shows("two and more again");
  await theirs.cell(1).element.focus();
  await other.keyboard.press("d");
  await other.keyboard.press("d");
  await page.getByTestId("toasts").getByText("was deleted by somebody else").waitFor();
  await page.getByTestId("nav-notebooks").click();
  await page.getByTestId("notebook-list").waitFor();
  await page.getByTestId("toasts").getByText("was deleted").waitFor({ state: "detached" });
  await page.goBack();
  await page.getByTestId("unsent-notice").getByText("two and more again").waitFor();
  await page.getByTestId("unsent-insert").click();
  await notebook.cell(1).shows("two and more again");
  await other.close();
});

test("lines pasted from another system end with a line feed alone", async () => {
  const notebook = await withCells("");
  await notebook.cell(0).editor().focus();
  await page.evaluate(() => {
    const clipboardData = new DataTransfer();
    clipboardData.setData("text/plain", "a = 1\r\nb = 2\rc = 3");
    const event = new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true });
    document.activeElement.dispatchEvent(event);
  });
  await notebook.cell(0).shows("c = 3");
  await notebook.connection("saved");
  const file = await page.request.get(`${cloud.url}/api/n/${notebook.id}/download`);
  const { cells } = await file.json();
  assert.equal([cells[0].source].flat().join(""), "a = 1\nb = 2\nc = 3");
});

const cursorLine = () =>
  page.evaluate(() => {
    const { focusNode } = getSelection();
    const line = (focusNode instanceof Element ? focusNode : focusNode.parentElement).closest(".cm-line");
    return [...line.parentElement.children].indexOf(line);
  });

test("arrow keys walk through every row and from cell to cell", async () => {
  const notebook = await withCells("first = 1\nlast = 2", "a word and ".repeat(40), "top = 3\nend = 4");
  await notebook.cell(1).element.focus();
  await page.keyboard.press("m");
  await page.keyboard.press("Enter");
  await notebook.cell(1).editor().focus();
  await page.keyboard.press("Control+Home");
  // The one line of prose takes at least three rows.
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  assert.match(await focusedCell(), /^Cell 2,/);
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowUp");
  assert.match(await focusedCell(), /^Cell 2,/);
  await page.keyboard.press("ArrowUp");
  assert.match(await focusedCell(), /^Cell 1,/);
  assert.equal(await cursorLine(), 1);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Control+End");
  await page.keyboard.press("ArrowDown");
  assert.match(await focusedCell(), /^Cell 3,/);
  assert.equal(await cursorLine(), 0);
});

test("the Tab key leads through a cell and its tools, and on", async () => {
  await withCells("one", "two");
  await page.locator('[data-testid="cell"]').first().focus();
  const at = () => page.evaluate(() => document.activeElement.getAttribute("aria-label") ?? document.activeElement.dataset.testid);
  const met = [];
  while (met.length < 12 && met.at(-1) !== "add-code-cell") {
    await page.keyboard.press("Tab");
    met.push(await at());
  }
  assert.deepEqual(met, [
    "Run cell 1",
    "Type of cell 1",
    "Hide the code of cell 1",
    "Move cell 1 up",
    "Move cell 1 down",
    "Delete cell 1",
    "add-code-cell",
  ]);
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Escape");
  assert.equal(await at(), "Cell 1, Code");
  // Names follow the cells.
  await page.keyboard.press("a");
  await page.getByLabel("Code of cell 3", { exact: true }).filter({ hasText: "two" }).waitFor();
  await page.getByLabel("Code of cell 2", { exact: true }).filter({ hasText: "one" }).waitFor();
});

const types = () =>
  page.locator('[data-testid="cell"]').evaluateAll((cells) => cells.map((cell) => cell.dataset.cellType));

test("cells are cut, copied, pasted, split and joined by keys", async () => {
  const notebook = await withCells("one", "two", "a = 1\nb = 2");
  await notebook.cell(0).element.focus();
  await page.keyboard.press("r");
  assert.deepEqual(await types(), ["raw", "code", "code"]);
  await page.keyboard.press("x");
  await page.keyboard.press("v");
  await page.locator('[data-testid="cell"]').nth(2).waitFor();
  assert.deepEqual(await sources(notebook), ["two", "one", "a = 1\nb = 2"]);
  assert.deepEqual(await types(), ["code", "raw", "code"]);
  await page.keyboard.press("c");
  await page.keyboard.press("Shift+V");
  await page.locator('[data-testid="cell"]').nth(3).waitFor();
  assert.deepEqual(await sources(notebook), ["two", "one", "one", "a = 1\nb = 2"]);
  await page.keyboard.press("y");
  await page.keyboard.press("Shift+M");
  await page.locator('[data-testid="cell"]').nth(3).waitFor({ state: "detached" });
  assert.deepEqual(await sources(notebook), ["two", "one\none", "a = 1\nb = 2"]);
  await notebook.cell(2).editor().focus();
  await page.keyboard.press("Control+Home");
  await page.keyboard.press("End");
  await page.keyboard.press("Control+Shift+Minus");
  await page.locator('[data-testid="cell"]').nth(3).waitFor();
  await page.keyboard.type("c = 3; ");
  await notebook.cell(3).shows("c = 3; b = 2");
  assert.deepEqual(await sources(notebook), ["two", "one\none", "a = 1", "c = 3; b = 2"]);
});

test("the list of keys, line numbers, and a word for Ctrl+S", async () => {
  const notebook = await withCells("first\nsecond");
  await notebook.connection("saved");
  await notebook.cell(0).editor().focus();
  await page.keyboard.press("Control+s");
  await page.getByTestId("toasts").getByText("Saved", { exact: true }).waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("l");
  await page.locator('.cm-line[data-line="2"]').waitFor();
  await page.reload();
  await page.locator('.cm-line[data-line="2"]').waitFor();
  await notebook.cell(0).element.focus();
  await page.keyboard.press("Shift+L");
  await page.locator('.cm-line[data-line="2"]').waitFor({ state: "detached" });
  await page.keyboard.press("h");
  await page.getByTestId("shortcuts-dialog").getByText("Undo what was done to cells last").waitFor();
  await page.keyboard.press("Escape");
  await page.getByTestId("shortcuts-dialog").waitFor({ state: "detached" });
  assert.match(await focusedCell(), /^Cell 1,/);
  await page.keyboard.press("Alt+Enter");
  await page.keyboard.type("below = 1");
  await notebook.cell(1).shows("below = 1");
});

test("with a kernel", async (t) => {
  await addMachine(page, cloud);
  const notebook = await newNotebook(page, cloud);
  const interrupt = page.getByTestId("interrupt");
  assert.equal(await interrupt.isDisabled(), true);
  await notebook.attach();
  await notebook.compute("idle", 60_000);

  await t.test("a widget's callback can be interrupted", async () => {
    await notebook.cell(0).write(CALLBACK);
    await notebook.cell(0).run();
    await notebook.cell(0).status("done");
    const widget = page.locator('[data-testid="widget-frame"][data-usable="true"]');
    const named = (name) => widget.contentFrame().getByRole("button", { name });
    await clickInFrame(named("Go"));
    await named("At work").waitFor();
    await interrupt.click();
    await named("Stopped").waitFor();
  });

  await t.test("input() has the focus after Shift+Enter, and gives it back", async () => {
    await notebook.addCodeCell();
    await notebook.cell(1).write("word = input('Word? ') + input('Word? ')\nprint(word)");
    await page.keyboard.press("Shift+Enter");
    const announced = page.getByTestId("announcer").getByText("Cell 2 asks for input: Word?");
    const field = page.locator('[data-testid="input-field"]:focus');
    for (const [count, word] of ["sun", "rise"].entries()) {
      await announced.nth(count).waitFor({ state: "attached" });
      await field.waitFor();
      await page.keyboard.type(word);
      await page.keyboard.press("Enter");
    }
    await notebook.cell(1).status("done");
    assert.equal((await notebook.cell(1).stdout().innerText()).trim().split("\n").at(-1), "sunrise");
    await page.locator('[data-testid="cell"]:nth-of-type(3) .cm-content:focus').waitFor();
    await page.keyboard.type("written_on = 1");
    await notebook.cell(2).shows("written_on = 1");
    await page.getByTestId("announcer").getByText("Cell 2 finished.").last().waitFor({ state: "attached" });
  });

  await t.test("input() takes the focus from nobody who writes, and from no other tab", async () => {
    const other = await context.newPage();
    const theirs = await openNotebook(other, cloud, notebook.id);
    await theirs.cell(1).element.focus();
    await notebook.cell(2).write("import time; time.sleep(1); input('Late? ')");
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.type("busy = 1");
    for (const each of [page, other]) await each.getByTestId("input-field").waitFor();
    await page.keyboard.type("0");
    await notebook.cell(3).shows("busy = 10");
    assert.equal(await other.evaluate(() => document.activeElement.dataset.testid), "cell");
    await page.getByTestId("input-field").fill("yes");
    await page.keyboard.press("Enter");
    await notebook.cell(2).status("done");
    await other.close();
  });

  const shown = (index) => notebook.cell(index).element.getByTestId("outputs");
  const choose = async (menu, item) => {
    await page.getByTestId(menu).click();
    await page.getByTestId(item).click();
  };

  await t.test("the cells above and below can be run", async () => {
    await openNotebook(page, cloud, (await newNotebook(page, cloud)).id);
    await notebook.attach();
    await notebook.compute("idle", 60_000);
    for (const [index, source] of ["import os", "print(os.getpid())", "print('last')"].entries()) {
      if (index > 0) await notebook.addCodeCell();
      await notebook.cell(index).write(source);
    }
    await notebook.cell(1).element.focus();
    await choose("run-menu", "run-above");
    await notebook.cell(0).status("done");
    assert.equal(await page.getByTestId("outputs").count(), 0);
    await notebook.cell(1).status("none");
    await choose("run-menu", "run-below");
    for (const index of [1, 2]) await notebook.cell(index).stdout().waitFor();
  });

  await t.test("the kernel is restarted and runs all", async () => {
    const before = await notebook.cell(1).stdout().innerText();
    await choose("run-menu", "restart-run-all");
    await page.locator('[data-testid="confirm-yes"]:focus').press("Enter");
    await notebook.cell(1).stdout().filter({ hasNotText: before.trim() }).waitFor({ timeout: 60_000 });
    await notebook.cell(2).status("done");
    assert.match(await notebook.cell(1).stdout().innerText(), /^\d+/);
  });

  await t.test("outputs are cleared, of one cell and of all, and come back", async () => {
    await notebook.compute("idle");
    await notebook.cell(2).element.hover();
    await notebook.cell(2).element.getByTestId("clear-outputs").click();
    await shown(2).waitFor({ state: "detached" });
    assert.match(await focusedCell(), /^Cell 3,/);
    await shown(1).waitFor();
    await choose("notebook-menu", "menu-clear");
    await shown(1).waitFor({ state: "detached" });
    assert.equal((await notebook.cell(1).element.getByTestId("cell-count").innerText()).trim(), "[ ]");
    await page.getByTestId("toasts").locator(".toast", { hasText: "All outputs cleared" }).getByTestId("toast-action").click();
    await shown(1).waitFor();
    assert.equal(await shown(2).count(), 0);
    await notebook.connection("saved");
    await page.reload();
    await shown(1).waitFor();
  });

  await t.test("a deleted cell comes back with its outputs", async () => {
    await notebook.cell(1).element.focus();
    await page.keyboard.press("d");
    await page.keyboard.press("d");
    await page.getByTestId("outputs").waitFor({ state: "detached" });
    await page.keyboard.press("z");
    await shown(1).waitFor();
    assert.match(await notebook.cell(1).stdout().innerText(), /^\d+/);
  });
});

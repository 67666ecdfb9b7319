// The list of notebooks in a real browser: find, rename, duplicate, import, download, trash, undo, restore, delete.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { api, Notebook, open, openNotebook } from "./support/page.mjs";
import { until } from "./support/processes.mjs";

const SAMPLE = new URL("../vectors/sample.ipynb", import.meta.url);

let cloud;
let context;
let page;
let close;

before(async () => {
  ({ cloud, context, page, close } = await open({ context: { acceptDownloads: true } }));
});

after(() => close?.());

const make = async (title) => (await api(page, cloud, "POST", "/api/n", { title })).notebook_id;
const row = (title) => page.getByTestId("notebook-row").filter({ has: page.locator(".row-title", { hasText: new RegExp(`^${title}$`) }) });
const titles = () => page.locator(".row-title").allInnerTexts();
const found = (total) => page.locator(`[data-testid="found"][data-total="${total}"]`).waitFor();
const title = () => page.evaluate(() => document.activeElement?.textContent);

async function choose(of, item) {
  await row(of).getByTestId("row-menu").click();
  await page.getByTestId(item).click();
}

async function toList() {
  await page.goto(cloud.url);
  await page.getByTestId("notebook-list").waitFor();
}

test("a file is imported by the button and opened, and downloaded as it was", async () => {
  await page.getByTestId("import-file").setInputFiles(SAMPLE.pathname);
  const notebook = new Notebook(page);
  await notebook.ready();
  assert.equal(await page.getByTestId("notebook-title").inputValue(), "sample");
  const wanted = JSON.parse(readFileSync(SAMPLE, "utf8"));
  assert.equal(await page.getByTestId("cell").count(), wanted.cells.length);
  for (const from of ["notebook", "list"]) {
    if (from === "list") await toList();
    const download = page.waitForEvent("download");
    if (from === "list") await choose("sample", "download-notebook");
    else {
      await page.getByTestId("notebook-menu").click();
      await page.getByTestId("menu-download").click();
    }
    const file = await download;
    assert.equal(file.suggestedFilename(), "sample.ipynb");
    assert.deepEqual(JSON.parse(readFileSync(await file.path(), "utf8")), wanted);
  }
});

test("files are dropped anywhere; what is no notebook is named", async () => {
  const drop = (files) =>
    page.evaluate((list) => {
      const data = new DataTransfer();
      for (const { name, text } of list) data.items.add(new File([text], name));
      for (const type of ["dragover", "drop"]) {
        document.body.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: data }));
      }
    }, files);
  const text = readFileSync(SAMPLE, "utf8");
  await drop([
    { name: "one.ipynb", text },
    { name: "broken.ipynb", text: "{" },
    { name: "two.ipynb", text },
  ]);
  await row("one").waitFor();
  await row("two").waitFor();
  await page.getByTestId("toasts").getByText("broken.ipynb was not imported").waitFor();
  assert.equal(await page.getByTestId("drop-zone").count(), 0);
});

test("the search is reached by a key, finds by title and leads into the list", async () => {
  await make("Rain at the mill");
  await make("Snow at the mill");
  await toList();
  await page.keyboard.press("/");
  await page.keyboard.type("MILL rain");
  await found(1);
  assert.deepEqual(await titles(), ["Rain at the mill"]);
  // The address says what is shown.
  await page.reload();
  await found(1);
  await page.keyboard.press("/");
  await page.keyboard.type("mill");
  await found(2);
  await page.keyboard.press("ArrowDown");
  assert.equal(await title(), "Snow at the mill");
  await page.keyboard.press("ArrowDown");
  assert.equal(await title(), "Rain at the mill");
  await page.keyboard.press("/");
  await page.keyboard.type("nothing has this title");
  await page.getByTestId("list-empty").waitFor();
  await page.keyboard.press("Escape");
  await row("sample").waitFor();
});

test("a title is changed in place; Escape leaves it", async () => {
  const link = row("Snow at the mill").locator(".row-title");
  await link.focus();
  await page.keyboard.press("F2");
  await page.getByTestId("rename-input").fill("not this");
  await page.keyboard.press("Escape");
  await row("Snow at the mill").waitFor();
  await choose("Snow at the mill", "rename-notebook");
  await page.getByTestId("rename-input").fill("Hail at the mill");
  await page.keyboard.press("Enter");
  await row("Hail at the mill").waitFor();
  await until("the focus to be on the title", async () => (await title()) === "Hail at the mill");
  await page.reload();
  await row("Hail at the mill").waitFor();
});

test("a copy has a title of its own", async () => {
  await choose("sample", "duplicate-notebook");
  await row("sample \\(copy\\)").waitFor();
});

test("into the trash and back by Undo, by Restore, and out for good", async () => {
  await row("one").locator(".row-title").focus();
  await page.keyboard.press("Delete");
  await page.getByTestId("toast-action").click();
  await row("one").waitFor();
  await choose("one", "trash-notebook");
  await row("one").waitFor({ state: "detached" });
  await page.getByTestId("view-trash").click();
  await found(1);
  assert.deepEqual(await titles(), ["one"]);
  await choose("one", "restore-notebook");
  await page.getByTestId("list-empty").waitFor();
  await page.getByTestId("view-all").click();
  await choose("one", "trash-notebook");
  await page.getByTestId("view-trash").click();
  await choose("one", "delete-notebook");
  // What cannot be taken back wants more than Enter.
  await page.locator("button:focus").getByText("Cancel").waitFor();
  await page.getByTestId("confirm-yes").click();
  await page.getByTestId("list-empty").waitFor();
  await page.getByTestId("view-all").click();
  await row("two").waitFor();
  assert.ok(!(await titles()).includes("one"));
});

test("a notebook that is open elsewhere says that it went to the trash, and comes back", async () => {
  const id = await make("Open elsewhere");
  const other = await context.newPage();
  await openNotebook(other, cloud, id);
  await api(page, cloud, "POST", `/api/n/${id}/trash`);
  await other.getByTestId("restore-notebook").click();
  await new Notebook(other).ready();
  await other.close();
});

test("a long list comes in pages", async () => {
  for (let n = 0; n < 65; n += 1) await make(`Series ${String(n).padStart(2, "0")}`);
  await page.goto(`${cloud.url}/?q=series`);
  await found(65);
  assert.equal(await page.getByTestId("notebook-row").count(), 60);
  await page.getByTestId("show-more").click();
  await until("the last page", async () => (await page.getByTestId("notebook-row").count()) === 65);
  const all = await titles();
  assert.equal(new Set(all).size, 65);
  assert.equal(all.at(-1), "Series 00");
  assert.equal(await page.getByTestId("show-more").count(), 0);
});

// Versions of a notebook in a real browser, and text that did not reach the server.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { api, Notebook, newNotebook, open, openNotebook } from "./support/page.mjs";

let cloud;
let browser;
let context;
let page;
let close;

before(async () => {
  ({ cloud, browser, context, page, close } = await open());
});

after(() => close?.());

async function openVersions() {
  await page.getByTestId("notebook-menu").click();
  await page.getByTestId("menu-versions").click();
  await page.getByTestId("versions-dialog").waitFor();
}

test("a version is kept, shown as it was, and begun anew", async (t) => {
  const notebook = await newNotebook(page, cloud);
  await notebook.cell(0).write("before = 1");
  await notebook.connection("saved");

  await t.test("keep", async () => {
    await openVersions();
    await page.getByTestId("version-name").fill("First idea");
    await page.getByTestId("keep-version").click();
    await page.getByTestId("version").getByText("First idea").waitFor();
    await page.getByTestId("versions-close").click();
    await page.getByTestId("versions-dialog").waitFor({ state: "detached" });
  });

  await notebook.cell(0).write("after = 2");
  await notebook.connection("saved");

  await t.test("show: what it was, and nobody can change it", async () => {
    await openVersions();
    await page.getByTestId("show-version").click();
    await page.getByTestId("revision").waitFor();
    const then = new Notebook(page);
    await then.cell(0).shows("before = 1");
    assert.equal(await then.cell(0).editor().getAttribute("contenteditable"), "false");
    for (const control of ["run-cell", "delete-cell", "add-code-cell", "run-all"]) {
      assert.equal(await page.getByTestId(control).count(), 0, control);
    }
    const address = page.url();
    const stranger = await (await browser.newContext()).newPage();
    await stranger.goto(address);
    await stranger.getByText("could not be opened").waitFor();
    assert.ok(!(await stranger.locator("body").innerText()).includes("before"));
    await stranger.context().close();
    await page.reload();
    await then.cell(0).shows("before = 1");
  });

  await t.test("restore: a new notebook, the first one goes on", async () => {
    await page.getByTestId("restore-version").click();
    const restored = new Notebook(page);
    await restored.ready();
    await restored.cell(0).shows("before = 1");
    assert.equal(await page.getByTestId("notebook-title").inputValue(), "First idea (copy)");
    const first = await openNotebook(page, cloud, notebook.id);
    await first.cell(0).shows("after = 2");
  });

  await t.test("delete", async () => {
    await openVersions();
    await page.getByTestId("delete-version").click();
    await page.getByTestId("confirm-yes").click();
    await page.getByTestId("version").waitFor({ state: "detached" });
    const { revisions } = await api(page, cloud, "GET", `/api/n/${notebook.id}/revisions`);
    assert.deepEqual(revisions, []);
    await page.getByTestId("versions-close").click();
  });
});

test("text that did not reach the server is offered after the page was loaded anew", async () => {
  const notebook = await newNotebook(page, cloud);
  await notebook.cell(0).write("sent = 1");
  await notebook.connection("saved");
  await context.setOffline(true);
  await notebook.connection("offline");
  await notebook.cell(0).write("unsent = 2");
  page.on("dialog", (dialog) => dialog.accept());
  await page.goto("about:blank");
  await context.setOffline(false);
  const again = await openNotebook(page, cloud, notebook.id);
  await again.cell(0).shows("sent = 1");
  await page.locator('[data-testid="unsent-notice"][data-cells="1"]').getByText("unsent = 2").waitFor();
  await page.getByTestId("unsent-insert").click();
  await again.cell(1).shows("unsent = 2");
  await again.cell(0).shows("sent = 1");
  await again.connection("saved");
  assert.equal(await page.getByTestId("unsent-notice").count(), 0);
  await page.reload();
  await again.ready();
  await again.cell(1).shows("unsent = 2");
  assert.equal(await page.getByTestId("unsent-notice").count(), 0);
});

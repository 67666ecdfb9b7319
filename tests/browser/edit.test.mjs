// Editing: what is written stays, what is deleted comes back, and the keyboard reaches everything.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch } from "./support/browser.mjs";
import { Notebook, newNotebook, signIn } from "./support/page.mjs";
import { Cloud } from "./support/processes.mjs";

let cloud;
let browser;
let context;
let page;

before(async () => {
  cloud = await new Cloud().start();
  browser = await launch();
  context = await browser.newContext();
  page = await context.newPage();
  await signIn(page, cloud);
});

after(async () => {
  await browser?.close();
  await cloud?.stop();
});

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

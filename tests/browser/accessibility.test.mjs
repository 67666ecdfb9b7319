// Every page passes axe-core's checks, light and dark, wide and narrow.
import { after, before, test } from "node:test";
import { assertAccessible, CHECKED } from "./support/accessible.mjs";
import { addMachine, newNotebook, signIn, start } from "./support/page.mjs";

const CONTENT = `import sys
from IPython.display import HTML, Markdown, display
print("plain", "\\x1b[31mred\\x1b[0m", "\\x1b[33myellow\\x1b[0m", "\\x1b[90mgrey\\x1b[0m")
print("careful", file=sys.stderr)
display(HTML("<table><tr><th>a</th></tr><tr><td>1</td></tr></table>"))
display(Markdown("**bold** [link](https://example.org)"))
1 / 0`;

let cloud;
let browser;
let page;
let close;

before(async () => {
  ({ cloud, browser, close } = await start());
  const context = await browser.newContext(CHECKED);
  page = await context.newPage();
});

after(() => close?.());

test("no page has accessibility violations", async (t) => {
  await t.test("sign-in page", async () => {
    await page.goto(cloud.url);
    await page.getByTestId("sign-in-page").waitFor();
    await assertAccessible(page, "sign-in page");
  });
  await signIn(page, cloud);
  await t.test("empty list and panel", async () => {
    await page.locator(".empty").waitFor();
    await assertAccessible(page, "empty list");
    await page.getByTestId("nav-workstations").click();
    await page.locator(".empty").waitFor();
    await assertAccessible(page, "empty panel");
    await page.getByTestId("add-machine").click();
    await page.getByTestId("pairing-code").waitFor();
    await assertAccessible(page, "pairing");
    await page.getByTestId("add-machine-close").click();
  });
  await addMachine(page, cloud);
  const notebook = await newNotebook(page, cloud);
  let asking;
  await t.test("notebook with outputs, a failure and text", async () => {
    await notebook.attach();
    await notebook.compute("idle");
    await notebook.cell(0).write(CONTENT);
    await notebook.cell(0).run();
    await notebook.cell(0).status("error");
    await page.getByTestId("output-frame").waitFor();
    // By key: outputs that are still growing move what a pointer aims at.
    await page.getByTestId("add-markdown-cell").press("Enter");
    await notebook.cell(1).write("# Heading\n\nText with `code` and $x^2$.");
    await page.keyboard.press("Escape");
    await assertAccessible(page, "notebook");
    asking = await notebook.addAndRun("input('Name? ')");
    await asking.element.getByTestId("input-field").waitFor();
    await assertAccessible(page, "notebook that asks");
  });
  await t.test("keys, line numbers, and the menus of the notebook", async () => {
    await asking.element.getByTestId("input-field").fill("nobody");
    await page.keyboard.press("Enter");
    await asking.status("done");
    await asking.write(`too_long = "${"for one row ".repeat(20)}"`);
    await page.keyboard.press("Escape");
    await page.keyboard.press("l");
    await page.locator('[data-line="1"]').first().waitFor();
    await assertAccessible(page, "notebook with line numbers");
    // By key: where the window has just changed, a click may still go into a frame that was there before.
    await page.getByTestId("run-menu").press("Enter");
    await page.getByTestId("run-above").waitFor();
    await assertAccessible(page, "menu of runs");
    await page.keyboard.press("Escape");
    await page.getByTestId("notebook-menu").press("Enter");
    await page.getByTestId("menu-clear").waitFor();
    await assertAccessible(page, "menu of the notebook");
    await page.getByTestId("menu-shortcuts").press("Enter");
    await page.getByTestId("shortcuts-dialog").waitFor();
    await assertAccessible(page, "list of keys");
    await page.getByTestId("shortcuts-close").press("Enter");
  });
  await t.test("sharing", async () => {
    await page.getByTestId("share").press("Enter");
    await page.getByTestId("people").waitFor();
    await assertAccessible(page, "share dialog without a provider");
    await page.getByTestId("share-close").press("Enter");
  });
  await t.test("menu of machines", async () => {
    await page.getByTestId("compute-chip").press("Enter");
    await page.getByTestId("attach-machine").waitFor();
    await assertAccessible(page, "menu");
  });
  await t.test("list", async () => {
    await page.goto(cloud.url);
    await page.getByTestId("notebook-row").waitFor();
    await assertAccessible(page, "list");
  });
  await t.test("panel", async () => {
    await addMachine(page, cloud, { name: "the-tower-under-the-attic-stairs" });
    await page.getByTestId("nav-workstations").click();
    await page.getByTestId("workstation").nth(1).waitFor();
    await page.getByTestId("machine-use").first().waitFor();
    await assertAccessible(page, "panel");
  });
});

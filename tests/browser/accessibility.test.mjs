// Every page passes axe-core's checks, light and dark, wide and narrow.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { launch } from "./support/browser.mjs";
import { addMachine, newNotebook, signIn } from "./support/page.mjs";
import { Cloud } from "./support/processes.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
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

before(async () => {
  cloud = new Cloud();
  await cloud.start();
  browser = await launch();
  // The page's own policy allows no script of a test: this context sets it aside.
  const context = await browser.newContext({ bypassCSP: true });
  page = await context.newPage();
});

after(async () => {
  await browser?.close();
  await cloud?.stop();
});

/** Names what reaches beyond the window; runs in the page. */
function wideElements() {
  const wide = [...document.querySelectorAll("body *")].filter((element) => element.getBoundingClientRect().right > innerWidth);
  return wide.map((element) => `${element.tagName}.${element.className} ${element.getBoundingClientRect().right}`).join(", ");
}

async function assertAccessible(what) {
  for (const [colorScheme, width] of [
    ["light", 1280],
    ["dark", 1280],
    ["light", 390],
    ["dark", 390],
  ]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.setViewportSize({ width, height: 860 });
    await page.locator(`html[data-theme="${colorScheme}"]`).waitFor();
    const fits = page.waitForFunction(() => document.documentElement.scrollWidth <= innerWidth, undefined, { timeout: 5_000 });
    await fits.catch(async () => assert.fail(`${what} is wider than ${width} px: ${await page.evaluate(wideElements)}`));
    // Colours that are still on their way to the other theme are nobody's final colours.
    await page.waitForFunction(() =>
      document
        .getAnimations()
        .every(({ playState, effect }) => playState !== "running" || effect.getComputedTiming().endTime === Infinity),
    );
    // Outputs in frames are other people's pages.
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => window.axe.run({ exclude: [["iframe"]] }, { iframes: false }));
    const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html}\n${failureSummary}`).join("\n")}`);
    assert.deepEqual(told, [], `${what}, ${colorScheme}, ${width} px`);
  }
}

test("no page has accessibility violations", async (t) => {
  await t.test("sign-in page", async () => {
    await page.goto(cloud.url);
    await page.getByTestId("sign-in-page").waitFor();
    await assertAccessible("sign-in page");
  });
  await signIn(page, cloud);
  await t.test("empty list and panel", async () => {
    await page.locator(".empty").waitFor();
    await assertAccessible("empty list");
    await page.getByTestId("nav-workstations").click();
    await page.locator(".empty").waitFor();
    await assertAccessible("empty panel");
    await page.getByTestId("add-machine").click();
    await page.getByTestId("pairing-code").waitFor();
    await assertAccessible("pairing");
    await page.getByTestId("add-machine-close").click();
  });
  await addMachine(page, cloud);
  const notebook = await newNotebook(page, cloud);
  await t.test("notebook with outputs, a failure and text", async () => {
    await notebook.attach();
    await notebook.compute("idle");
    await notebook.cell(0).write(CONTENT);
    await notebook.cell(0).run();
    await notebook.cell(0).status("error");
    await page.getByTestId("output-frame").waitFor();
    await page.getByTestId("add-markdown-cell").click();
    await notebook.cell(1).write("# Heading\n\nText with `code` and $x^2$.");
    await page.keyboard.press("Escape");
    await assertAccessible("notebook");
    const asking = await notebook.addAndRun("input('Name? ')");
    await asking.element.getByTestId("input-field").waitFor();
    await assertAccessible("notebook that asks");
  });
  await t.test("menu of machines", async () => {
    await page.getByTestId("compute-chip").click();
    await page.getByTestId("attach-machine").waitFor();
    await assertAccessible("menu");
  });
  await t.test("list", async () => {
    await page.goto(cloud.url);
    await page.getByTestId("notebook-row").waitFor();
    await assertAccessible("list");
  });
  await t.test("panel", async () => {
    await page.getByTestId("nav-workstations").click();
    await page.getByTestId("workstation").waitFor();
    await assertAccessible("panel");
  });
});

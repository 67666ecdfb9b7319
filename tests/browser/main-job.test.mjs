// The whole way in a real browser: sign in, add a machine, attach, run, see lines before the cell ends, see the
// picture, reload, a second browser context, both editing.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Notebook, signIn, start } from "./support/page.mjs";

const LINES = 20;
const SOURCE = `import time, base64
from IPython.display import Image, display
for i in range(${LINES}):
    print("line", i, flush=True)
    time.sleep(0.1)
png = "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAAFklEQVR4nGM44KBAEmIY1TCqYfhqAAC85yAQb7u4kAAAAABJRU5ErkJggg=="
display(Image(data=base64.b64decode(png), width=160))`;

let cloud;
let browser;
let close;

before(async () => {
  ({ cloud, browser, close } = await start());
});

after(() => close?.());

test("pair, attach, run, watch, reload, edit together", async (t) => {
  const context = await browser.newContext();
  const page = await context.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(error.message));
  await signIn(page, cloud);

  const machine = cloud.workstation();
  await t.test("add a machine: the dialog turns to registered when the real command has paired", async () => {
    await page.getByTestId("nav-workstations").click();
    await page.getByTestId("add-machine").click();
    const line = await page.getByTestId("pairing-command").innerText();
    assert.match(line, /^runt workstation connect http:\/\/127\.0\.0\.1:\d+ --code [0-9A-Z-]{14}$/);
    assert.match(await page.getByTestId("pairing-countdown").innerText(), /^(10:00|9:\d\d)$/);
    await machine.paste(line);
    machine.run();
    await page.locator('[data-testid="pairing-status"][data-status="registered"]').waitFor({ timeout: 30_000 });
    await page.getByTestId("add-machine-close").click();
    await page.locator('[data-testid="workstation"][data-status="online"]').waitFor({ timeout: 30_000 });
  });

  await page.getByTestId("nav-notebooks").click();
  await page.getByTestId("new-notebook").click();
  const notebook = new Notebook(page);
  await notebook.ready();

  await t.test("attach the machine", async () => {
    await notebook.attach();
    await notebook.compute("idle");
  });

  await t.test("lines appear before the cell ends, then the picture", async () => {
    const cell = notebook.cell(0);
    await cell.write(SOURCE);
    await cell.run();
    await cell.status("running");
    await cell.stdout().filter({ hasText: "line 0" }).waitFor({ timeout: 10_000 });
    const early = await cell.stdout().innerText();
    assert.ok(!early.includes(`line ${LINES - 1}`), "all lines came at once");
    assert.equal(await cell.element.getAttribute("data-status"), "running");
    await cell.status("done");
    await assertOutputs(cell);
  });

  await t.test("a reload shows everything again", async () => {
    await page.reload();
    await notebook.ready();
    await assertOutputs(notebook.cell(0));
  });

  await t.test("a second browser context sees it and both edit", async () => {
    const other = await (await browser.newContext()).newPage();
    await signIn(other, cloud, new URL(page.url()).pathname);
    const theirs = new Notebook(other);
    await theirs.ready();
    await assertOutputs(theirs.cell(0));
    await notebook.addCodeCell();
    await other.locator('[data-testid="cell"]').nth(1).waitFor();
    await notebook.cell(1).write("a = 1");
    await theirs.cell(1).shows("a = 1");
    await theirs.cell(1).append("\nprint(a + 41)");
    await notebook.cell(1).shows("print(a + 41)");
    await theirs.cell(1).editor().press("ControlOrMeta+Home");
    const mark = notebook.cell(1).element.locator(".cm-line:first-child").getByTestId("remote-cursor");
    await mark.waitFor();
    const room = await mark.evaluate((one) => {
      const tag = getComputedStyle(one, "::after");
      return one.getBoundingClientRect().top - Number.parseFloat(tag.height) - one.closest(".cm-scroller").getBoundingClientRect().top;
    });
    assert.ok(room >= 0, `the name at the cursor is cut off by ${-room} px`);
    if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/cursor.png` });
    await notebook.cell(1).run();
    await theirs.cell(1).status("done");
    assert.equal((await theirs.cell(1).stdout().innerText()).trim(), "42");
    await other.context().close();
  });

  await t.test("an error has its colours as text, and HTML lives on another origin", async () => {
    await notebook.addCodeCell();
    await notebook.cell(2).write("1/0");
    await notebook.cell(2).run();
    await notebook.cell(2).status("error");
    const error = notebook.cell(2).element.getByTestId("output-error");
    assert.match(await error.innerText(), /ZeroDivisionError/);
    assert.ok(!(await error.innerText()).includes("\u001b"), "escape codes are shown");

    await notebook.addCodeCell();
    await notebook.cell(3).write(
      "from IPython.display import HTML\nHTML('<b id=\"x\">bold</b><script>let c; try { c = document.cookie } catch { c = \"no cookies \" } document.getElementById(\"x\").textContent = c + self.origin + \" script ran\"</script>')",
    );
    await notebook.cell(3).run();
    await notebook.cell(3).status("done");
    const frame = notebook.cell(3).element.getByTestId("output-frame");
    await frame.waitFor();
    const element = await frame.locator("iframe").or(frame).first().elementHandle();
    const inner = await element.contentFrame();
    await inner.waitForFunction(() => document.body.innerText.includes("script ran"), undefined, { timeout: 10_000 });
    assert.notEqual(new URL(inner.url()).origin, new URL(page.url()).origin);
    assert.match(await inner.evaluate(() => document.body.innerText), /^no cookies null script ran/);
  });

  await t.test("interrupt and restart", async () => {
    await notebook.addCodeCell();
    const cell = notebook.cell(4);
    await cell.write("import time\nprint('in')\ntime.sleep(600)");
    await cell.run();
    await cell.stdout().filter({ hasText: "in" }).waitFor({ timeout: 10_000 });
    await page.getByTestId("interrupt").click();
    await cell.status("error");
    await page.getByTestId("restart").click();
    await page.getByTestId("confirm-yes").click();
    await page.locator('[data-testid="compute-status"]:not([data-status="idle"])').first().waitFor();
    await notebook.compute("idle", 60_000);
    await notebook.addCodeCell();
    const fresh = notebook.cell(5);
    await fresh.write("'a' in globals()");
    await fresh.run();
    await fresh.status("done");
    assert.match(await fresh.outputs().innerText(), /False/);
  });

  await t.test("revoking the credential cuts the machine off", async () => {
    await page.goto(`${cloud.url}/workstations`);
    await page.getByTestId("revoke-credential").first().click();
    await page.getByTestId("confirm-yes").click();
    const { code } = await machine.child.ended;
    assert.equal(code, 77, machine.child.output);
  });

  assert.deepEqual(problems, []);
});

async function assertOutputs(cell) {
  const text = await cell.stdout().innerText();
  const wanted = Array.from({ length: LINES }, (_, line) => `line ${line}`);
  assert.deepEqual(text.trim().split("\n"), wanted);
  const image = cell.element.getByTestId("output-image").locator("img").or(cell.element.locator("img")).first();
  await image.waitFor();
  assert.ok(await image.evaluate((node) => node.complete && node.naturalWidth === 16), "the picture did not load");
}

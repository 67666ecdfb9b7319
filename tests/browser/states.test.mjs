// What the page shows when things are not well: nobody signed in, no right to edit, no kernel, no server, no machine.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launch } from "./support/browser.mjs";
import { addMachine, api, newNotebook, openNotebook, signIn } from "./support/page.mjs";
import { Cloud, until } from "./support/processes.mjs";
import { Relay } from "./support/relay.mjs";

let browser;

before(async () => {
  browser = await launch();
});

after(async () => {
  await browser?.close();
});

/** A test with a cloud and a signed-in page of its own; both are ended whatever happens. */
function cloudTest(name, body) {
  test(name, async (t) => {
    const cloud = new Cloud();
    const context = await browser.newContext();
    try {
      await cloud.start();
      const page = await context.newPage();
      await signIn(page, cloud);
      await body({ t, cloud, context, page });
    } finally {
      await context.close();
      await cloud.stop();
    }
  });
}

cloudTest("who may see and edit what", async ({ t, cloud, context, page }) => {
  const notebook = await newNotebook(page, cloud);
  await notebook.cell(0).write("answer = 42");
  await notebook.connection("saved");

  await t.test("without a session there is the sign-in page, at every address", async () => {
    const stranger = await browser.newContext();
    const other = await stranger.newPage();
    for (const path of ["/", "/workstations", `/n/${notebook.id}`]) {
      await other.goto(`${cloud.url}${path}`);
      await other.getByTestId("sign-in-page").waitFor();
      assert.equal(await other.getByTestId("nav-notebooks").count(), 0);
    }
    await stranger.close();
  });

  await t.test("a used link says so and how to get another; an unknown one too", async () => {
    const stranger = await browser.newContext();
    const other = await stranger.newPage();
    const link = cloud.signInLink();
    await other.goto(link);
    await other.getByTestId("nav-notebooks").waitFor();
    await stranger.clearCookies();
    for (const address of [link, `${cloud.url}/sign-in?token=nothing`]) {
      const answer = await other.goto(address);
      assert.equal(answer.status(), 403);
      assert.match(await other.locator("body").innerText(), /used already.*ten minutes.*notebook-cloud sign-in-link/s);
      assert.deepEqual(await stranger.cookies(), []);
    }
    await stranger.close();
  });

  await t.test("a notebook shared with everybody is read-only for those without a session", async () => {
    await api(page, cloud, "POST", `/api/n/${notebook.id}/acl`, {
      subject_kind: "public",
      subject: "anonymous",
      scope: "viewer",
    });
    const stranger = await browser.newContext();
    const other = await stranger.newPage();
    const theirs = await openNotebook(other, cloud, notebook.id);
    await theirs.cell(0).shows("answer = 42");
    assert.equal(await theirs.cell(0).editor().getAttribute("contenteditable"), "false");
    assert.equal(await other.getByTestId("notebook-title").getAttribute("readonly"), "");
    for (const control of ["run-all", "restart", "run-cell", "delete-cell", "add-cell", "add-code-cell", "cell-type"]) {
      assert.equal(await other.getByTestId(control).count(), 0, control);
    }
    await theirs.cell(0).editor().click();
    await other.keyboard.type("intruder");
    await other.keyboard.press("Control+Enter");
    await notebook.cell(0).append("\nowner = True");
    await theirs.cell(0).shows("owner = True");
    for (const view of [notebook, theirs]) assert.ok(!(await view.cell(0).editor().innerText()).includes("intruder"));
    await stranger.close();
  });

  await t.test("a session that ends meanwhile loses no unsent edit", async () => {
    await context.setOffline(true);
    await notebook.connection("offline");
    await notebook.cell(0).append("\nunsent = 'kept'");
    await api(page, cloud, "DELETE", "/api/auth/session");
    await context.setOffline(false);
    await page.locator('[data-testid="sign-in-page"][data-ended="true"]').waitFor();
    assert.equal(await page.getByTestId("notebook").isVisible(), false);
    const tab = await context.newPage();
    await signIn(tab, cloud);
    await page.getByTestId("notebook").waitFor({ state: "visible" });
    await notebook.connection("saved");
    await notebook.cell(0).shows("unsent = 'kept'");
    const theirs = await openNotebook(tab, cloud, notebook.id);
    await theirs.cell(0).shows("unsent = 'kept'");
    await tab.close();
  });

  await t.test("signing out elsewhere shows the sign-in page on an open page", async () => {
    await page.goto(`${cloud.url}/workstations`);
    await page.getByTestId("add-machine").waitFor();
    await api(page, cloud, "DELETE", "/api/auth/session");
    await page.locator('[data-testid="sign-in-page"][data-ended="true"]').waitFor({ timeout: 10_000 });
  });
});

cloudTest("a Python without ipykernel: the page names the cause and the remedy", async ({ cloud, page }) => {
  const bare = join(cloud.folder, "bare");
  const made = spawnSync("python3", ["-m", "venv", "--without-pip", bare], { encoding: "utf8" });
  assert.equal(made.status, 0, made.stderr);
  await addMachine(page, cloud, { interpreter: join(bare, "bin", "python") });
  const notebook = await newNotebook(page, cloud);
  await notebook.cell(0).write("1 + 1");
  await notebook.attach();
  await notebook.compute("error", 60_000);
  assert.match(await page.getByTestId("compute-notice").innerText(), /ipykernel.*install/is);
  await notebook.cell(0).run();
  await page
    .getByTestId("toasts")
    .getByText("not run")
    .or(page.locator('[data-testid="cell"][data-status="error"], [data-testid="cell"][data-status="cancelled"]'))
    .first()
    .waitFor({ timeout: 15_000 });
  assert.equal(await page.getByTestId("run-count").getAttribute("data-queued"), "0");
  assert.match(await page.getByTestId("compute-notice").innerText(), /ipykernel.*install/is);
});

const LINES = 60;
const COUNTING = `import time
for i in range(${LINES}):
    print("line", i, flush=True)
    time.sleep(0.1)`;

async function assertEachLineOnce(cell) {
  const wanted = Array.from({ length: LINES }, (_, line) => `line ${line}`);
  assert.deepEqual((await cell.stdout().innerText()).trim().split("\n"), wanted);
}

cloudTest("the server and the machine go away and come back", async ({ t, cloud, page }) => {
  const cable = await Relay.to(cloud);
  t.after(() => cable.close());
  await addMachine(page, cloud, { url: cable.url });
  const notebook = await newNotebook(page, cloud);

  await t.test("without a machine the editor says what it wants one for", async () => {
    await notebook.cell(0).write("prin");
    await page.keyboard.press("Tab");
    await page.getByTestId("inspect").getByText("Attach a machine to get completions.").waitFor();
    await page.keyboard.press("Shift+Tab");
    await page.getByTestId("inspect").getByText("Attach a machine to look this up.").waitFor();
  });

  await t.test("a run without a machine offers the one that listens", async () => {
    const cell = notebook.cell(0);
    await cell.write("print('offered')");
    await cell.run();
    await page.getByTestId("toasts").getByText("No machine is attached.").waitFor();
    await page.getByTestId("toast-action").filter({ hasText: "Run on" }).click();
    await cell.status("done");
    assert.match(await cell.stdout().innerText(), /offered/);
    await notebook.compute("idle");
  });

  await t.test("the kernel completes names in the editor", async () => {
    const setup = await notebook.addAndRun("remarkable_number = 7");
    await setup.status("done");
    await notebook.addCodeCell();
    const cell = notebook.cell(2);
    await cell.write("remarkab");
    // A fresh kernel loads its completer at the first question, which may take longer than the page waits. The only name
    // that fits is taken at once.
    await until("the completion", async () => {
      await page.keyboard.press("Control+Space");
      await cell.editor().filter({ hasText: "remarkable_number" }).waitFor({ timeout: 8_000 });
      return true;
    });
    await cell.run();
    await cell.status("done");
    assert.match(await cell.outputs().innerText(), /7/);
  });

  await t.test("input() asks under the cell", async () => {
    const cell = await notebook.addAndRun("name = input('Your name? ')\nage = input('Age? ')\nprint(f'{name} is {age}')");
    const field = cell.element.getByTestId("input-field");
    await cell.element.getByText("Your name?").first().waitFor();
    await field.fill("Ada");
    await field.press("Enter");
    await cell.element.locator("label").getByText("Age?").waitFor();
    await field.fill("36");
    await cell.element.getByTestId("input-send").click();
    await cell.status("done");
    assert.equal((await cell.stdout().innerText()).trim(), "Your name? Ada\nAge? 36\nAda is 36");
    assert.equal(await cell.element.getByTestId("input-prompt").count(), 0);
  });

  await t.test("getpass() hides what is typed", async () => {
    const cell = await notebook.addAndRun("import getpass\nword = getpass.getpass('Secret? ')\nprint(len(word))");
    const field = cell.element.getByTestId("input-field");
    await field.waitFor();
    assert.equal(await field.getAttribute("type"), "password");
    await field.fill("open sesame");
    await field.press("Enter");
    await cell.status("done");
    assert.equal((await cell.stdout().innerText()).trim(), "Secret? ········\n11");
    assert.ok(!(await page.content()).includes("open sesame"));
  });

  await t.test("what the kernel proposes as the next input is put in, below the cell or in its place", async () => {
    const cell = await notebook.addAndRun("get_ipython().set_next_input('in_place = 1', replace=True)");
    await cell.shows("in_place = 1");
    const other = await notebook.addAndRun("get_ipython().set_next_input('below = 1')");
    await other.status("done");
    await page.getByTestId("cell").last().getByText("below = 1").waitFor();
  });

  await t.test("Shift+Tab shows what the kernel knows, then its source; elsewhere it dedents", async () => {
    const cell = await notebook.addAndRun("def area(side):\n    'The area of a square.'\n    return side ** 2");
    await cell.status("done");
    await cell.write("area");
    const shown = cell.element.page().getByTestId("inspect");
    await page.keyboard.press("Shift+Tab");
    await shown.getByText("The area of a square.").waitFor();
    assert.ok(!(await shown.innerText()).includes("return side"));
    await page.keyboard.press("Shift+Tab");
    await shown.getByText("return side ** 2").waitFor();
    await page.keyboard.press("Escape");
    await shown.waitFor({ state: "detached" });
    await page.keyboard.press("Shift+Tab");
    await shown.waitFor();
    await page.keyboard.type(" + nothing_of_this_name");
    assert.equal(await shown.count(), 0);
    await page.keyboard.press("Shift+Tab");
    await shown.getByText("The kernel knows nothing of this.").waitFor();
    await cell.write("    ");
    await page.keyboard.press("Shift+Tab");
    assert.equal((await cell.editor().innerText()).replaceAll("\n", ""), "");
  });

  await t.test("the server is killed while a cell runs, and started again", async () => {
    const cell = await notebook.addAndRun(COUNTING);
    await cell.stdout().filter({ hasText: "line 5" }).waitFor();
    await cloud.kill();
    await notebook.connection("offline");
    await notebook.cell(0).write("written_offline = 1");
    await cloud.start();
    await notebook.connection("saved");
    await cell.status("done");
    await assertEachLineOnce(cell);
    await notebook.cell(0).shows("written_offline = 1");
    await notebook.compute("idle");
  });

  await t.test("the machine is unreachable while a cell runs; what is run meanwhile waits for it", async () => {
    const cell = await notebook.addAndRun(COUNTING);
    await cell.stdout().filter({ hasText: "line 5" }).waitFor();
    cable.cut();
    await notebook.compute("unreachable");
    await page.getByTestId("compute-status").getByText(/unreachable since \d/).waitFor();
    const waiting = await notebook.addAndRun("print('ran at last')");
    await waiting.status("queued");
    assert.match(await page.getByTestId("compute-notice").innerText(), /waits?\..*back/s);
    cable.mend();
    await cell.status("done");
    await assertEachLineOnce(cell);
    await waiting.status("done");
    assert.equal((await waiting.stdout().innerText()).trim(), "ran at last");
    await notebook.compute("idle");
  });

  await t.test("what waits for an unreachable machine can be cancelled", async () => {
    cable.cut();
    await notebook.compute("unreachable");
    const waiting = await notebook.addAndRun("print('never')");
    await waiting.status("queued");
    await page.getByTestId("give-up").click();
    await page.getByTestId("confirm-yes").click();
    await waiting.status("cancelled");
    await page.locator('[data-testid="run-count"][data-queued="0"]').waitFor({ state: "attached" });
    assert.equal(await page.getByTestId("give-up").count(), 0);
  });
});

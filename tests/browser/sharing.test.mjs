// Who may do what, in real browsers of several people who sign in by a real identity provider: invitations, roles,
// the run right, requests, the public link, and what those see who are shut out.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertAccessible, CHECKED } from "./support/accessible.mjs";
import { addMachine, Notebook, newNotebook, start } from "./support/page.mjs";
import { until } from "./support/processes.mjs";
import { Provider, skip } from "./support/provider.mjs";

let provider;
let cloud;
let browser;
let ada;
let close;

before(async () => {
  if (skip) return;
  provider = await Provider.start();
  ({ cloud, browser, close } = await start(provider.environment));
  ada = await provider.person(browser, cloud, "ada", "/", CHECKED);
});

after(async () => {
  await close?.();
  provider?.stop();
});

/** A test with a notebook of Ada's that is open in her browser. */
function sharingTest(name, body) {
  test(name, { skip }, async (t) => {
    const notebook = await newNotebook(ada, cloud);
    await body({ t, notebook, path: `/n/${notebook.id}` });
  });
}

const person = (name) => ada.getByTestId("person").filter({ hasText: `${name}@example.org` });
const hasRole = (name, role) => person(name).and(ada.locator(`[data-role="${role}"]`)).waitFor();

async function share() {
  await ada.getByTestId("share").click();
  await ada.getByTestId("people").waitFor();
}

async function done() {
  await ada.getByTestId("share-close").click();
  await ada.getByTestId("share-dialog").waitFor({ state: "detached" });
}

/** Somebody comes back to the tab, which is when the page looks for changes at once. */
const comesBack = (page) => page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));

const said = (page, text) => page.getByTestId("toasts").getByText(text).waitFor();

const mayEdit = (notebook, may) =>
  until(`editing to be ${may}`, async () => {
    await comesBack(notebook.page);
    return (await notebook.cell(0).editor().getAttribute("contenteditable")) === String(may);
  });

sharingTest("an invitation waits for its address, and what it gave is changed and taken away", async ({ t, notebook, path }) => {
  let grace;
  let theirs;
  await notebook.cell(0).write("answer = 42");
  await notebook.connection("saved");

  await t.test("invite: it waits until that address signs in", async () => {
    await share();
    await ada.getByTestId("invite-email").fill("not an address");
    await ada.getByTestId("invite").click();
    assert.equal(await ada.getByTestId("invite-email").evaluate((input) => input.validity.valid), false);
    await ada.getByTestId("invite-email").fill("Grace@Example.org");
    await ada.getByTestId("invite").click();
    await ada.locator('[data-testid="invited"][data-email="grace@example.org"]').waitFor();
    assert.equal(await ada.getByTestId("invite-email").inputValue(), "");
    grace = await provider.person(browser, cloud, "grace", path);
    theirs = new Notebook(grace);
    await theirs.ready();
    await theirs.cell(0).shows("answer = 42");
    await mayEdit(theirs, false);
    await hasRole("grace", "viewer");
    assert.equal(await ada.getByTestId("invited").count(), 0);
    await theirs.cell(0).run();
    await said(grace, "The cell was not run. You can only read this notebook. “Ask to edit” tells its owner.");
    await theirs.cell(0).element.focus();
    await grace.keyboard.press("i");
    await grace.keyboard.press("i");
    await said(grace, "The kernel was not interrupted. You can only read this notebook.");
  });

  await t.test("a reader becomes an editor without loading anew", async () => {
    await person("grace").getByTestId("person-role").selectOption("editor");
    await hasRole("grace", "editor");
    await mayEdit(theirs, true);
    await theirs.cell(0).append("\nplus = 1");
    await notebook.cell(0).shows("plus = 1");
    await theirs.cell(0).run();
    await said(grace, "The cell was not run. You may not run cells here; its owner can let you.");
    await grace.keyboard.press("Enter");
    await grace.keyboard.press("ControlOrMeta+End");
    await grace.keyboard.press("Tab");
    await grace.getByTestId("inspect").getByText("You may not run cells here").waitFor();
    assert.equal(await grace.getByTestId("run-all").count(), 0);
    assert.equal(await grace.getByTestId("share").count(), 0);
  });

  await t.test("the run right: an editor runs on the owner's machine", async () => {
    await person("grace").getByTestId("person-role").selectOption("runner");
    await hasRole("grace", "runner");
    await done();
    await addMachine(ada, cloud);
    await notebook.attach();
    await notebook.compute("idle");
    await until("the run tools", async () => {
      await comesBack(grace);
      return (await grace.getByTestId("run-all").count()) === 1;
    });
    await theirs.cell(0).write("print(6 * 7)");
    await theirs.cell(0).run();
    await theirs.cell(0).status("done");
    assert.match(await theirs.cell(0).stdout().innerText(), /42/);
    await grace.getByTestId("restart").click();
    await grace.getByTestId("confirm-yes").click();
    await grace.locator('[data-testid="compute-status"]:not([data-status="idle"])').first().waitFor();
    await theirs.compute("idle", 60_000);
    // Which machine it runs on is the owner's business.
    assert.equal(await grace.getByTestId("compute-chip").count(), 0);
  });

  await t.test("removed: the open page says so at once, and Undo gives it back", async () => {
    await share();
    await person("grace").getByTestId("remove-person").click();
    await person("grace").waitFor({ state: "detached" });
    await grace.getByTestId("no-access").waitFor();
    assert.equal(await grace.getByText("print(6 * 7)").count(), 0);
    await ada.getByTestId("toast-action").click();
    await hasRole("grace", "runner");
    await grace.reload();
    await theirs.ready();
  });

  await t.test("an owner makes another; each is shown, and the last one is fixed", async () => {
    assert.equal(await person("ada").getByTestId("person-role").count(), 0);
    assert.equal(await person("ada").getByTestId("remove-person").count(), 0);
    await person("grace").getByTestId("person-role").selectOption("owner");
    await ada.getByTestId("confirm-yes").click();
    await hasRole("grace", "owner");
    await until("the Share button of the new owner", async () => {
      await comesBack(grace);
      return (await grace.getByTestId("share").count()) === 1;
    });
    await done();
  });

  await t.test("the notebook's activity names who did what", async () => {
    await ada.getByTestId("notebook-menu").click();
    await ada.getByTestId("menu-activity").click();
    const lines = ada.getByTestId("audit-event");
    await lines.filter({ hasText: "You let Grace own the notebook" }).waitFor();
    await lines.filter({ hasText: "You let Grace edit and run the notebook" }).first().waitFor();
    await lines.filter({ hasText: "Grace ran cells" }).waitFor();
    await ada.getByTestId("activity-close").click();
  });
  await grace.context().close();
});

sharingTest("an invitation that was withdrawn lets nobody in; who asks is let in, or not", async ({ t, notebook, path }) => {
  await share();
  await ada.getByTestId("invite-email").fill("linus@example.org");
  await ada.getByTestId("invite-scope").selectOption("editor");
  await ada.getByTestId("invite").click();
  await ada.getByTestId("withdraw-invite").click();
  await ada.getByTestId("invited").waitFor({ state: "detached" });
  await done();
  const linus = await provider.person(browser, cloud, "linus", path, CHECKED);
  await linus.getByTestId("no-access").waitFor();
  await linus.getByTestId("me").getByText("linus@example.org").waitFor();

  const asks = async (page, count) => {
    await until(`${count} requests on the Share button`, async () => {
      await comesBack(ada);
      return (await ada.getByTestId("share").getAttribute("data-waiting")) === String(count);
    });
    await page.getByTestId("asked").waitFor();
  };

  await t.test("declined: the page says so, and another request may be made", async () => {
    await linus.getByTestId("ask-access").click();
    await asks(linus, 1);
    await share();
    await ada.getByTestId("request-decline").click();
    await ada.getByTestId("request").waitFor({ state: "detached" });
    await done();
    await linus.getByTestId("declined").waitFor();
    await assertAccessible(linus, "page without access");
  });

  await t.test("let view: the page opens by itself, and asks to edit from there", async () => {
    await linus.getByTestId("ask-access").click();
    await asks(linus, 1);
    await share();
    await assertAccessible(ada, "share dialog");
    await ada.getByTestId("request-view").click();
    await hasRole("linus", "viewer");
    await done();
    const theirs = new Notebook(linus);
    await theirs.ready();
    await mayEdit(theirs, false);
    await linus.getByTestId("ask-access").click();
    await asks(linus, 1);
    await share();
    assert.equal(await ada.getByTestId("request-view").count(), 0);
    await ada.getByTestId("request-edit").click();
    await hasRole("linus", "editor");
    await done();
    await mayEdit(theirs, true);
    await theirs.cell(0).write("linus = 1");
    await notebook.cell(0).shows("linus = 1");
  });
  await linus.context().close();
});

sharingTest("the public link is turned on and off", async ({ notebook, path }) => {
  await notebook.cell(0).write("seen = 'by all'");
  await notebook.connection("saved");
  const stranger = await (await browser.newContext()).newPage();
  await stranger.goto(`${cloud.url}${path}`);
  await stranger.getByTestId("provider-sign-in").waitFor();
  await share();
  assert.equal(await ada.getByTestId("share-url").innerText(), `${cloud.url}${path}`);
  await ada.getByTestId("public-link").click();
  await ada.locator('[data-testid="public-link"][aria-checked="true"]').waitFor();
  await stranger.reload();
  const theirs = new Notebook(stranger);
  await theirs.ready();
  await theirs.cell(0).shows("by all");
  assert.match(await stranger.getByTestId("sign-in").getAttribute("href"), /^\/oidc\/sign-in\?next=%2Fn%2F/);
  await ada.getByTestId("public-link").click();
  await ada.locator('[data-testid="public-link"][aria-checked="false"]').waitFor();
  await stranger.getByTestId("sign-in-page").waitFor();
  assert.equal(await stranger.getByText("by all").count(), 0);
  await done();
  await stranger.context().close();
});

sharingTest("sharing by the keyboard alone", async ({ path }) => {
  const grace = await provider.person(browser, cloud, "grace");
  const focused = () => ada.evaluate(() => document.activeElement?.dataset.testid);
  const tabTo = (testId) =>
    until(`the focus on ${testId}`, async () => {
      if ((await focused()) === testId) return true;
      await ada.keyboard.press("Tab");
      return false;
    });
  await tabTo("share");
  await ada.keyboard.press("Enter");
  await ada.getByTestId("people").waitFor();
  assert.equal(await focused(), "invite-email");
  await ada.keyboard.type("grace@example.org");
  await ada.keyboard.press("Enter");
  await ada.getByTestId("invited").waitFor();
  await tabTo("withdraw-invite");
  await ada.keyboard.press("Enter");
  await ada.getByTestId("invited").waitFor({ state: "detached" });
  await tabTo("invite-email");
  await ada.keyboard.type("grace@example.org");
  await ada.keyboard.press("Enter");
  await grace.goto(`${cloud.url}${path}`);
  await new Notebook(grace).ready();
  await hasRole("grace", "viewer");
  await tabTo("person-role");
  await ada.keyboard.press("ArrowDown");
  await hasRole("grace", "editor");
  await tabTo("remove-person");
  await ada.keyboard.press("Space");
  await person("grace").waitFor({ state: "detached" });
  // The row that had the focus is gone; the list keeps it.
  await until("the focus on the list", async () => (await focused()) === "people");
  await tabTo("public-link");
  await ada.keyboard.press("Space");
  await ada.locator('[data-testid="public-link"][aria-checked="true"]').waitFor();
  assert.equal(await focused(), "public-link");
  // The focus stays inside, all the way round.
  for (let n = 0; n < 12; n += 1) {
    await ada.keyboard.press("Tab");
    const outside = await ada.evaluate(() => document.activeElement !== document.body && document.activeElement?.closest("dialog") === null);
    assert.equal(outside, false);
  }
  await ada.keyboard.press("Escape");
  await ada.getByTestId("share-dialog").waitFor({ state: "detached" });
  assert.equal(await focused(), "share");
  await grace.context().close();
});

sharingTest("a notebook is shared from the list", async ({ notebook }) => {
  await ada.getByTestId("nav-notebooks").click();
  const row = ada.locator(`[data-testid="notebook-row"][data-notebook-id="${notebook.id}"]`);
  await row.getByTestId("row-menu").click();
  await ada.getByTestId("share-notebook").click();
  await person("ada").getByText("(you)").waitFor();
  await done();
  // The focus goes back once the dialog has been taken away.
  await ada.waitForFunction(() => document.activeElement?.dataset.testid === "row-menu");
});

sharingTest("a change that the server refuses is told with its cause, and nothing looks changed", async () => {
  await share();
  await ada.context().setOffline(true);
  await ada.getByTestId("invite-email").fill("grace@example.org");
  await ada.getByTestId("invite").click();
  await ada.getByTestId("toasts").getByText("was not invited. The server cannot be reached.").waitFor();
  assert.equal(await ada.getByTestId("invite-email").inputValue(), "grace@example.org");
  await ada.getByTestId("public-link").click();
  await ada.getByTestId("toasts").getByText("The public link was not changed.").waitFor();
  assert.equal(await ada.getByTestId("public-link").getAttribute("aria-checked"), "false");
  await ada.context().setOffline(false);
  await done();
});

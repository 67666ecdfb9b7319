// The account page in a real browser: devices, API tokens, what happened.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertAccessible, CHECKED } from "./support/accessible.mjs";
import { api, open, signIn } from "./support/page.mjs";
import { until } from "./support/processes.mjs";

const PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1";

let cloud;
let browser;
let page;
let close;

before(async () => {
  ({ cloud, browser, page, close } = await open({ context: CHECKED }));
});

after(() => close?.());

async function toAccount() {
  await page.goto(`${cloud.url}/account`);
  await page.getByTestId("sessions").waitFor();
  await page.getByTestId("audit").or(page.getByText("Nothing has been written down yet.")).waitFor();
}

/** Another device of the same person. */
async function device(userAgent) {
  const other = await (await browser.newContext({ userAgent })).newPage();
  await signIn(other, cloud, "/workstations");
  await other.getByTestId("add-machine").waitFor();
  return other;
}

const session = (name) => page.getByTestId("session").filter({ hasText: name });
const token = (name) => page.getByTestId("token").filter({ hasText: name });
const status = async (secret) => (await fetch(`${cloud.url}/api/n`, { headers: { Authorization: `Bearer ${secret}` } })).status;

test("each device is listed and signed out alone, or all others at once", async () => {
  const phone = await device(PHONE);
  await toAccount();
  assert.equal(await page.getByTestId("session").count(), 2);
  await page.locator('[data-testid="session"][data-current="true"]').getByText("this browser").waitFor();
  // Nobody signs out the browser in front of them by mistake.
  assert.equal(await page.locator('[data-testid="session"][data-current="true"]').getByTestId("end-session").count(), 0);
  await session("Safari on iPhone").getByTestId("end-session").click();
  await session("Safari on iPhone").waitFor({ state: "detached" });
  await phone.locator('[data-testid="sign-in-page"][data-ended="true"]').waitFor();
  const others = [await device(PHONE), await device(PHONE.replace("iPhone;", "iPad;").replace("CPU iPhone", "CPU"))];
  await toAccount();
  await session("Safari on iPad").waitFor();
  await page.getByTestId("end-other-sessions").click();
  await page.getByTestId("confirm-yes").click();
  await until("this browser to be the only one", async () => (await page.getByTestId("session").count()) === 1);
  for (const other of others) await other.locator('[data-testid="sign-in-page"][data-ended="true"]').waitFor();
  for (const other of [phone, ...others]) await other.context().close();
});

test("a token is made by the keyboard, shown once, used, and revoked", async () => {
  await toAccount();
  await page.getByTestId("new-token").focus();
  await page.keyboard.press("Enter");
  await page.getByTestId("token-dialog").waitFor();
  await page.keyboard.press("Enter");
  assert.equal(await page.getByTestId("token-text").count(), 0, "a token without a name was made");
  await page.keyboard.type("nightly report");
  await page.keyboard.press("Tab");
  await page.keyboard.press("ArrowDown");
  assert.equal(await page.getByTestId("token-scope-editor").isChecked(), true);
  await page.keyboard.press("Tab");
  await page.keyboard.press("ArrowUp");
  assert.equal(await page.getByTestId("token-end").inputValue(), "30");
  await assertAccessible(page, "form of a token");
  await page.getByTestId("token-name").press("Enter");
  const secret = await page.getByTestId("token-text").innerText();
  assert.match(secret, /^nct_[A-Za-z0-9_-]{30,}$/);
  await assertAccessible(page, "new token");
  await page.keyboard.press("Escape");
  await page.getByTestId("token-dialog").waitFor({ state: "detached" });
  await page.waitForFunction(() => document.activeElement?.dataset.testid === "new-token");
  assert.ok(!(await page.content()).includes(secret), "the token is still in the page");

  await token("nightly report").getByText("Read and edit").waitFor();
  await token("nightly report").getByText("Never used").waitFor();
  await token("nightly report").getByText(/ends in (29|30) days/).waitFor();
  assert.equal(await status(secret), 200);
  await toAccount();
  await token("nightly report").getByText("Last used just now").waitFor();
  await token("nightly report").getByTestId("revoke-token").click();
  await page.getByTestId("confirm-yes").click();
  await token("nightly report").waitFor({ state: "detached" });
  assert.equal(await status(secret), 401);
  await page.getByText("Show 1 ended").click();
  await token("nightly report").and(page.locator('[data-ended="true"]')).getByText("revoked").waitFor();
});

test("a token without an end says so", async () => {
  await toAccount();
  await page.getByTestId("new-token").click();
  await page.getByTestId("token-name").fill("for good");
  await page.getByTestId("token-scope-owner").check();
  await page.getByTestId("token-end").selectOption("never");
  await page.getByTestId("make-token").click();
  await page.getByTestId("token-done").click();
  await token("for good").getByText("Everything").waitFor();
  await token("for good").getByText("ends never").waitFor();
});

test("what happened is told in sentences, in pages, with the notebook it happened to", async () => {
  for (let n = 0; n < 35; n += 1) await api(page, cloud, "POST", "/api/n", { title: `Series ${n}` });
  await toAccount();
  const lines = page.getByTestId("audit-event");
  assert.equal(await lines.count(), 30);
  assert.match(await lines.first().innerText(), /^You made the notebook · Series 34/);
  await page.getByTestId("audit-more").click();
  await lines.filter({ hasText: "You revoked an API token" }).waitFor();
  await lines.filter({ hasText: "You made the API token “nightly report”" }).waitFor();
  await lines.filter({ hasText: "You signed a device out" }).first().waitFor();
  await assertAccessible(page, "account");
  await lines.getByRole("link", { name: "Series 33" }).click();
  await page.locator('[data-testid="notebook"][data-ready="true"]').waitFor();
  assert.equal(await page.getByTestId("notebook-title").inputValue(), "Series 33");
});

test("the account menu leads there by the keyboard, and signs out", async () => {
  await page.goto(cloud.url);
  await page.getByTestId("account-menu").focus();
  await page.keyboard.press("Enter");
  await page.getByTestId("account-menu-panel").waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.getByTestId("account").waitFor();
  assert.equal(new URL(page.url()).pathname, "/account");
  await page.getByTestId("account-menu").click();
  await page.getByTestId("sign-out").click();
  await page.getByTestId("sign-in-page").waitFor();
  assert.deepEqual(await page.context().cookies(), []);
});

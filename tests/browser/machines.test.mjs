// What the panel tells of machines and their secrets, with a real machine: who holds what, since when, what happened.
import assert from "node:assert/strict";
import { hostname } from "node:os";
import { after, before, test } from "node:test";
import { assertAccessible, CHECKED } from "./support/accessible.mjs";
import { api, newNotebook, open } from "./support/page.mjs";
import { until } from "./support/processes.mjs";

let cloud;
let page;
let machine;
let close;

before(async () => {
  ({ cloud, page, machine, close } = await open({ context: CHECKED, machine: { name: "lab-tower" } }));
});

after(() => close?.());

async function toPanel() {
  await page.goto(`${cloud.url}/workstations`);
  await page.getByTestId("workstation").first().waitFor();
  await page.getByTestId("machine-settings").waitFor();
}

const events = (name) => page.locator(`[data-testid="machine-event"][data-event="${name}"]`);

async function history() {
  await page.getByTestId("machine-history").click();
  await page.getByTestId("history").waitFor();
}

test("a machine tells what it is, and its credential whose it is", async () => {
  await toPanel();
  const card = page.getByTestId("workstation");
  await card.getByText("Online since").waitFor();
  await card.getByRole("listitem").getByText(hostname(), { exact: true }).waitFor();
  await card.getByRole("listitem").getByText("127.0.0.1").waitFor();
  const credential = page.getByTestId("credential");
  await credential.getByText("lab-tower").waitFor();
  await credential.getByText("ends never").waitFor();
  await assertAccessible(page, "panel with a machine");
});

test("a credential is let serve several machines, and only its first again", async () => {
  await toPanel();
  const choose = async () => {
    await page.getByTestId("credential-menu").click();
    await page.getByTestId("credential-reach").click();
  };
  const tag = page.getByTestId("credential").getByText("several machines");
  await choose();
  await tag.waitFor();
  await choose();
  await tag.waitFor({ state: "detached" });
});

test("unused credentials end when the owner says so; the setting stays", async () => {
  await toPanel();
  await page.getByTestId("credential-days").selectOption("30");
  await page.getByTestId("credential").getByText(/ends in (29|30) days/).waitFor();
  await page.getByTestId("room-tokens-only").click();
  await page.locator('[data-testid="room-tokens-only"][aria-checked="true"]').waitFor();
  await toPanel();
  assert.equal(await page.getByTestId("credential-days").inputValue(), "30");
  assert.equal(await page.getByTestId("room-tokens-only").getAttribute("aria-checked"), "true");
  await page.getByTestId("credential-days").selectOption("");
  await page.getByTestId("credential").getByText("ends never").waitFor();
});

test("the history names what happened, and the notebooks that were served", async () => {
  const notebook = await newNotebook(page, cloud);
  await notebook.attach();
  await notebook.compute("idle");
  await toPanel();
  await history();
  for (const event of ["registered", "paired", "job_pending", "job_running"]) await events(event).first().waitFor();
  await events("job_running").getByText("Began to serve").waitFor();
  await assertAccessible(page, "history of a machine");
  // By the keyboard, and back to where it began.
  await page.keyboard.press("Escape");
  await page.getByTestId("history-dialog").waitFor({ state: "detached" });
  await page.waitForFunction(() => document.activeElement?.dataset.testid === "machine-history");
  await history();
  await events("job_running").getByRole("link", { name: "Test" }).click();
  await notebook.ready();
});

test("a code for one machine only works there and nowhere else", async () => {
  await page.goto(`${cloud.url}/workstations`);
  await page.getByTestId("add-machine").click();
  await page.getByTestId("pairing-code").waitFor();
  const line = () => page.getByTestId("pairing-command").innerText();
  const first = await line();
  const only = async (name) => {
    await page.getByText("Make a code for one machine only").click();
    await page.getByTestId("expected-machine").fill(name);
    await page.keyboard.press("Enter");
    await page.locator(`[data-testid="only-for"][data-machine="${name}"]`).waitFor();
  };
  await only("another-machine");
  assert.notEqual(await line(), first);
  const other = cloud.workstation();
  await assert.rejects(other.paste(await line()), /for the machine named another-machine/);
  await page.getByText("Make one for any machine").click();
  await page.getByTestId("only-for").waitFor({ state: "detached" });
  await only(hostname());
  await other.paste(`${await line()} --id second --name second`);
  await page.locator('[data-testid="pairing-status"][data-status="redeemed"], [data-testid="pairing-status"][data-status="registered"]').waitFor();
  await page.getByTestId("add-machine-close").click();
  // Nobody listens there yet.
  const card = page.locator('[data-workstation-id="second"][data-status="offline"]');
  await card.getByText("Paired, not running").waitFor();
  await card.getByText("To start it, run “runt workstation run”").waitFor();
});

test("one line installs runt on a machine that has none, and pairs it", async () => {
  cloud.offerPrograms();
  await until("the offer", async () => (await api(page, cloud, "GET", "/api/downloads")).archives.length === 1);
  await page.goto(`${cloud.url}/workstations`);
  await page.getByTestId("add-machine").click();
  await page.getByTestId("offered-systems").getByText("Linux on").waitFor();
  const line = () => page.getByTestId("pairing-command").innerText();
  assert.match(await line(), /^curl -fsSL http:\S+\/install\.sh \| sh -s -- --code \S+$/);
  await assertAccessible(page, "a machine to add, with a download");
  // By the keyboard to the line for machines that have it, and back.
  await page.getByTestId("way-install").focus();
  await page.keyboard.press("ArrowRight");
  assert.match(await line(), /^runt workstation connect http/);
  assert.equal(await page.getByTestId("run-command").innerText(), "runt workstation run");
  await page.keyboard.press("ArrowLeft");
  const fresh = cloud.workstation();
  const pasted = fresh.shell(await line());
  const { code } = await pasted.ended;
  assert.equal(code, 0, pasted.output);
  assert.match(pasted.output, /Installed runt/);
  await page.locator('[data-testid="pairing-status"][data-status="registered"]').waitFor();
  await page.getByTestId("add-machine-close").click();
});

test("a machine that runs an older build than the offered one is told what to do", async () => {
  cloud.offerPrograms("9.9.9");
  const card = page.locator('[data-workstation-id="lab-tower"]');
  await until("the newer build", async () => {
    const { workstations } = await api(page, cloud, "GET", "/api/workstations");
    return workstations.some(({ latest_build: latest }) => latest === "9.9.9");
  });
  await toPanel();
  await card.getByText("the newest is 9.9.9: run “runt upgrade” there").waitFor();
});

test("a revoked credential is told in the history, and kept among the ended", async () => {
  await toPanel();
  const row = page.getByTestId("credential").filter({ hasText: "lab-tower" });
  await row.getByTestId("revoke-credential").click();
  await page.getByTestId("confirm-yes").click();
  await row.waitFor({ state: "detached" });
  await machine.child.ended;
  await page.getByTestId("ended-credentials").click();
  await row.getByText("revoked").waitFor();
  await until("the revocation in the history", async () => {
    const { events: lines } = await api(page, cloud, "GET", "/api/workstations/lab-tower/history");
    return lines.some(({ event }) => event === "credential_revoked");
  });
  await page.locator('[data-workstation-id="lab-tower"]').getByTestId("machine-history").click();
  await events("credential_revoked").getByText("Its credential was revoked").waitFor();
});

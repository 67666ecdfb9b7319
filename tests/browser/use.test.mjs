// What machines and kernels use, shown while it happens; when unused compute stops; a kernel that does not respond.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { assertAccessible, CHECKED } from "./support/accessible.mjs";
import { api, newNotebook, open, openNotebook } from "./support/page.mjs";
import { until } from "./support/processes.mjs";

let cloud;
let page;
let notebook;
let close;

before(async () => {
  ({ cloud, page, close } = await open({ context: CHECKED, machine: { name: "lab-tower" } }));
  notebook = await newNotebook(page, cloud);
  await notebook.attach();
  await notebook.compute("idle", 60_000);
});

after(() => close?.());

async function plain() {
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
  await page.setViewportSize({ width: 1280, height: 860 });
  await page.locator('html[data-theme="light"]').waitFor();
}

const mib = (text) => {
  const [, number, unit] = text.match(/([\d.]+) (KiB|MiB|GiB)/);
  return Number(number) * { KiB: 1 / 1024, MiB: 1, GiB: 1024 }[unit];
};

const openMenu = async () => {
  await page.getByTestId("compute-chip").click();
  await page.getByTestId("compute-chip-panel").waitFor();
};

/** Waits until the kernel's memory in the open menu is in a range; what is shown comes by itself. */
async function kernelMemory(fits) {
  const text = page.getByTestId("kernel-memory");
  await text.waitFor({ timeout: 40_000 });
  const end = Date.now() + 60_000;
  for (;;) {
    const shown = mib(await text.innerText());
    if (fits(shown)) return shown;
    assert.ok(Date.now() < end, `the kernel's memory stays at ${shown} MiB`);
    await page.waitForTimeout(200);
  }
}

/** The kernel's process, by the folder of this cloud's machine in its command line. */
function kernelPid() {
  const found = readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      return line.includes("ipykernel_launcher") && line.includes(cloud.folder);
    } catch {
      return false;
    }
  });
  assert.equal(found.length, 1);
  return Number(found[0]);
}

test("the notebook's page shows what its kernel uses, as it changes", async () => {
  await openMenu();
  const before = await kernelMemory((size) => size > 5);
  await page.keyboard.press("Escape");
  const cell = await notebook.addAndRun("held = bytearray(400 * 1024 * 1024)\nheld[::4096] = b'x' * len(held[::4096])\nprint(len(held))");
  await cell.status("done");
  await openMenu();
  const after = await kernelMemory((size) => size > before + 350);
  assert.ok(after < before + 700, `${before} MiB before, ${after} MiB after`);
  await page.getByTestId("kernel-cpu").waitFor();
  await assertAccessible(page, "the menu of compute");
  await plain();
  await page.keyboard.press("Escape");
});

test("the owner says when unused compute stops; it stays", async () => {
  await openMenu();
  const choice = page.getByTestId("idle-minutes");
  assert.match(await choice.locator("option").first().innerText(), /^after 30 min \(default\)$/);
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/idle.png` });
  const cut = await choice.evaluate((select) => {
    const own = select.offsetWidth;
    select.style.cssText = "width: max-content; max-width: none";
    const whole = select.offsetWidth;
    select.style.cssText = "";
    return whole - own;
  });
  assert.ok(cut <= 0, `the choice lacks ${cut} pixels`);
  await choice.selectOption({ label: "never" });
  await page.waitForFunction(() => document.querySelector('[data-testid="idle-minutes"]').value === "0");
  const told = await api(page, cloud, "GET", `/api/n/${notebook.id}`);
  assert.equal(told.notebook.idle_minutes, 0);
  await openNotebook(page, cloud, notebook.id);
  await openMenu();
  assert.equal(await page.getByTestId("idle-minutes").inputValue(), "0");
  await page.getByTestId("idle-minutes").selectOption("");
  await page.waitForFunction(() => document.querySelector('[data-testid="idle-minutes"]').value === "");
  await page.keyboard.press("Escape");
});

test("a kernel that gives no sign of life is told since when, left alone, and told when it is back", async () => {
  const pid = kernelPid();
  process.kill(pid, "SIGSTOP");
  try {
    await notebook.compute("silent", 90_000);
    assert.match(await page.getByTestId("compute-status").first().innerText(), /lab-tower · not responding since \d/);
    await page.getByText(/The kernel has given no sign of life since \d.* and is left alone/).waitFor();
  } finally {
    process.kill(pid, "SIGCONT");
  }
  await notebook.compute("idle", 60_000);
  const cell = await notebook.addAndRun("print(len(held) // 1024 ** 2)");
  await cell.status("done");
  assert.match(await cell.stdout().innerText(), /^400/);
});

test("the panel shows what a machine does, and for which notebook", async () => {
  await page.goto(`${cloud.url}/workstations`);
  const use = page.getByTestId("machine-use");
  await use.getByTestId("use-memory").waitFor();
  assert.match(await use.getByTestId("use-memory").innerText(), /[\d.]+ (MiB|GiB) used, [\d.]+ (MiB|GiB) free/);
  // The next heartbeat tells of the kernel: the panel is not reloaded for it.
  const job = use.getByTestId("use-job");
  await job.waitFor({ timeout: 90_000 });
  // Its notebook's title is asked for once it is there.
  const told = /^Test runs: (CPU (\d+|under 1) % · )?[\d.]+ (MiB|GiB)/;
  await until("the job to be told with its notebook", async () => told.test(await job.innerText()));
  // What a heartbeat told before the memory was taken is followed by what the next one tells.
  await until("the panel to show what the kernel holds", async () => mib(await job.innerText()) > 400, 90_000);
  await use.getByTestId("use-cpu").waitFor();
  await use.getByText(/load \d/).waitFor();
  await assertAccessible(page, "a machine that tells what it does");
  await job.getByRole("link").click();
  await notebook.ready();
  assert.ok(page.url().includes(notebook.id));
});

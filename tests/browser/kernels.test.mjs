// Choosing a kernel, with real ones: Bash, a second Python environment, and those that cannot start, with the reason.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { assertAccessible, CHECKED } from "./support/accessible.mjs";
import { addMachine, api, newNotebook, open, openNotebook } from "./support/page.mjs";
import { python, until } from "./support/processes.mjs";

let cloud;
let page;
let projects;
let close;

function say(program, args) {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  assert.equal(status, 0, `${program} ${args.join(" ")}: ${stdout}${stderr}`);
  return stdout.trim();
}

/** An environment with the packages of the tests' own: made as a person would, without asking a package index. */
function makeEnvironment(folder) {
  say(python, ["-m", "venv", "--without-pip", folder]);
  const packages = say(python, ["-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"]);
  const own = say(join(folder, "bin/python"), ["-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"]);
  for (const name of readdirSync(packages)) symlinkSync(join(realpathSync(packages), name), join(own, name));
}

function installKernel(home, name, spec) {
  const folder = join(home, ".local/share/jupyter/kernels", name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "kernel.json"), JSON.stringify(spec));
}

before(async () => {
  ({ cloud, page, close } = await open({ context: CHECKED }));
  projects = join(cloud.folder, "projects");
  mkdirSync(projects);
  makeEnvironment(join(projects, "paper/.venv"));
  say(python, ["-m", "venv", "--without-pip", join(projects, "bare/.venv")]);
  const home = join(cloud.folder, "machine-0");
  const bash = { argv: [python, "-m", "bash_kernel", "-f", "{connection_file}"], display_name: "Bash", language: "bash", env: { PS1: "$" } };
  installKernel(home, "bash", bash);
  installKernel(home, "ir", { argv: ["/nowhere/R", "{connection_file}"], display_name: "R 4", language: "R" });
  await addMachine(page, cloud, { name: "lab-tower", cwd: projects });
  await until("the kernels to be known", async () => (await offered())?.some(({ name }) => name === "bash"));
});

after(() => close?.());

async function offered() {
  const { workstations } = await api(page, cloud, "GET", "/api/workstations");
  return workstations[0].kernels;
}

const chip = (text) => page.getByTestId("kernel-name").filter({ hasText: text }).waitFor();
const item = (text) => page.getByTestId("choose-kernel").filter({ hasText: text });

async function openMenu() {
  await page.getByTestId("kernel-chip").focus();
  await page.keyboard.press("Enter");
  await page.getByTestId("choose-kernel").first().waitFor();
}

async function runs(notebook, source, expected) {
  const cell = await notebook.addAndRun(source);
  await cell.status("done");
  assert.match(await cell.stdout().innerText(), expected);
}

test("a machine tells its kernels, and what each lacks", async () => {
  const kernels = await offered();
  const named = (text) => kernels.find(({ display_name: name }) => name.includes(text));
  assert.equal(named("Bash").available, true);
  assert.equal(named("R 4").available, false);
  assert.match(named("R 4").reason, /\/nowhere\/R/);
  assert.deepEqual([named("(paper)").source, named("(paper)").available], ["venv", true]);
  assert.equal(named("(bare)").available, false);
  assert.match(named("(bare)").reason, /bare\/\.venv\/bin\/python -m pip install ipykernel/);
});

test("Bash is chosen by keyboard and runs; so does another environment; the choice is the notebook's", async () => {
  const notebook = await newNotebook(page, cloud);
  await chip("Python 3");
  await notebook.attach();
  await notebook.compute("idle", 60_000);
  await runs(notebook, "import sys; print(sys.implementation.name)", /cpython/);

  await openMenu();
  await page.locator('[data-testid="choose-kernel"][aria-current="true"]').filter({ hasText: "Python 3" }).waitFor();
  await item("(bare)").getByText("pip install ipykernel").waitFor();
  await item("R 4").getByText("/nowhere/R").waitFor();
  await assertAccessible(page, "the menu of kernels");
  await page.setViewportSize({ width: 1280, height: 860 });
  await page.emulateMedia({ colorScheme: "light" });
  // What cannot start can be reached and read, and does nothing.
  await item("R 4").click({ force: true });
  await page.getByTestId("choose-kernel").first().waitFor();
  for (;;) {
    await page.keyboard.press("ArrowDown");
    if ((await page.evaluate(() => document.activeElement?.dataset.kernel)) === "bash") break;
  }
  await page.keyboard.press("Enter");
  await page.getByTestId("confirm-yes").click();
  await chip("Bash");
  await page.locator('[data-testid="compute-status"]:not([data-status="idle"])').first().waitFor();
  await notebook.compute("idle", 60_000);
  await runs(notebook, 'for n in 1 2 3; do echo "bash says $n"; done; echo "${BASH_VERSION%%.*}"', /bash says 1\nbash says 2\nbash says 3\n\d/);

  await openMenu();
  await item("(paper)").click();
  await page.getByTestId("confirm-yes").click();
  await chip("(paper)");
  await page.locator('[data-testid="compute-status"]:not([data-status="idle"])').first().waitFor();
  await notebook.compute("idle", 60_000);
  const where = "import os, sys; print(sys.prefix, os.environ['VIRTUAL_ENV'], os.environ['PATH'].split(':')[0])";
  const venv = join(projects, "paper/.venv");
  await runs(notebook, where, new RegExp(`^${venv} ${venv} ${venv}/bin`));

  const exported = await (await page.request.get(`${cloud.url}/api/n/${notebook.id}/download`)).json();
  assert.match(exported.metadata.kernelspec.name, /^python-venv-paper-[0-9a-f]{8}$/);
  assert.equal(exported.metadata.kernelspec.language, "python");
  await openNotebook(page, cloud, notebook.id);
  await chip("(paper)");
});

test("a kernel that vanished is a launch error with its remedy, and another one can be chosen", async () => {
  const notebook = await newNotebook(page, cloud);
  await notebook.attach();
  await notebook.compute("idle", 60_000);
  await openMenu();
  await item("Bash").click();
  // Later: what runs goes on.
  await page.getByTestId("confirm-dialog").getByRole("button", { name: "Cancel" }).click();
  await chip("Bash");
  await runs(notebook, "print(6 * 7)", /42/);
  const home = join(cloud.folder, "machine-0");
  installKernel(home, "bash", { argv: [python, "-m", "no_such_kernel", "{connection_file}"], display_name: "Bash", language: "bash" });
  await page.getByTestId("restart").click();
  await page.getByTestId("confirm-yes").click();
  await notebook.compute("error", 60_000);
  await page.getByText("No module named no_such_kernel").first().waitFor();
  await openMenu();
  await item("Python 3").first().click();
  await page.getByTestId("confirm-yes").click();
  await notebook.compute("idle", 60_000);
  await runs(notebook, "print(6 * 8)", /48/);
});

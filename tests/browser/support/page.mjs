// The page as a person handles it, by its stable test ids (web/README.md).
import { launch } from "./browser.mjs";
import { Cloud, until } from "./processes.mjs";

/** A cloud, with these settings beside the usual ones, and a browser; `close` ends both. */
export async function start(environment) {
  const cloud = new Cloud(environment);
  let browser;
  const close = async () => {
    await browser?.close();
    await cloud.stop();
  };
  try {
    await cloud.start();
    browser = await launch();
    return { cloud, browser, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * The same, with a page in which the owner has signed in: `context` has the options of its context, `machine` those of
 * `addMachine`; without these there is no machine.
 */
export async function open({ context: options, machine: wanted } = {}) {
  const started = await start();
  const { cloud, browser, close } = started;
  try {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    await signIn(page, cloud);
    const machine = wanted && (await addMachine(page, cloud, wanted));
    return { ...started, context, page, machine };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Signs the owner in with a one-time link. */
export async function signIn(page, cloud, next = "/") {
  await page.goto(`${cloud.signInLink()}&next=${encodeURIComponent(next)}`);
  await page.getByTestId("nav-notebooks").waitFor();
}

/** A call of the API as the signed-in person of a page's context. */
export async function api(page, cloud, method, path, data) {
  const response = await page.request.fetch(`${cloud.url}${path}`, { method, data, headers: { Origin: cloud.url } });
  if (!response.ok()) throw new Error(`${method} ${path}: ${response.status()} ${await response.text()}`);
  return response.json();
}

/** Pairs a machine and starts its agent, without the dialog; it is online when this returns. */
export async function addMachine(page, cloud, { interpreter, url = cloud.url, name, cwd } = {}) {
  const { pairing } = await api(page, cloud, "POST", "/api/workstations/pairing-codes");
  const machine = cloud.workstation();
  await machine.paste(`runt workstation connect ${url} --code ${pairing.code}${name === undefined ? "" : ` --id ${name} --name ${name}`}`);
  machine.run(interpreter, cwd);
  await until("the machine to be online", async () => {
    const { workstations } = await api(page, cloud, "GET", "/api/workstations");
    return workstations.filter(({ status }) => status === "online").length >= cloud.workstations.length;
  });
  return machine;
}

/** Makes a notebook and opens it. */
export async function newNotebook(page, cloud) {
  const { notebook_id: id } = await api(page, cloud, "POST", "/api/n", { title: "Test" });
  return openNotebook(page, cloud, id);
}

export async function openNotebook(page, cloud, id) {
  await page.goto(`${cloud.url}/n/${id}`);
  const notebook = new Notebook(page);
  notebook.id = id;
  await notebook.ready();
  return notebook;
}

/** An open notebook. */
export class Notebook {
  constructor(page) {
    this.page = page;
  }

  ready() {
    return this.page.locator('[data-testid="notebook"][data-ready="true"]').waitFor({ timeout: 60_000 });
  }

  cell(index) {
    return new Cell(this.page, this.page.locator('[data-testid="cell"]').nth(index));
  }

  /** Adds a code cell below the last one. */
  async addCodeCell() {
    const cells = this.page.locator('[data-testid="cell"]');
    const count = await cells.count();
    // By the keyboard: an output that grows meanwhile would move the button away from the pointer.
    await this.page.getByTestId("add-code-cell").press("Enter");
    await cells.nth(count).waitFor();
  }

  /** Attaches the named machine, or the first. */
  async attach(name = "") {
    await this.page.getByTestId("compute-chip").click();
    const machines = this.page.locator('[data-testid="attach-machine"][data-status="online"]');
    await machines.filter({ hasText: name }).first().click();
  }

  connection(status, timeout = 30_000) {
    return this.page.locator(`[data-testid="connection-status"][data-status="${status}"]`).waitFor({ timeout });
  }

  /** A new last cell with this source, run. */
  async addAndRun(source) {
    const index = await this.page.locator('[data-testid="cell"]').count();
    await this.addCodeCell();
    const cell = this.cell(index);
    await cell.write(source);
    await cell.run();
    return cell;
  }

  compute(status, timeout = 30_000) {
    return this.page.locator(`[data-testid="compute-status"][data-status="${status}"]`).first().waitFor({ timeout });
  }
}

class Cell {
  constructor(page, element) {
    this.page = page;
    this.element = element;
  }

  editor() {
    return this.element.getByTestId("cell-editor").locator(".cm-content");
  }

  /** Replaces the source by typing it in at once. */
  async write(source) {
    await this.editor().focus();
    await this.page.keyboard.press("ControlOrMeta+a");
    await this.page.keyboard.press("Delete");
    await this.page.keyboard.insertText(source);
  }

  async append(text) {
    await this.editor().focus();
    await this.page.keyboard.press("ControlOrMeta+End");
    await this.page.keyboard.insertText(text);
  }

  shows(text) {
    return this.editor().filter({ hasText: text }).waitFor({ timeout: 10_000 });
  }

  /** Ctrl+Enter in the editor: runs and stays. */
  async run() {
    await this.editor().focus();
    await this.page.keyboard.press("Control+Enter");
  }

  status(status) {
    return this.element.and(this.page.locator(`[data-status="${status}"]`)).waitFor({ timeout: 30_000 });
  }

  /** What the cell printed, without what the page says of it. */
  stdout() {
    return this.element.getByTestId("output-stdout").locator("pre");
  }

  outputs() {
    return this.element.getByTestId("outputs");
  }
}

/**
 * Clicks something inside a frame. A pointer that comes right after the page was scrolled may miss the frame, since a busy
 * browser still has its old place: so it goes there first, until the frame knows of it.
 */
export async function clickInFrame(target, options) {
  await until("the pointer to reach the frame", async () => {
    await target.hover({ position: options?.position });
    return target.evaluate((element) => element.matches(":hover"));
  });
  await target.click(options);
}

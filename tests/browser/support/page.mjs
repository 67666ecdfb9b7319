// The page as a person handles it, by its stable test ids (web/README.md).

/** Signs the owner in with a one-time link. */
export async function signIn(page, cloud, next = "/") {
  await page.goto(`${cloud.signInLink()}&next=${encodeURIComponent(next)}`);
  await page.getByTestId("nav-notebooks").waitFor();
}

/** An open notebook. */
export class Notebook {
  constructor(page) {
    this.page = page;
  }

  ready() {
    return this.page.locator('[data-testid="notebook"][data-ready="true"]').waitFor({ timeout: 20_000 });
  }

  cell(index) {
    return new Cell(this.page, this.page.locator('[data-testid="cell"]').nth(index));
  }

  /** Adds a code cell below the last one. */
  async addCodeCell() {
    const cells = this.page.locator('[data-testid="cell"]');
    const count = await cells.count();
    await this.page.getByTestId("add-code-cell").click();
    await cells.nth(count).waitFor();
  }

  /** Attaches the only machine. */
  async attach() {
    await this.page.getByTestId("compute-chip").click();
    await this.page.locator('[data-testid="attach-machine"][data-status="online"]').first().click();
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
    await this.editor().click();
    await this.page.keyboard.press("ControlOrMeta+a");
    await this.page.keyboard.press("Delete");
    await this.page.keyboard.insertText(source);
  }

  async append(text) {
    await this.editor().click();
    await this.page.keyboard.press("ControlOrMeta+End");
    await this.page.keyboard.insertText(text);
  }

  shows(text) {
    return this.editor().filter({ hasText: text }).waitFor({ timeout: 10_000 });
  }

  /** Ctrl+Enter in the editor: runs and stays. */
  async run() {
    await this.editor().click();
    await this.page.keyboard.press("Control+Enter");
  }

  status(status) {
    return this.element.and(this.page.locator(`[data-status="${status}"]`)).waitFor({ timeout: 30_000 });
  }

  stdout() {
    return this.element.getByTestId("output-stdout");
  }

  outputs() {
    return this.element.getByTestId("outputs");
  }
}

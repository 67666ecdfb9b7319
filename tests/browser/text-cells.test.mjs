// Text cells as Jupyter writes them: attached pictures, links within the notebook, maths without dollars.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { assertAccessible, CHECKED } from "./support/accessible.mjs";
import { Notebook, open } from "./support/page.mjs";

let cloud;
let context;
let page;
let folder;
let close;

/** A grey picture of 120 by 40 pixels. */
const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAHgAAAAoCAAAAAAQgWH5AAAALUlEQVR42u3NMQ0AAAwDoPoXUL01sWQPGCB9ErFYLBaLxWKxWCwWi8VisfjOABMX/ReqXJx0AAAAAElFTkSuQmCC";
const markdown = (id, source, attachments) => ({ cell_type: "markdown", id, metadata: {}, source, ...(attachments && { attachments }) });
const FILE = {
  nbformat: 4,
  nbformat_minor: 5,
  metadata: {},
  cells: [
    markdown("top", "# Contents\n\n[The far part](#The-far-part) · [an anchor](#anchor)"),
    markdown("picture", "![a bar](attachment:my%20bar.png)\n\n![a map](https://example.org/map.png) ![gone](attachment:gone.png)", {
      "my bar.png": { "image/png": PNG },
    }),
    markdown("maths", "Thus\n\\begin{align}\na &= b \\\\\n  &= c\n\\end{align}\nas was said."),
    markdown(
      "jupyter",
      [
        "Inline \\\\( a^2 \\\\) and \\\\[ b \\\\]",
        ...["info", "success", "warning", "danger"].map((kind) => `<div class="alert alert-block alert-${kind}"><b>Note</b> of ${kind}</div>`),
        '<p style="text-align: center; color: darkblue; position: fixed">centred</p>',
        '<p>plain <span style="background-color: yellow">marked</span></p>',
        "| left | right |\n|---|--:|\n| 1 | 2 |",
        "```python\ndef f(x):\n    return 'a' + 1  # why\n```",
        "- [x] done\n- [ ] open",
      ].join("\n\n"),
    ),
    ...Array.from({ length: 12 }, (_, n) => markdown(`filler${n}`, `Words ${n}\n\n`.repeat(6))),
    markdown("far", "## The far part\n\nHere."),
    markdown("anchored", '<a id="anchor"></a>\n\nThere.'),
    ...Array.from({ length: 12 }, (_, n) => markdown(`more${n}`, `Words ${n}\n\n`.repeat(6))),
  ],
};

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "text-"));
  ({ cloud, context, page, close } = await open({ context: CHECKED }));
  writeFileSync(join(folder, "text.ipynb"), JSON.stringify(FILE));
  await page.getByTestId("import-file").setInputFiles(join(folder, "text.ipynb"));
  await new Notebook(page).ready();
});

after(async () => {
  await close?.();
  rmSync(folder, { recursive: true });
});

test("an attached picture is shown; what is elsewhere or missing is named", async () => {
  await page.waitForFunction(() => document.querySelector('.markdown img[alt="a bar"]')?.naturalWidth === 120);
  const notes = page.locator(".picture-note");
  assert.deepEqual(await notes.allInnerTexts(), [
    "Picture not loaded from elsewhere: a map",
    "Picture not in this notebook (attachment:gone.png): gone",
  ]);
  assert.equal(await notes.getByRole("link").getAttribute("href"), "https://example.org/map.png");
});

test("an environment without dollars is maths", async () => {
  const maths = page.locator('[data-cell-id="maths"] .katex-display');
  await maths.waitFor();
  assert.equal(await maths.locator(".katex-error").count(), 0);
  if (process.env.SHOTS) {
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await page.waitForTimeout(300);
      await page.screenshot({ path: `${process.env.SHOTS}/text-${colorScheme}.png` });
    }
  }
});

test("what Jupyter's notebooks are styled with is seen: alerts, colours, columns, code, tasks", async () => {
  await page.emulateMedia({ colorScheme: "light" });
  await page.locator(':root[data-theme="light"]').waitFor({ state: "attached" });
  const cell = page.locator('[data-cell-id="jupyter"]');
  await cell.locator(".katex-display").waitFor();
  assert.equal(await cell.locator(".katex").count(), 2);
  const styleOf = (locator, name) => locator.evaluate((one, name) => getComputedStyle(one)[name], name);
  const grounds = await cell.locator(".alert").evaluateAll((all) => all.map((one) => getComputedStyle(one).backgroundColor));
  assert.equal(new Set(grounds).size, 4);
  const centred = cell.getByText("centred");
  assert.deepEqual([await styleOf(centred, "textAlign"), await styleOf(centred, "position")], ["center", "static"]);
  assert.equal(await styleOf(centred, "color"), "rgb(0, 0, 139)");
  assert.equal(await styleOf(cell.getByRole("cell", { name: "2" }), "textAlign"), "right");
  assert.notEqual(await styleOf(cell.getByText("return", { exact: true }), "color"), await styleOf(cell.getByText("plain"), "color"));
  assert.deepEqual(await cell.getByRole("checkbox").evaluateAll((all) => all.map(({ checked }) => checked)), [true, false]);
  await cell.scrollIntoViewIfNeeded();
  for (const colorScheme of ["dark", "light"]) {
    await page.emulateMedia({ colorScheme });
    await page.locator(`:root[data-theme="${colorScheme}"]`).waitFor({ state: "attached" });
    assert.equal(await styleOf(cell.getByText("marked"), "color"), "rgb(28, 32, 36)");
    if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/styled-${colorScheme}.png` });
  }
});

test("links to headings and anchors go there, in this tab", async () => {
  for (const [name, cell] of [
    ["The far part", "far"],
    ["an anchor", "anchored"],
  ]) {
    await page.evaluate(() => scrollTo(0, 0));
    await page.getByRole("link", { name }).click();
    await page.waitForFunction((id) => {
      const { top } = document.querySelector(`[data-cell-id="${id}"]`).getBoundingClientRect();
      return top > 60 && top < 400 && document.activeElement?.dataset.cellId === id;
    }, cell);
  }
  assert.equal(context.pages().length, 1);
  assert.equal(new URL(page.url()).hash, "");
});

test("a picture that is pasted or dropped is not kept, and that is said", async () => {
  await page.keyboard.press("Escape");
  const cell = page.getByTestId("cell").first();
  await cell.focus();
  await page.keyboard.press("Enter");
  const source = await cell.locator(".cm-content").innerText();
  for (const [type, field] of [
    ["paste", "clipboardData"],
    ["drop", "dataTransfer"],
  ]) {
    await cell.locator(".cm-content").evaluate(
      (editor, [type, field]) => {
        const data = new DataTransfer();
        data.items.add(new File(["\0\0\0"], "plot.png", { type: "image/png" }));
        const init = { [field]: data, bubbles: true, cancelable: true };
        editor.dispatchEvent(type === "paste" ? new ClipboardEvent(type, init) : new DragEvent(type, init));
      },
      [type, field],
    );
    await page.getByTestId("toasts").getByText("Pictures cannot be pasted yet.").waitFor();
    await page.getByLabel("Dismiss").click();
  }
  assert.equal(await cell.locator(".cm-content").innerText(), source);
  await page.keyboard.press("Escape");
});

test("the page of it is accessible", async () => {
  await page.evaluate(() => scrollTo(0, 0));
  await assertAccessible(page, "text cells");
});

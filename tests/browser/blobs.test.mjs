// A cell with many displays: what lies in blobs comes by few requests, while the cell runs and after a reload.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { newNotebook, open } from "./support/page.mjs";
import { until } from "./support/processes.mjs";

const DISPLAYS = 300;
/** The most blobs of one request (`wire::blob_batch`). */
const MAX_BLOBS = 128;

let cloud;
let page;
let notebook;
let close;

before(async () => {
  ({ cloud, page, close } = await open({ machine: {} }));
  notebook = await newNotebook(page, cloud);
  await notebook.attach();
  await notebook.compute("idle", 60_000);
});

after(() => close?.());

/** Notes what is asked for from now on: the hashes of each request for many, and of those for one. */
function watch() {
  const seen = { together: [], alone: [] };
  page.on("request", (request) => {
    const { pathname } = new URL(request.url());
    if (request.method() === "GET" && /\/blobs\/[0-9a-f]{64}$/.test(pathname)) seen.alone.push(pathname);
    if (pathname.endsWith("/blobs/read")) seen.together.push(request.postDataJSON().hashes);
  });
  return seen;
}

/** Waits until every display shows its text, in order. */
async function assertShown(cell) {
  const displays = cell.element.getByTestId("output-display");
  await until("every display", async () => {
    const texts = await displays.allInnerTexts();
    return texts.length === DISPLAYS && texts.every((text, n) => text.trim().startsWith(`display ${n} `));
  });
}

/** Opens the page again until it shows everything; what it asked for meanwhile. */
async function reopened() {
  page.removeAllListeners("request");
  const seen = watch();
  await page.reload();
  await notebook.ready();
  await assertShown(notebook.cell(0));
  return seen;
}

function assertOnce({ together, alone }) {
  const asked = [...together.flat(), ...alone.map((path) => path.split("/").at(-1))];
  assert.equal(asked.length, DISPLAYS);
  assert.equal(new Set(asked).size, DISPLAYS, "a blob was asked for twice");
  assert.ok(together.every((hashes) => hashes.length <= MAX_BLOBS));
}

test("each blob is asked for once, and those of a page that is opened come by few requests", async () => {
  const cell = notebook.cell(0);
  const running = watch();
  await cell.write(
    `from IPython.display import display\nfor i in range(${DISPLAYS}):\n    display({"text/plain": f"display {i} " + "x" * 5000}, raw=True)`,
  );
  await cell.run();
  await assertShown(cell);
  assertOnce(running);

  const opened = await reopened();
  assertOnce(opened);
  const requests = opened.together.length + opened.alone.length;
  assert.ok(requests <= DISPLAYS / 20, `${requests} requests for ${DISPLAYS} blobs`);
});

test("a cloud that does not know the request is asked for each blob by itself", async () => {
  await page.route("**/blobs/read", (route) => route.fulfill({ status: 404, json: { error: "not found" } }));
  const { together, alone } = await reopened();
  assert.ok(together.length > 0, "the page did not try");
  assertOnce({ together: [], alone });
});

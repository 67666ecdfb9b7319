// The page keeps still: what is below a cell's outputs does not move while the cell runs again, nor while they load.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch } from "./support/browser.mjs";
import { addMachine, newNotebook, signIn } from "./support/page.mjs";
import { Cloud } from "./support/processes.mjs";

let cloud;
let browser;
let page;
let notebook;
let cell;

/** A frame of 300 pixels, a text that is fetched and a picture, after as many seconds as the cell has run before. */
const SOURCE = `import time
from IPython.display import HTML, Image, display
from struct import pack
from zlib import compress, crc32
runs = globals().get("runs", -1) + 1
time.sleep(runs)
print("\\n".join(f"line {n:060}" for n in range(30)))
display(HTML('<div style="height: 300px; background: steelblue">a frame</div>' + "<!-- large -->" * 200))
part = lambda kind, data: pack(">I", len(data)) + kind + data + pack(">I", crc32(kind + data))
rows = b"".join(b"\\0" + bytes((x * y) % 256 for x in range(200)) for y in range(150))
display(Image(b"\\x89PNG\\r\\n\\x1a\\n" + part(b"IHDR", pack(">2I5B", 200, 150, 8, 0, 0, 0, 0)) + part(b"IDAT", compress(rows)) + part(b"IEND", b"")))
print(f"run {runs}")`;

before(async () => {
  cloud = new Cloud();
  await cloud.start();
  browser = await launch();
  page = await (await browser.newContext()).newPage();
  await page.addInitScript(watch);
  await signIn(page, cloud);
  await addMachine(page, cloud);
  notebook = await newNotebook(page, cloud);
  await notebook.attach();
  cell = notebook.cell(0);
  await cell.write(SOURCE);
  await notebook.addCodeCell();
});

after(async () => {
  await browser?.close();
  await cloud?.stop();
});

/** In the page: notes in every frame where the second cell begins, once there are outputs above it. */
function watch() {
  window.places = [];
  const look = () => {
    const second = document.querySelectorAll('[data-testid="cell"]')[1];
    const outputs = document.querySelector("[data-output]");
    if (second && outputs) window.places.push(Math.round(second.getBoundingClientRect().top + window.scrollY));
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

const forget = () => page.evaluate(() => window.places.splice(0));
const places = () => page.evaluate(() => window.places);

/** Until the frame, the picture and both texts are there, and everything that holds a place has let go. */
async function whole(run) {
  await cell.stdout().filter({ hasText: `run ${run}` }).waitFor({ timeout: 30_000 });
  await cell.status("done");
  await page.locator('[data-testid="output-frame"][height="304"]').waitFor();
  await page.waitForFunction(() => document.querySelector('[data-testid="output-image"]')?.naturalHeight === 150);
  await page.waitForTimeout(1_500);
}

async function stays(what) {
  const seen = await places();
  assert.ok(seen.length > 10, `${what}: looked at ${seen.length} frames`);
  const [least, most] = [Math.min(...seen), Math.max(...seen)];
  assert.ok(most - least <= 2, `${what}: what is below moved between ${least} and ${most}: ${[...new Set(seen)]}`);
  return least;
}

test("what is below a cell stays where it is while the cell runs again", async () => {
  await cell.run();
  await whole(0);
  await forget();
  // The second waits longer than the last outputs are shown.
  await cell.run();
  await page.locator('[data-testid="outputs"][aria-busy="true"]').waitFor();
  await cell.outputs().waitFor({ state: "detached" });
  await whole(1);
  await stays("run again");
});

test("nor does it while a cell runs again that prints at once", async () => {
  await page.evaluate(() => document.querySelector('[data-testid="cell"]').scrollIntoView());
  await cell.write(SOURCE.replace("time.sleep(runs)", 'print("at once", flush=True); time.sleep(1)'));
  await cell.run();
  await whole(2);
  await forget();
  await cell.run();
  await whole(3);
  await stays("prints at once");
  await cell.write(SOURCE.replace("time.sleep(runs)", "pass"));
  await cell.run();
  await whole(4);
  await forget();
});

test("outputs of a page that is loaded anew have their places before they come", async () => {
  await page.waitForTimeout(300);
  const before = await stays("before");
  await page.reload();
  await notebook.ready();
  await whole(4);
  assert.equal(await stays("loaded anew"), before);
});

test("the place of outputs that are gone is given back", async () => {
  const before = (await places()).at(-1);
  await cell.write("pass");
  await cell.run();
  const isBack = (top) => {
    const second = document.querySelectorAll('[data-testid="cell"]')[1];
    return second.getBoundingClientRect().top + window.scrollY < top - 1_000;
  };
  await page.waitForFunction(isBack, before);
});

// The page keeps still: what is below a cell's outputs does not move while the cell runs again, nor while they load.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { newNotebook, open } from "./support/page.mjs";

let cloud;
let page;
let notebook;
let cell;
let close;

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
  ({ cloud, page, close } = await open({ machine: {} }));
  await page.addInitScript(watch);
  notebook = await newNotebook(page, cloud);
  await notebook.attach();
  cell = notebook.cell(0);
  await cell.write(SOURCE);
  await notebook.addCodeCell();
});

after(() => close?.());

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

/** In the page: notes in every frame how high the first picture or frame is, and what is told instead of one. */
function watchLive() {
  window.live = { pictures: [], notes: [], frames: new Set() };
  const look = () => {
    const outputs = document.querySelector('[data-testid="outputs"]');
    for (const frame of document.querySelectorAll(".output-frame")) window.live.frames.add(frame);
    const pictures = outputs?.querySelectorAll('[data-testid="output-image"]') ?? [];
    window.live.pictures.push([...pictures].map((picture) => picture.offsetHeight).join(" "));
    const note = outputs?.querySelector(".output-note");
    if (note) window.live.notes.push(note.textContent);
    if (window.live.on !== false) requestAnimationFrame(look);
  };
  look();
}

const LIVE = SOURCE.slice(SOURCE.indexOf("from IPython"), SOURCE.indexOf("runs =")) + SOURCE.slice(SOURCE.indexOf("part ="), SOURCE.indexOf("rows ="));

test("a picture that is drawn anew again and again takes turns in one place, and the page keeps few of them", async () => {
  await page.evaluate(() => {
    window.urls = new Set();
    const { createObjectURL, revokeObjectURL } = URL;
    URL.createObjectURL = (blob) => {
      const url = createObjectURL.call(URL, blob);
      window.urls.add(url);
      return url;
    };
    URL.revokeObjectURL = (url) => {
      window.urls.delete(url);
      revokeObjectURL.call(URL, url);
    };
  });
  await cell.write(`import time
from IPython.display import clear_output
${LIVE}
for n in range(40):
    rows = b"".join(b"\\0" + bytes((x * y + n) % 256 for x in range(200)) for y in range(150))
    clear_output(wait=True)
    display(Image(b"\\x89PNG\\r\\n\\x1a\\n" + part(b"IHDR", pack(">2I5B", 200, 150, 8, 0, 0, 0, 0)) + part(b"IDAT", compress(rows)) + part(b"IEND", b"")))
    time.sleep(0.1)`);
  await cell.run();
  await page.waitForFunction(() => document.querySelector('[data-testid="output-image"]')?.naturalHeight === 150);
  await page.evaluate(watchLive);
  await forget();
  await cell.status("done");
  const { pictures, notes } = await page.evaluate(() => ({ ...window.live, on: (window.live.on = false) }));
  assert.deepEqual([[...new Set(pictures)], notes], [["150"], []]);
  await stays("live picture");
  const kept = await page.evaluate(() => window.urls.size);
  assert.ok(kept > 0 && kept <= 18, `${kept} pictures are kept`);
});

test("a display that is updated stays in its frame; one with scripts is followed by another when that is there", async () => {
  await cell.write(`import time
from IPython.display import HTML, display
shown = display(HTML("<table><tr><td>0" + "<!-- large -->" * 80), display_id=True)
time.sleep(2)
for n in range(1, 21):
    shown.update(HTML(f"<table><tr><td>{n}" + "<!-- large -->" * 80))
    time.sleep(0.1)`);
  await cell.run();
  const frame = page.frameLocator('[data-testid="output-frame"]');
  await frame.getByText("0", { exact: true }).waitFor();
  await page.evaluate(watchLive);
  await frame.getByText("20", { exact: true }).waitFor();
  await cell.status("done");
  const { frames, notes } = await page.evaluate(() => ({ frames: window.live.frames.size, notes: window.live.notes }));
  assert.deepEqual([frames, notes], [1, []]);
  await cell.write(`from IPython.display import HTML
count = globals().get("count", 0) + 1
HTML(f"<p id=said></p><script>const once = 'script {count}'; said.textContent = once</script>")`);
  for (const run of [1, 2, 3]) {
    await cell.run();
    await page.locator(".output-frame:not(.is-waiting)").contentFrame().getByText(`script ${run}`).waitFor();
    await page.waitForFunction(() => document.querySelectorAll(".output-frame").length === 1);
  }
});

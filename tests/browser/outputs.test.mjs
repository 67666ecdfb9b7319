// What outputs lead to and want from elsewhere: links and files of frames, blocked code, scripts, and pictures in text.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { clickInFrame, newNotebook, open } from "./support/page.mjs";
import { until } from "./support/processes.mjs";

let cloud;
let context;
let page;
let notebook;
let cell;
/** Another site, which notes who came how. */
let site;
let elsewhere;
let close;
const visits = [];

before(async () => {
  site = createServer((request, response) => {
    visits.push({ url: request.url, referer: request.headers.referer });
    response.end("elsewhere");
  });
  await new Promise((done) => site.listen(0, "127.0.0.1", done));
  elsewhere = `http://127.0.0.1:${site.address().port}`;
  ({ cloud, context, page, close } = await open({ machine: {} }));
  notebook = await newNotebook(page, cloud);
  await notebook.attach();
  cell = notebook.cell(0);
});

after(async () => {
  await close?.();
  site?.close();
});

const frame = () => cell.element.locator(".output-frame:not(.is-waiting)").contentFrame();

async function show(source) {
  await cell.write(source);
  await cell.run();
  await cell.status("done");
}

/** Clicks a link and returns the page that it opens. */
async function opens(link, options) {
  const [opened] = await Promise.all([context.waitForEvent("page"), clickInFrame(link, options)]);
  await opened.waitForLoadState();
  const seen = { url: opened.url(), opener: await opened.evaluate(() => window.opener) };
  await opened.close();
  return seen;
}

async function opensNothing(act) {
  const before = context.pages().length;
  await act();
  await page.waitForTimeout(400);
  assert.equal(context.pages().length, before);
}

test("links of an output open in windows of their own, once somebody clicks them", async () => {
  await show(`from IPython.display import HTML
HTML('''<a href="${elsewhere}/blank" target="_blank">blank</a> <a href="${elsewhere}/plain"><b>plain</b></a>
<a href="javascript:parent.postMessage('ran', '*')">script</a> <a href="/n">ours</a>
<svg width="60" height="20"><a xlink:href="${elsewhere}/svg"><text y="14">svg</text></a></svg>
<script>parent.postMessage({ type: "frame-link", href: "${elsewhere}/unasked" }, "*")</script>''')`);
  for (const name of ["blank", "plain", "svg"]) {
    assert.deepEqual(await opens(frame().getByText(name)), { url: `${elsewhere}/${name}`, opener: null });
  }
  assert.deepEqual(await opens(frame().getByText("plain"), { button: "middle" }), { url: `${elsewhere}/plain`, opener: null });
  await opensNothing(() => clickInFrame(frame().getByText("script")));
  await opensNothing(() => clickInFrame(frame().getByText("ours")));
  assert.equal(await frame().getByText("blank").count(), 1);
  const said = visits.filter(({ url }) => !url.startsWith("/favicon"));
  assert.deepEqual([...new Set(said.map(({ url }) => url))].sort(), ["/blank", "/plain", "/svg"]);
  assert.ok(said.every(({ referer }) => referer === undefined));
});

test("a fragment is scrolled to in the page", async () => {
  await show(`HTML('<a href="#below">down</a><div style="height: 1800px"></div><p id="below">here</p>')`);
  const target = frame().getByText("here");
  await page.evaluate(() => scrollTo(0, 0));
  await clickInFrame(frame().getByText("down"));
  await page.waitForFunction(() => scrollY > 800);
  const { y } = await target.boundingBox();
  assert.ok(y > 0 && y < 800, `the target is at ${y}`);
  await page.evaluate(() => scrollTo(0, 0));
});

test("files that an output makes are offered under a plain name", async () => {
  await show(`HTML('''<a href="data:text/csv,a%2Cb%0A1%2C2" download="../../table\\u202evsc.exe">data</a> <button>made</button>
<script>document.querySelector("button").onclick = () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(["made"]));
  link.download = "made.txt";
  link.click();
  URL.revokeObjectURL(link.href);
};</script>''')`);
  for (const [name, file, content] of [
    ["data", "tablevsc.exe", "a,b\n1,2"],
    ["made", "made.txt", "made"],
  ]) {
    await clickInFrame(frame().getByText(name));
    await page.getByTestId("toasts").getByText(`“${file}”`).waitFor();
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByTestId("toast-action").first().click()]);
    assert.equal(download.suggestedFilename(), file);
    assert.equal(readFileSync(await download.path(), "utf8"), content);
    await page.waitForTimeout(1_000);
  }
});

test("an output says what it would load from elsewhere", async () => {
  await show(`HTML('<script src="https://cdn.example.org/bokeh.js"></script><img src="https://pictures.example.org/x.png" alt="">')`);
  const note = cell.element.getByTestId("output-blocked");
  await note.filter({ hasText: "loads code from cdn.example.org and shows pictures from pictures.example.org" }).waitFor();
  if (process.env.SHOTS) await shots("blocked");
  await show(`HTML('<iframe src="https://video.example.org/x"></iframe><iframe srcdoc="&lt;script async src=\\'https://maps.example.org/leaflet.js\\'&gt;&lt;/script&gt;"></iframe>')`);
  await note.filter({ hasText: "loads code from maps.example.org and shows a page of video.example.org" }).waitFor();
  await show(`HTML('<p>nothing more</p>')`);
  await frame().getByText("nothing more").waitFor();
  assert.equal(await note.count(), 0);
});

test("a script output has its element, and says when it fails", async () => {
  await show(`from IPython.display import Javascript
Javascript("const p = document.createElement('p'); p.textContent = 'from the script'; element.append(p)")`);
  await frame().getByText("from the script").waitFor();
  await show(`Javascript("nowhere.to.be.found()")`);
  await frame().getByText("The script of this output failed: ReferenceError: nowhere is not defined").waitFor();
  if (process.env.SHOTS) await shots("script-failed");
});

test("how a script of an output failed is told below it, beside what it was not given", async () => {
  await show(`HTML('<script src="https://cdn.example.org/plotly.js"></script><script>Plotly.newPlot("chart")</script>')`);
  const note = cell.element.getByTestId("output-script-failed");
  await note.filter({ hasText: "A script of this output failed: ReferenceError: Plotly is not defined" }).waitFor();
  await cell.element.getByTestId("output-blocked").filter({ hasText: "cdn.example.org" }).waitFor();
  await show(`HTML('<script>Promise.reject(new Error("too late"))</script>')`);
  await note.filter({ hasText: "failed: Error: too late" }).waitFor();
  await show(`HTML('<p>all is well</p>')`);
  await frame().getByText("all is well").waitFor();
  assert.equal(await note.count(), 0);
});

test("the buttons of an animation have their signs", async () => {
  const signs = ["minus", "fast-backward", "step-backward", "play fa-flip-horizontal", "pause", "play", "step-forward", "fast-forward", "plus"];
  await show(`HTML('''<link rel="stylesheet" href="https://maxcdn.example.org/font-awesome.min.css">
<div class="anim-buttons">${signs.map((sign) => `<button title="${sign}"><i class="fa fa-${sign}"></i></button>`).join("")}</div>''')`);
  await frame().getByTitle("pause").waitFor();
  const widths = await frame().locator("i.fa").evaluateAll((all) => all.map(({ offsetWidth }) => offsetWidth));
  assert.equal(widths.length, signs.length);
  assert.ok(widths.every((width) => width >= 5), `the signs are ${widths} wide`);
  if (process.env.SHOTS) await shots("animation");
});

test("coloured cells of tables and drawings can be read in the dark", async () => {
  await page.emulateMedia({ colorScheme: "dark" });
  await show(`from IPython.display import HTML, SVG, display
display(HTML('''<style>.best { background-color: yellow } .own { background-color: navy; color: white }</style>
<table><tr><th>a</th><th>b</th></tr><tr><td>plain</td><td>1</td></tr><tr><td class="best">best</td><td class="own">own</td></tr>
<tr><td>striped</td><td>2</td></tr></table>'''))
display(SVG("<svg xmlns='http://www.w3.org/2000/svg' width='90' height='30'><text y='20'>drawn</text></svg>"))`);
  const frames = cell.element.getByTestId("output-frame");
  const table = frames.nth(0).contentFrame();
  const inkOf = (text) => table.getByText(text, { exact: true }).evaluate((one) => getComputedStyle(one).color);
  const dark = "rgb(28, 32, 36)";
  assert.deepEqual([await inkOf("best"), await inkOf("own")], [dark, "rgb(255, 255, 255)"]);
  const usual = await inkOf("plain");
  assert.notEqual(usual, dark);
  assert.equal(await inkOf("striped"), usual);
  const drawing = frames.nth(1).contentFrame().locator("svg");
  assert.equal(await drawing.evaluate((one) => getComputedStyle(one).backgroundColor), "rgb(255, 255, 255)");
  if (process.env.SHOTS) await shots("ink");
  await page.emulateMedia({ colorScheme: "light" });
  await table.locator(":root:not([data-dark])").waitFor({ state: "attached" });
  assert.equal(await inkOf("best"), dark);
  assert.notEqual(await inkOf("striped"), usual);
});

test("the button to run stands in the place of the count, however long that is", async () => {
  const count = cell.element.getByTestId("cell-count");
  assert.match(await count.innerText(), /^\[\d+\]$/);
  const opacity = () => count.evaluate((one) => getComputedStyle(one).opacity);
  await page.mouse.move(1, 1);
  assert.equal(await opacity(), "1");
  await cell.editor().hover();
  await until("the count to make room", async () => (await opacity()) === "0");
  if (process.env.SHOTS) await shots("run-button");
});

test("frames have the page's ground, whatever the system's theme", async () => {
  await show(`from IPython.display import HTML, display
import ipywidgets as w
display(HTML("<p>framed</p>"))
display({"application/vnd.vegalite.v5+json": {"mark": "point", "height": 60, "data": {"values": [{"b": 3}]},
  "encoding": {"y": {"field": "b", "type": "quantitative"}}}, "text/plain": "alt.Chart(...)"}, raw=True)
w.IntSlider()`);
  const frames = cell.element.locator("iframe");
  const isDrawn = [frame().first().getByText("framed"), frames.nth(1).contentFrame().locator("canvas"), frames.nth(2).contentFrame().locator(".noUi-handle")];
  for (const system of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: system });
    for (const theme of ["dark", "light"]) {
      if ((await page.locator(":root").getAttribute("data-theme")) !== theme) await page.getByTestId("theme-toggle").click();
      for (const [i, drawn] of isDrawn.entries()) {
        await drawn.waitFor();
        await until(`frame ${i} to be ${theme} where the system is ${system}`, async () => {
          const { x, y, width, height } = await frames.nth(i).boundingBox();
          const [inside, outside] = [await colorAt(x + width - 60, y + height - 3), await colorAt(x + width - 60, y - 3)];
          return inside === outside;
        }, 5_000);
      }
      if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/ground-${system}-${theme}.png` });
    }
  }
  await page.evaluate(() => localStorage.clear());
  await page.reload();
  await notebook.ready();
});

/** The colour of a pixel of the window. */
async function colorAt(x, y) {
  const picture = await page.screenshot({ clip: { x, y, width: 1, height: 1 } });
  return page.evaluate(async (bytes) => {
    const context = new OffscreenCanvas(1, 1).getContext("2d");
    context.drawImage(await createImageBitmap(new Blob([new Uint8Array(bytes)])), 0, 0);
    return context.getImageData(0, 0, 1, 1).data.join();
  }, [...picture]);
}

test("pictures have the size that they are given, and their place before they come", async () => {
  let release;
  const gate = new Promise((done) => (release = done));
  await page.route("**/blobs/**", async (route) => {
    await gate;
    await route.continue();
  });
  await cell.write(`from IPython.display import Image, display
from struct import pack
from zlib import compress, crc32
part = lambda kind, data: pack(">I", len(data)) + kind + data + pack(">I", crc32(kind + data))
rows = b"".join(b"\\0" + bytes((x * y) % 256 for x in range(400)) for y in range(300))
png = b"\\x89PNG\\r\\n\\x1a\\n" + part(b"IHDR", pack(">2I5B", 400, 300, 8, 0, 0, 0, 0)) + part(b"IDAT", compress(rows)) + part(b"IEND", b"")
for size in {"width": 200, "height": 150}, {"width": 120}, {"height": 60}, {"width": 4000, "height": 3000}, {}:
    display(Image(png, **size))`);
  await cell.run();
  const sizes = (selector) =>
    cell.element.locator(selector).evaluateAll((all) => all.map(({ offsetWidth, offsetHeight }) => [offsetWidth, offsetHeight]));
  await page.waitForFunction(() => document.querySelectorAll(".picture-place").length === 5);
  const before = await sizes(".picture-place");
  release();
  await page.waitForFunction(() => [...document.querySelectorAll(".output-image")].filter((one) => one.naturalWidth === 400).length === 5);
  const [retina, narrow, low, wide, own] = await sizes(".output-image");
  assert.deepEqual([retina, narrow, low, own], [[200, 150], [120, 90], [80, 60], [400, 300]]);
  assert.ok(wide[0] <= 900 && Math.abs(wide[0] / wide[1] - 4 / 3) < 0.01, `${wide}`);
  assert.deepEqual([before[0], before[3]], [retina, wide]);
  await page.unroute("**/blobs/**");
  if (process.env.SHOTS) await shots("sizes");
});

test("charts of Altair and Plotly are drawn in their frames, in the light and in the dark, and can be saved", async () => {
  await show(`from IPython.display import display
display({"application/vnd.vegalite.v5+json": {"mark": "bar", "width": 300, "height": 120,
  "data": {"values": [{"a": "red", "b": 3}, {"a": "green", "b": 7}]},
  "encoding": {"x": {"field": "a", "type": "nominal"}, "y": {"field": "b", "type": "quantitative"}}}, "text/plain": "alt.Chart(...)"}, raw=True)
display({"application/vnd.plotly.v1+json": {"data": [{"type": "scatter", "x": [1, 2, 3], "y": [2, 1, 3]}],
  "layout": {"title": {"text": "Over time"}, "height": 300}}, "text/html": "<p>not this</p>"}, raw=True)
display({"application/vnd.plotly.v1+json": [1]}, raw=True)`);
  const frames = cell.element.getByTestId("output-frame");
  const chart = (i) => frames.nth(i).contentFrame();
  await chart(0).locator("canvas").waitFor();
  await chart(1).locator(".gtitle", { hasText: "Over time" }).waitFor();
  await chart(1).locator("path.js-line").waitFor();
  await chart(2).getByText("The chart could not be drawn: its JSON is no object").waitFor();
  await page.waitForFunction(() => document.querySelectorAll("iframe.output-frame")[1]?.clientHeight >= 300);
  await clickInFrame(chart(0).locator("summary"));
  const asPicture = chart(0).getByText("Save as PNG");
  await clickInFrame(asPicture);
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByText(/An output offers the file “visualization.png”/).waitFor().then(() => page.getByRole("button", { name: "Save", exact: true }).click()),
  ]);
  assert.equal(download.suggestedFilename(), "visualization.png");
  assert.deepEqual([...readFileSync(await download.path()).subarray(1, 4)], [...Buffer.from("PNG")]);
  if (process.env.SHOTS) await shots("chart");
});

test("a click on an output selects its cell, and the keyboard comes back from there", async () => {
  const selected = () => page.locator(".cell.is-selected").evaluateAll((cells) => cells.map((each) => each.ariaLabel));
  const onCell = (number) => page.locator(`.is-selected:focus[aria-label="Cell ${number}, Code"]`).waitFor();
  const holder = () => page.evaluate(() => document.activeElement?.closest("[data-testid]")?.dataset.testid);
  const cells = page.locator('[data-testid="cell"]');
  // A frame in a process of its own is told of this pointer, and the page around it never hears.
  const over = (frame) => page.evaluate((isOver) => {
    HTMLIFrameElement.prototype.matches = function (selectors) {
      return selectors === ":hover" ? isOver : Element.prototype.matches.call(this, selectors);
    };
  }, frame);
  const click = async (place, options) => {
    await over(true);
    await clickInFrame(place, options);
  };
  const html = (content) => show(`from IPython.display import HTML\nHTML(${JSON.stringify(content)})`);
  await html("<table class=dataframe><tr><td>one</td></tr></table><input id=field>");
  await notebook.addCodeCell();
  const other = notebook.cell(1);
  const inOther = async () => {
    await other.write("2 + 2");
    await page.keyboard.press("Escape");
    assert.deepEqual(await selected(), ["Cell 2, Code"]);
  };
  await inOther();
  await click(frame().getByText("one"));
  await onCell(1);
  await page.keyboard.press("Control+f");
  await page.getByTestId("find-text").press("Escape");
  await page.keyboard.press("Shift+Enter");
  await onCell(2);
  await cell.status("done");
  // Selected text is there to be copied.
  await clickInFrame(frame().getByText("one"), { clickCount: 2, delay: 60 });
  await page.waitForTimeout(300);
  assert.equal(await holder(), "output-frame");
  assert.deepEqual(await selected(), ["Cell 1, Code"]);
  await page.keyboard.press("Escape");
  await page.keyboard.press("j");
  assert.deepEqual(await selected(), ["Cell 2, Code"]);
  // What is typed into an output stays there.
  await click(frame().locator("#field"));
  await page.keyboard.type("dd");
  await page.keyboard.press("Escape");
  await page.waitForTimeout(300);
  assert.equal(await holder(), "output-frame");
  assert.equal(await frame().locator("#field").inputValue(), "dd");
  assert.deepEqual(await selected(), ["Cell 1, Code"]);
  // Charts and scripts may want keys, so they keep the keyboard until Escape.
  await show(`from IPython.display import display
display({"application/vnd.plotly.v1+json": {"data": [{"x": [1, 2]}], "layout": {"height": 300}}}, raw=True)`);
  await inOther();
  await frame().locator(".main-svg").first().waitFor();
  await click(frame().locator("#chart"), { position: { x: 5, y: 5 } });
  await page.waitForFunction(() => document.querySelector(".is-selected").ariaLabel === "Cell 1, Code");
  await page.keyboard.press("Escape");
  await onCell(1);
  await html(`<p id=there>there</p><script>let quiet</script>`);
  await click(frame().locator("#there"));
  await page.waitForTimeout(300);
  assert.equal(await holder(), "output-frame");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
  await onCell(1);
  // It goes back to where it was, whatever they say.
  await over(false);
  await other.editor().focus();
  await frame().locator("#there").evaluate(() => {
    window.focus();
    parent.postMessage({ type: "frame-pressed" }, "*");
    parent.postMessage({ type: "frame-left" }, "*");
  });
  await page.waitForTimeout(300);
  assert.equal(await holder(), "cell-editor");
  assert.deepEqual(await selected(), ["Cell 2, Code"]);
  await page.keyboard.press("Escape");
  await page.keyboard.press("d");
  await page.keyboard.press("d");
  assert.equal(await cells.count(), 1);
});

test("an output whose part of the page is gone says why; a newer page is offered if there is one", async () => {
  await page.reload();
  await notebook.ready();
  await page.route("**/assets/view-*.js", (route) => route.fulfill({ status: 404, body: "{}" }));
  await cell.write("import ipywidgets as w\nprint('before')\nw.IntSlider()");
  await cell.run();
  const why = cell.element.getByTestId("output-failed");
  await why.filter({ hasText: "This output could not be shown" }).waitFor();
  await cell.stdout().filter({ hasText: "before" }).waitFor();
  // The server's page is the same: the part was only out of reach.
  await page.waitForTimeout(500);
  assert.equal(await page.getByTestId("toast-action").count(), 0);
  await page.route("**/", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: (await response.text()).replace(/index-[\w-]+\.js/, "index-newer.js") });
  });
  await page.reload();
  await notebook.ready();
  await why.waitFor();
  await page.getByTestId("toasts").getByText("The server has a newer page").waitFor();
  if (process.env.SHOTS) await shots("newer");
  await page.route("**/assets/versions-*.js", (route) => route.fulfill({ status: 404, body: "{}" }));
  await page.getByTestId("notebook-menu").click();
  await page.getByTestId("menu-versions").click();
  await page.waitForTimeout(500);
  assert.equal(await page.getByTestId("toasts").locator(".toast").count(), 1);
  await page.unroute("**/assets/versions-*.js");
  await page.unroute("**/");
  await page.unroute("**/assets/view-*.js");
  await page.getByTestId("toast-action").click();
  await cell.element.getByTestId("widget-frame").waitFor();
  assert.equal(await why.count(), 0);
});

test("links in a widget open as well", async () => {
  await show(`import ipywidgets as w
w.HTML('<a href="${elsewhere}/widget">out</a>')`);
  const widget = cell.element.getByTestId("widget-frame").contentFrame();
  assert.deepEqual(await opens(widget.getByText("out")), { url: `${elsewhere}/widget`, opener: null });
});

/** Pictures for looking at. */
async function shots(name) {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await page.waitForTimeout(300);
    await page.screenshot({ path: `${process.env.SHOTS}/${name}-${colorScheme}.png` });
  }
  await page.emulateMedia({ colorScheme: "light" });
}

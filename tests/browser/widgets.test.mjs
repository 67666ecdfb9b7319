// Widgets of a real kernel in real browsers: the same one in two pages, readers, reloads, restarts, captured outputs,
// widgets that bring their own code, and those that nobody knows here.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { addMachine, api, clickInFrame, newNotebook, openNotebook, signIn, start } from "./support/page.mjs";
import { until } from "./support/processes.mjs";

const SOURCE = `import ipywidgets as w
slider = w.IntSlider(value=3, max=10, description="Speed")
seen = w.Label("nothing yet")
button = w.Button(description="Count", icon="check", button_style="primary")
count = w.IntText(description="Clicks")
out = w.Output()
def moved(change):
    seen.value = f"kernel saw {change.new}"
    with out:
        print("moved to", change.new)
slider.observe(moved, "value")
button.on_click(lambda _: setattr(count, "value", count.value + 1))
w.VBox([slider, seen, w.HBox([button, count]), out])`;

/** A grey picture of 120 by 40 pixels. */
const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAHgAAAAoCAAAAAAQgWH5AAAALUlEQVR42u3NMQ0AAAwDoPoXUL01sWQPGCB9ErFYLBaLxWKxWCwWi8VisfjOABMX/ReqXJx0AAAAAElFTkSuQmCC";

const OWN_CODE = `from traitlets import Dict, Int, Unicode
class Own(w.DOMWidget):
    _model_name = Unicode("AnyModel").tag(sync=True)
    _model_module = Unicode("anywidget").tag(sync=True)
    _model_module_version = Unicode("~0.9.0").tag(sync=True)
    _view_name = Unicode("AnyView").tag(sync=True)
    _view_module = Unicode("anywidget").tag(sync=True)
    _view_module_version = Unicode("~0.9.0").tag(sync=True)
    _css = Unicode(".own { font-weight: 600 }").tag(sync=True)
    _esm = Unicode("""
      // ${"long ".repeat(300)}
      function render({ model, el }) {
        const button = document.createElement("button");
        button.className = "own";
        const show = () => { button.textContent = "own " + model.get("value"); };
        const answer = document.createElement("output");
        button.addEventListener("click", () => { model.set("value", model.get("value") + 1); model.save_changes(); });
        button.addEventListener("dblclick", () => model.send({ ask: 1 }, undefined, [new Uint8Array([1, 2, 3]).buffer]));
        model.on("change:value", show);
        model.on("msg:custom", (content, [bytes]) => { answer.textContent = content.sum + " of " + bytes.byteLength + " after " + model.get("value"); });
        show();
        el.append(button, answer);
      }
      export default { render };
    """).tag(sync=True)
    value = Int(1).tag(sync=True)
own = Own()
def asked(_, content, buffers):
    own.value = 100
    own.send({"sum": sum(bytes(buffers[0]))}, [b"four"])
own.on_msg(asked)
own`;

/** Speaks as ipympl does: a figure is asked for by a message, and sent as one with the picture's bytes. */
const FIGURE = `import base64, json
from traitlets import Any, List
PNG = base64.b64decode("${PNG}")
class Bar(w.DOMWidget):
    _model_name = Unicode("ToolbarModel").tag(sync=True)
    _model_module = Unicode("jupyter-matplotlib").tag(sync=True)
    _view_name = Unicode("ToolbarView").tag(sync=True)
    _view_module = Unicode("jupyter-matplotlib").tag(sync=True)
    toolitems = List([("Home", "Reset original view", "home", "home")]).tag(sync=True)
class Figure(w.DOMWidget):
    _model_name = Unicode("MPLCanvasModel").tag(sync=True)
    _model_module = Unicode("jupyter-matplotlib").tag(sync=True)
    _view_name = Unicode("MPLCanvasView").tag(sync=True)
    _view_module = Unicode("jupyter-matplotlib").tag(sync=True)
    toolbar = Any().tag(sync=True, **w.widget_serialization)
    toolbar_visible = Unicode("visible").tag(sync=True)
    _data_url = Any(None, allow_none=True).tag(sync=True)
    _size = List([120, 40]).tag(sync=True)
    _figure_label = Unicode("Figure 1").tag(sync=True)
    _message = Unicode("").tag(sync=True)
figure = Figure(toolbar=Bar())
def asked(_, content, buffers):
    if content["type"] == "refresh":
        figure.send({"data": json.dumps({"type": "binary"})}, [PNG])
    elif content["type"] == "button_press":
        figure._message = f"pressed at {round(content['x'])}"
figure.on_msg(asked)
figure.toolbar.on_msg(lambda _, content, buffers: setattr(figure, "_message", f"asked for {content['name']}"))
figure`;

const UNKNOWN = `class Strange(w.DOMWidget):
    _model_name = Unicode("MapModel").tag(sync=True)
    _model_module = Unicode("jupyter-strange").tag(sync=True)
    _view_name = Unicode("MapView").tag(sync=True)
    _view_module = Unicode("jupyter-strange").tag(sync=True)
Strange()`;

let cloud;
let browser;
let close;

before(async () => {
  ({ cloud, browser, close } = await start());
});

after(() => close?.());

/** The widget that a cell shows. */
class Shown {
  constructor(cell) {
    this.element = cell.element.getByTestId("widget-frame");
    this.inside = this.element.contentFrame();
  }

  usable(usable = true) {
    return this.element.and(this.element.page().locator(`[data-usable="${usable}"]`)).waitFor({ timeout: 30_000 });
  }

  shows(text) {
    return this.inside.getByText(text, { exact: true }).first().waitFor({ timeout: 30_000 });
  }

  /** What stands beside the slider. */
  readout() {
    return this.inside.locator(".widget-readout").first();
  }

  reads(value) {
    return until(`the slider to read ${value}`, async () => (await this.readout().innerText()) === String(value));
  }

  async press(key) {
    await this.inside.locator(".noUi-handle").first().focus();
    await this.inside.locator(".noUi-handle").first().press(key);
  }
}

test("widgets live in every page at once", async (t) => {
  const page = await (await browser.newContext()).newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(error.message));
  await signIn(page, cloud);
  await addMachine(page, cloud);
  const notebook = await newNotebook(page, cloud);
  await notebook.attach();
  await notebook.compute("idle");
  const cell = notebook.cell(0);
  await cell.write(SOURCE);
  await cell.run();
  const mine = new Shown(cell);
  await mine.usable();
  await mine.reads(3);

  await t.test("what shows it has no way to the page or the server", async () => {
    const handle = await mine.element.elementHandle();
    const frame = await handle.contentFrame();
    assert.notEqual(new URL(frame.url()).host, new URL(page.url()).host);
    assert.equal(await frame.evaluate(() => self.origin), "null");
    const reached = await frame.evaluate(async (url) => {
      const tries = [fetch(url, { mode: "no-cors" }), fetch("/frames/widget-frame/frame.html")];
      return (await Promise.allSettled(tries)).filter(({ status }) => status === "fulfilled").length;
    }, `${cloud.url}/api/config`);
    assert.equal(reached, 0);
  });

  const other = await (await browser.newContext()).newPage();
  await signIn(other, cloud);
  const theirs = new Shown((await openNotebook(other, cloud, notebook.id)).cell(0));

  await t.test("the kernel and the other page follow a move", async () => {
    await theirs.usable();
    await mine.press("ArrowRight");
    await Promise.all([mine, theirs].flatMap((shown) => [shown.reads(4), shown.shows("kernel saw 4")]));
    await theirs.press("ArrowLeft");
    await Promise.all([mine, theirs].flatMap((shown) => [shown.reads(3), shown.shows("kernel saw 3")]));
  });

  await t.test("what is dragged never jumps back, and the last place counts everywhere", async () => {
    const readout = await mine.readout().elementHandle();
    await readout.evaluate((node) => {
      window.read = [];
      new MutationObserver(() => window.read.push(Number(node.innerText))).observe(node, {
        childList: true,
        characterData: true,
        subtree: true,
      });
    });
    await mine.press("Home");
    await mine.reads(0);
    for (let at = 1; at <= 10; at += 1) await mine.press("ArrowRight");
    await Promise.all([mine, theirs].flatMap((shown) => [shown.reads(10), shown.shows("kernel saw 10")]));
    const read = await readout.evaluate(() => window.read);
    const moves = read.slice(read.indexOf(0));
    assert.deepEqual(moves, moves.toSorted((a, b) => a - b));
  });

  await t.test("the keyboard stays in a widget that is used, until Escape", async () => {
    const focused = () => page.evaluate(() => document.activeElement?.dataset.testid);
    await clickInFrame(mine.inside.locator(".noUi-handle").first());
    await page.keyboard.press("ArrowLeft");
    await mine.reads(9);
    await page.keyboard.press("ArrowRight");
    await mine.reads(10);
    assert.equal(await focused(), "widget-frame");
    await page.keyboard.press("Escape");
    await page.waitForFunction(() => document.activeElement?.dataset.testid === "cell");
    assert.ok(await page.locator(".cell.is-selected").evaluate((element) => element === document.activeElement));
  });

  await t.test("a click runs in the kernel and is seen everywhere", async () => {
    for (const [shown, clicks] of [
      [mine, 1],
      [theirs, 2],
    ]) {
      await clickInFrame(shown.inside.getByRole("button", { name: "Count" }));
      for (const { inside } of [mine, theirs]) {
        const field = inside.locator("input[type=number]");
        await until(`${clicks} clicks`, async () => (await field.inputValue()) === String(clicks));
      }
    }
  });

  await t.test("the Output widget shows what was captured, and the cell does not", async () => {
    for (const shown of [mine, theirs]) {
      const captured = shown.inside.locator(".output-area pre");
      await until("the captured lines", async () => (await captured.allInnerTexts()).join("").includes("moved to 10"));
    }
    assert.equal(await cell.stdout().count(), 0);
  });

  await t.test("a reload shows the state at once", async () => {
    await other.reload();
    await theirs.reads(10);
    await theirs.shows("kernel saw 10");
  });

  await t.test("a reader sees and cannot move", async () => {
    await page.getByTestId("share").click();
    await page.getByTestId("public-link").click();
    await page.locator('[data-testid="public-link"][aria-checked="true"]').waitFor();
    await page.getByTestId("share-close").click();
    const reader = await (await browser.newContext()).newPage();
    const seen = new Shown((await openNotebook(reader, cloud, notebook.id)).cell(0));
    await seen.reads(10);
    await seen.usable(false);
    assert.equal(await reader.getByTestId("widget-stale").count(), 0);
    await seen.inside.locator(".noUi-handle").evaluate((handle) => {
      handle.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft", bubbles: true }));
    });
    await mine.press("ArrowLeft");
    await seen.reads(9);
    await mine.reads(9);
    await reader.context().close();
  });

  await t.test("a widget brings its own code, and speaks with the kernel in bytes", async () => {
    const own = new Shown(await notebook.addAndRun(OWN_CODE));
    await clickInFrame(own.inside.getByRole("button", { name: "own 1" }));
    const there = new Shown((await openNotebook(other, cloud, notebook.id)).cell(1));
    await there.inside.getByRole("button", { name: "own 2" }).waitFor({ timeout: 30_000 });
    await own.inside.getByRole("button").dispatchEvent("dblclick");
    for (const shown of [own, there]) await shown.shows("6 of 4 after 100");
    const weight = await own.inside.getByRole("button").evaluate((node) => getComputedStyle(node).fontWeight);
    assert.equal(weight, "600");
  });

  await t.test("a time at the full hour reaches the kernel", async () => {
    const source = [
      "from datetime import time",
      "when, told = w.TimePicker(value=time(11, 30), description='When'), w.Label('not set')",
      "when.observe(lambda change: setattr(told, 'value', f'set to {change.new}'), 'value')",
      "w.VBox([when, told])",
    ].join("\n");
    const shown = new Shown(await notebook.addAndRun(source));
    await shown.shows("not set");
    await shown.inside.locator("input[type=time]").fill("12:00");
    await shown.shows("set to 12:00:00");
  });

  await t.test("a coloured button keeps its colour under the pointer", async () => {
    const count = mine.inside.getByRole("button", { name: "Count" });
    const ground = () => count.evaluate((one) => getComputedStyle(one).backgroundColor);
    await page.mouse.move(0, 0);
    const before = await ground();
    await count.hover();
    // A change of colour takes its time.
    await page.waitForTimeout(300);
    assert.equal(await ground(), before);
  });

  await t.test("a figure of ipympl is drawn, and hears what is done to it", async () => {
    const shown = new Shown(await notebook.addAndRun(FIGURE));
    await shown.shows("Figure 1");
    const canvas = shown.inside.locator("canvas").first();
    const drawn = () => canvas.evaluate((one) => one.getContext("2d").getImageData(60, 20, 1, 1).data[3] === 255);
    await until("the figure to be drawn", drawn);
    await clickInFrame(shown.inside.locator("canvas").last(), { position: { x: 60, y: 30 } });
    await shown.shows("pressed at 60");
    await clickInFrame(shown.inside.getByTitle("Reset original view"));
    await shown.shows("asked for home");
  });

  await t.test("interact() shows what comes of a move", async () => {
    const source = 'w.interact(lambda x: print("twice", 2 * x), x=w.IntSlider(5, 0, 10));';
    const interactive = new Shown(await notebook.addAndRun(source));
    await interactive.inside.getByText("twice 10").waitFor({ timeout: 30_000 });
    await interactive.press("ArrowRight");
    await interactive.inside.getByText("twice 12").waitFor({ timeout: 30_000 });
    assert.equal(await interactive.inside.getByText("twice 10").count(), 0);
  });

  await t.test("a picture that interact() draws anew has the size it is given, from the first moment", async () => {
    const source = [
      "from IPython.display import Image, display",
      "from struct import pack",
      "from zlib import compress, crc32",
      "part = lambda kind, data: pack('>I', len(data)) + kind + data + pack('>I', crc32(kind + data))",
      "def draw(x):",
      "    rows = b''.join(b'\\0' + bytes((a * b + x) % 256 for a in range(600)) for b in range(450))",
      "    head = part(b'IHDR', pack('>2I5B', 600, 450, 8, 0, 0, 0, 0))",
      "    display(Image(b'\\x89PNG\\r\\n\\x1a\\n' + head + part(b'IDAT', compress(rows)) + part(b'IEND', b''), width=300))",
      "w.interact(draw, x=w.IntSlider(0, 0, 50));",
    ].join("\n");
    const shown = new Shown(await notebook.addAndRun(source));
    await until("the picture", () => shown.inside.locator(".output-area img").evaluate((img) => img.offsetHeight === 225));
    const inside = await (await shown.element.elementHandle()).contentFrame();
    await inside.evaluate(() => {
      window.seen = new Set();
      window.drawn = new Set();
      const look = () => {
        const img = document.querySelector(".output-area img");
        if (img) window.drawn.add(img.src.length + img.src.slice(-200));
        window.seen.add(img?.offsetHeight ?? 0);
        requestAnimationFrame(look);
      };
      look();
    });
    for (let n = 0; n < 12; n += 1) {
      await shown.press("ArrowRight");
      await page.waitForTimeout(60);
    }
    await until("other pictures", () => inside.evaluate(() => window.drawn.size > 3));
    assert.deepEqual(await inside.evaluate(() => [...window.seen]), [225]);
  });

  await t.test("a slider that is drawn over a slow callback leaves no backlog", async () => {
    const source = [
      "import time",
      "calls, slow, heard = [], w.IntSlider(0, 0, 1000, layout=w.Layout(width='600px')), w.Label('none')",
      "def work(change):",
      "    time.sleep(0.3)",
      "    calls.append(change.new)",
      "    heard.value = f'heard {change.new}'",
      "slow.observe(work, 'value')",
      "w.VBox([slow, heard])",
    ].join("\n");
    const shown = new Shown(await notebook.addAndRun(source));
    await shown.shows("none");
    const handle = shown.inside.locator(".noUi-handle").first();
    await handle.scrollIntoViewIfNeeded();
    const { x, y, width, height } = await handle.boundingBox();
    await page.mouse.move(x + width / 2, y + height / 2);
    await page.mouse.down();
    const began = Date.now();
    for (let step = 1; step <= 60; step += 1) {
      await page.mouse.move(x + 5 * step, y + height / 2);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    await page.mouse.up();
    const callbacks = (Date.now() - began) / 300;
    await until("the last place to be heard", async () => {
      const place = await shown.readout().innerText();
      return place !== "0" && (await shown.inside.getByText(`heard ${place}`, { exact: true }).count()) === 1;
    });
    const counted = await notebook.addAndRun("print('calls:', len(calls))");
    await counted.stdout().waitFor({ timeout: 30_000 });
    const calls = Number((await counted.stdout().innerText()).split(" ")[1]);
    assert.ok(calls >= 1 && calls <= callbacks + 3, `${calls} calls where ${callbacks} had time`);
  });

  await t.test("a widget among captured outputs, a link in the page, a file", async () => {
    const source = [
      "from IPython.display import display",
      "captor, one, two, up = w.Output(), w.IntSlider(1), w.IntSlider(2), w.FileUpload()",
      "link = w.jslink((one, 'value'), (two, 'value'))",
      "size = w.Label('no file')",
      "up.observe(lambda c: setattr(size, 'value', f'{c.new[0].name}: {sum(c.new[0].content)}'), 'value')",
      "with captor:",
      "    display(one)",
      "w.VBox([captor, two, up, size])",
    ].join("\n");
    const shown = new Shown(await notebook.addAndRun(source));
    const readouts = shown.inside.locator(".widget-readout");
    await until("both sliders", async () => (await readouts.allInnerTexts()).join() === "1,1");
    await shown.press("ArrowRight");
    await until("both to move", async () => (await readouts.allInnerTexts()).join() === "2,2");
    const bytes = Buffer.alloc(100_000, 1);
    const file = { name: "ones.bin", mimeType: "application/octet-stream", buffer: bytes };
    const upload = shown.inside.getByRole("button", { name: "Upload" });
    const [chooser] = await Promise.all([page.waitForEvent("filechooser"), clickInFrame(upload)]);
    await chooser.setFiles(file);
    await shown.shows("ones.bin: 100000");
  });

  await t.test("what a callback prints or raises is told to who used the widget, and stands in no cell", async () => {
    const cell = await notebook.addAndRun(`def clicked(_):
    print("about to fail")
    1 / 0
fails = w.Button(description="Fail")
fails.on_click(clicked)
fails`);
    await clickInFrame(new Shown(cell).inside.getByRole("button", { name: "Fail" }));
    const toasts = page.getByTestId("toasts");
    await toasts.getByText("A widget's callback failed. ZeroDivisionError: division by zero").waitFor();
    await toasts.getByText("A widget's callback says: about to fail").waitFor();
    assert.equal(await cell.stdout().count(), 0);
    await toasts.getByRole("button", { name: "Dismiss" }).first().click();
  });

  await t.test("a chart is drawn anew within an Output widget as it is captured", async () => {
    const charted = new Shown(
      await notebook.addAndRun(`from IPython.display import display, clear_output
charted, height = w.Output(), w.IntSlider(value=100, min=100, max=110, description="Height")
def draw(change):
    with charted:
        clear_output(wait=True)
        display({"application/vnd.vegalite.v5+json": {"mark": "bar", "height": change["new"], "data": {"values": [{"a": 1}]},
          "encoding": {"x": {"field": "a"}}}, "text/plain": "alt.Chart(...)"}, raw=True)
height.observe(draw, "value")
draw({"new": 100})
w.VBox([height, charted])`),
    );
    const canvas = charted.inside.locator(".vega-embed canvas");
    const tall = async () => (await canvas.count()) === 1 && (await canvas.evaluate(({ clientHeight }) => clientHeight));
    await canvas.waitFor();
    const before = await tall();
    await charted.press("ArrowRight");
    await until("the chart that follows", async () => (await tall()) === before + 1);
  });

  await t.test("a widget of an unknown module says which", async () => {
    const strange = new Shown(await notebook.addAndRun(UNKNOWN));
    await strange.inside.getByText("jupyter-strange").waitFor({ timeout: 30_000 });
    // It is told in the widget's place; no script of any widget failed beside that.
    assert.deepEqual(await page.getByTestId("output-script-failed").allInnerTexts(), []);
  });

  await t.test("a version says at once where its widgets live", async () => {
    await api(page, cloud, "POST", `/api/n/${notebook.id}/revisions`, { title: "with widgets" });
    const { revisions } = await api(page, cloud, "GET", `/api/n/${notebook.id}/revisions`);
    const version = await page.context().newPage();
    await version.goto(`${cloud.url}/n/${notebook.id}/r/${revisions[0].id}`);
    await version.getByTestId("widget-gone").first().getByText("Widgets are live in the notebook only.").waitFor();
    if (process.env.SHOTS) await version.screenshot({ path: `${process.env.SHOTS}/version.png` });
    assert.equal(await version.getByText("Waiting for the widget").count(), 0);
    await version.close();
  });

  await t.test("when its kernel is gone it keeps its last state and says so", async () => {
    await page.getByTestId("restart").click();
    await page.getByTestId("confirm-yes").click();
    await cell.element.getByTestId("widget-stale").waitFor({ timeout: 60_000 });
    await mine.usable(false);
    await mine.reads(9);
    await notebook.compute("idle", 60_000);
    await other.reload();
    await other.getByTestId("widget-gone").first().waitFor({ timeout: 60_000 });
    await mine.usable(false);
    await cell.run();
    await mine.usable();
    await mine.reads(3);
    await mine.press("ArrowRight");
    await mine.shows("kernel saw 4");
  });

  assert.deepEqual(problems, []);
});

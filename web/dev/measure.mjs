// Is a long notebook quick? Numbers with a pretended server: node dev/measure.mjs [CELLS] [LINES]
import { chromium } from "playwright-core";
import { MockRoom, s } from "./mock-room.mjs";
import { base, stop } from "./mock-server.mjs";

const cellCount = Number(process.argv[2] ?? 300);
const lineCount = Number(process.argv[3] ?? 100_000);
const KEYS = 60;
/** What the runtime peer seals into one entry. */
const PART = 60_000;

function fill() {
  const cells = Array.from({ length: cellCount }, (_, i) => ({
    id: `c${i}`,
    type: i % 10 === 0 ? "markdown" : "code",
    source:
      i % 10 === 0
        ? `## Part ${i / 10}\n\nSome **words** about it.`
        : `value_${i} = compute(${i})\nprint(value_${i})\nvalue_${i}`,
  }));
  const room = new MockRoom([
    ...cells,
    { id: "long", type: "code", source: "for i in range(100_000): print(i)" },
    { id: "below", type: "code", source: "after = 1" },
  ]);
  room.attach("Lab tower");
  const text = (value) => ({ inline: s(value) });
  let lines = "";
  for (let i = 0; i < lineCount; i += 1) lines += `line ${i}: some words that a program prints\n`;
  const parts = [];
  for (let at = 0; at < lines.length; at += PART) parts.push(lines.slice(at, at + PART));
  room.edit(5, (doc) => {
    for (const { id, type } of cells) {
      if (type !== "code") continue;
      doc.executions[`e-${id}`] = {
        status: s("done"),
        execution_count: 1,
        success: true,
        outputs: {
          [`${id}-0`]: {
            seq: 0,
            manifest: {
              output_type: s("stream"),
              name: s("stdout"),
              text: text(`printed by ${id}\n`.repeat(5)),
            },
          },
          [`${id}-1`]: {
            seq: 1,
            manifest: { output_type: s("execute_result"), data: { "text/plain": text(`value of ${id}`) } },
          },
        },
      };
    }
    const outputs = parts.map((part, i) => [
      `l${i}`,
      { seq: i, manifest: { output_type: s("stream"), name: s("stdout"), text: text(part) } },
    ]);
    doc.executions["e-long"] = {
      status: s("done"),
      execution_count: 2,
      success: true,
      outputs: Object.fromEntries(outputs),
    };
  });
  room.edit(0, (doc) => {
    for (const id of Object.keys(doc.cells))
      if (id !== "below" && doc.cells[id].source.startsWith("#") === false)
        doc.cells[id].execution_id = s(`e-${id}`);
  });
  return room;
}

/** In the page: how long each key takes until the frame after it is done, and the longest blocks. */
function watch() {
  window.keyTimes = [];
  window.blocks = [];
  addEventListener(
    "keydown",
    (event) => {
      const start = event.timeStamp;
      requestAnimationFrame(() => setTimeout(() => window.keyTimes.push(performance.now() - start)));
    },
    true,
  );
  new PerformanceObserver((list) =>
    window.blocks.push(...list.getEntries().map((entry) => entry.duration)),
  ).observe({
    type: "longtask",
    buffered: true,
  });
}

const percentile = (values, share) =>
  [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * share)];
const ms = (value) => `${Math.round(value ?? 0)} ms`;

async function type(page, cell) {
  await page.locator(`[data-cell-id="${cell}"] .cm-content`).focus();
  await page.evaluate(() => {
    window.keyTimes.length = 0;
  });
  const before = await work();
  const busyBefore = await processes();
  for (let i = 0; i < KEYS; i += 1) await page.keyboard.press("x");
  const times = await page.evaluate(() => window.keyTimes);
  const after = await work();
  const busy = await processes();
  const each = Object.entries(busy).map(
    ([kind, time]) => `${kind} ${(((time - (busyBefore[kind] ?? 0)) * 1000) / KEYS).toFixed(1)}`,
  );
  console.log(`processor time per key in ms, by process: ${each.join(", ")}`);
  const spent = (name) =>
    `${name.replace("Duration", "")} ${(((after[name] - before[name]) * 1000) / KEYS).toFixed(1)}`;
  console.log(`processor time per key in ms: ${Object.keys(after).map(spent).join(", ")}`);
  console.log(
    `typing in ${cell}: median ${ms(percentile(times, 0.5))}, 95 % ${ms(percentile(times, 0.95))}, longest ${ms(Math.max(...times))}`,
  );
}

const room = fill();
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
});
const context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
await context.routeWebSocket(/\/sync/, (socket) => room.connect(socket));
const page = await context.newPage();
// Processor time of the page's thread: other programs on this machine do not change it.
const devtools = await context.newCDPSession(page);
await devtools.send("Performance.enable", { timeDomain: "threadTicks" });
const WORK = ["LayoutDuration", "RecalcStyleDuration", "ScriptDuration", "TaskDuration"];
const whole = await browser.newBrowserCDPSession();
async function processes() {
  const { processInfo } = await whole.send("SystemInfo.getProcessInfo");
  return Object.fromEntries(processInfo.map(({ type, id, cpuTime }) => [`${type} ${id}`, cpuTime]));
}
async function work() {
  const { metrics } = await devtools.send("Performance.getMetrics");
  return Object.fromEntries(
    metrics.filter(({ name }) => WORK.includes(name)).map(({ name, value }) => [name, value]),
  );
}
page.on("pageerror", (error) => console.log(error.message));
await page.addInitScript(watch);
const start = performance.now();
await page.goto(`${base}/n/nb0`);
await page.getByTestId("cell").nth(1).waitFor();
console.log(`${cellCount} cells, ${lineCount} lines: first cells after ${ms(performance.now() - start)}`);
await page.locator('[data-cell-id="c1"] [data-testid="outputs"]').waitFor();
await page.locator('[data-cell-id="long"]').waitFor({ state: "attached" });
console.log(
  `outputs after ${ms(performance.now() - start)}; longest block ${ms(Math.max(0, ...(await page.evaluate(() => window.blocks))))}`,
);
await type(page, "c1");
await page.evaluate(() => {
  window.blocks.length = 0;
});
const scrolled = performance.now();
await page.locator('[data-cell-id="long"]').scrollIntoViewIfNeeded();
await page.getByTestId("show-all").waitFor();
console.log(`to the end: ${ms(performance.now() - scrolled)}`);
const all = performance.now();
await page.getByTestId("show-all").click();
await page.locator('[data-cell-id="long"]').getByText("line 0: some").first().waitFor({ state: "attached" });
await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done))));
console.log(
  `show all: ${ms(performance.now() - all)}; longest block ${ms(Math.max(0, ...(await page.evaluate(() => window.blocks))))}`,
);
await type(page, "long");
await page.locator('[data-cell-id="below"]').scrollIntoViewIfNeeded();
await type(page, "below");
await browser.close();
stop();

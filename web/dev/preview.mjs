// Pictures of the built page with a pretended server: node dev/preview.mjs OUT_DIR
import { createHash } from "node:crypto";
import { createReadStream, existsSync, mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { chromium } from "playwright-core";
import { MockRoom } from "./mock-room.mjs";

const out = process.argv[2] ?? "preview";
mkdirSync(out, { recursive: true });
const dist = new URL("../dist/", import.meta.url).pathname;
const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
  ".woff2": "font/woff2",
};
const minutes = (n) => new Date(Date.now() - n * 60_000).toISOString();
const picture = readFileSync(new URL("./picture.svg", import.meta.url), "utf8");
const machines = [
  {
    workstation_id: "ws-lab",
    display_name: "Lab tower",
    status: "online",
    status_message: "Ready",
    last_seen_at: minutes(0),
    cpu_count: 32,
    memory_bytes: 137438953472,
    accelerators: [{ model: "RTX 4090", count: 2 }],
    default_environment_label: "Python 3.13",
    working_directory: "/home/ada/projects",
    is_default: true,
  },
  {
    workstation_id: "ws-attic",
    display_name: "Attic NUC",
    status: "offline",
    status_message: "No heartbeat from this workstation recently.",
    last_seen_at: minutes(190),
    cpu_count: 8,
    memory_bytes: 16777216000,
    accelerators: [],
    is_default: false,
  },
];
const credentials = [
  {
    credential_id: "2160fc3a-413e",
    pairing_code_id: "a",
    created_at: minutes(4000),
    last_used_at: minutes(0),
    revoked_at: null,
  },
  {
    credential_id: "7be01d55-9c1a",
    pairing_code_id: "b",
    created_at: minutes(9000),
    last_used_at: minutes(190),
    revoked_at: null,
  },
  {
    credential_id: "c0ffee00-1111",
    pairing_code_id: "c",
    created_at: minutes(20000),
    last_used_at: minutes(15000),
    revoked_at: minutes(12000),
  },
];
const notebooks = [
  ["Rainfall in the valley", 2],
  ["Untitled", 95],
  ["Fine-tuning notes", 2000],
  ["Welcome", 9000],
].map(([title, age], i) => ({
  notebook_id: `nb${i}`,
  title,
  owner_principal: "user:local:owner",
  scope: "owner",
  updated_at: minutes(age),
  compute_session: i === 0 ? { workstation_display_name: "Lab tower", status: "active" } : null,
}));
let polls = 0;
let signedIn = true;
const api = {
  "GET /api/config": (origin) => ({
    output_origin: origin.replace("127.0.0.1", "localhost"),
    version: "0.1.0",
    dev_identity: false,
  }),
  "GET /api/auth/session": () => ({ ok: true, session: signedIn ? { provider: "local" } : null }),
  "GET /api/n": () => ({ ok: true, notebooks }),
  "GET /api/n/nb0": () => ({ notebook: { title: "Rainfall in the valley" }, access: { scope: "owner" } }),
  "GET /api/workstations": () => ({ ok: true, workstations: machines }),
  "GET /api/workstations/credentials": () => ({ ok: true, credentials }),
  "POST /api/workstations/pairing-codes": () => ({
    ok: true,
    pairing: { id: "p1", code: "Z4AY-CD2C-DS8P", expires_at: minutes(-10) },
  }),
  "GET /api/workstations/pairing-codes/p1": () => ({
    ok: true,
    pairing: { id: "p1", status: ++polls > 1 ? "registered" : "pending", expires_at: minutes(-9) },
  }),
};
const CSP = (origin) =>
  `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; font-src 'self'; connect-src 'self'; frame-src ${origin.replace("127.0.0.1", "localhost")}; base-uri 'none'; form-action 'self'; frame-ancestors 'none'`;
const server = createServer((request, response) => {
  const origin = `http://${request.headers.host}`;
  const path = new URL(request.url ?? "/", origin).pathname;
  const answer = api[`${request.method} ${path}`];
  if (answer)
    return response
      .writeHead(200, { "Content-Type": "application/json" })
      .end(JSON.stringify(answer(origin)));
  if (path.startsWith("/api/")) return response.writeHead(404).end('{"error":"not found"}');
  const file = join(dist, path);
  const found = path !== "/" && existsSync(file) ? file : join(dist, "index.html");
  const headers = { "Content-Type": TYPES[extname(found)] ?? "application/octet-stream" };
  if (!found.endsWith("output-frame.html")) headers["Content-Security-Policy"] = CSP(origin);
  createReadStream(found).pipe(response.writeHead(200, headers));
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const base = `http://127.0.0.1:${server.address().port}`;

const room = new MockRoom([
  {
    id: "intro",
    type: "markdown",
    source:
      "# Rainfall in the valley\n\nThirty years of daily readings from the station at the *old mill*. The question is whether the **dry spells** have become longer; the mean spell is $\\bar{s} = \\frac{1}{n}\\sum_i s_i$.\n\n$$P(S > k) = (1-p)^k$$",
  },
  {
    id: "load",
    type: "code",
    source:
      'import pandas as pd\n\nrain = pd.read_csv("mill.csv", parse_dates=["day"])\nprint(f"{len(rain):,} days, {rain.mm.isna().sum()} missing")\nrain.head(3)',
  },
  {
    id: "plot",
    type: "code",
    source:
      'spells = longest_dry_spell(rain, by="year")\nspells.plot(color="steelblue")  # one line per decade',
  },
  { id: "fail", type: "code", source: 'rain.loc["1987-02-30"]' },
  { id: "empty", type: "code", source: "" },
]);
room.attach("Lab tower");
const inline = (text) => ({ inline: text });
const table =
  "<table><thead><tr><th></th><th>day</th><th>mm</th></tr></thead><tbody><tr><th>0</th><td>1994-01-01</td><td>3.2</td></tr><tr><th>1</th><td>1994-01-02</td><td>0.0</td></tr><tr><th>2</th><td>1994-01-03</td><td>11.7</td></tr></tbody></table><script>document.body.dataset.ran = 'yes'</script>";
await room.execute("load", crypto.randomUUID(), [
  { output_type: "stream", name: "stdout", text: inline("10,957 days, ") },
  { output_type: "stream", name: "stdout", text: inline("\u001b[33m14 missing\u001b[0m\n") },
  { output_type: "execute_result", data: { "text/html": inline(table), "text/plain": inline("day mm") } },
]);
await room.execute("plot", crypto.randomUUID(), [
  { output_type: "display_data", data: { "image/svg+xml": inline(picture) } },
]);
await room.execute(
  "fail",
  crypto.randomUUID(),
  [
    {
      output_type: "error",
      ename: "KeyError",
      evalue: "'1987-02-30'",
      traceback: inline(
        JSON.stringify([
          "\u001b[0;31m-------------------------------------------------\u001b[0m",
          "\u001b[0;31mKeyError\u001b[0m          Traceback (most recent call last)",
          'Cell \u001b[0;32mIn[3], line 1\u001b[0m\n\u001b[0;32m----> 1\u001b[0m rain\u001b[38;5;241m.\u001b[39mloc[\u001b[38;5;124m"1987-02-30"\u001b[39m]',
          "\u001b[0;31mKeyError\u001b[0m: '1987-02-30'",
        ]),
      ),
    },
  ],
  "error",
);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
let problems = 0;
for (const colorScheme of ["light", "dark"]) {
  const context = await browser.newContext({
    colorScheme,
    viewport: { width: 1200, height: 900 },
    permissions: ["clipboard-write"],
  });
  await context.routeWebSocket(/\/sync/, (socket) => room.connect(socket));
  const page = await context.newPage();
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") {
      problems += 1;
      console.log(`${colorScheme} ${message.type()}: ${message.text()}`);
    }
  });
  page.on("pageerror", (error) => {
    problems += 1;
    console.log(`${colorScheme} page error: ${error.stack}`);
  });
  const shot = async (name) => {
    await page.waitForTimeout(400);
    await page.screenshot({ path: join(out, `${name}-${colorScheme}.png`) });
  };
  await page.goto(base);
  await page.getByTestId("notebook-list").waitFor();
  await shot("list");
  await page.goto(`${base}/n/nb0`);
  await page.getByTestId("cell").first().waitFor();
  await page.locator(".katex-display").first().waitFor();
  await shot("notebook");
  await page.getByTestId("compute-chip").click();
  await page.getByTestId("attach-machine").first().waitFor();
  await shot("menu");
  await page.keyboard.press("Escape");
  await page.evaluate(() => scrollTo(0, 9999));
  await shot("notebook-end");
  await page.goto(`${base}/workstations`);
  await page.getByTestId("workstation-list").waitFor();
  await shot("panel");
  polls = 0;
  await page.getByTestId("add-machine").click();
  await page.getByTestId("pairing-code").waitFor();
  await shot("pairing");
  await page.locator("[data-testid=pairing-status][data-status=registered]").waitFor();
  await shot("registered");
  await context.close();
}
signedIn = false;
const page = await browser.newPage();
await page.goto(base);
await page.getByTestId("sign-in-page").waitFor();
await page.screenshot({ path: join(out, "sign-in.png") });
await browser.close();
server.close();
server.closeAllConnections();
console.log(
  `${problems} problems; pictures in ${out} (${createHash("sha256").update(picture).digest("hex").slice(0, 6)})`,
);
process.exitCode = problems === 0 ? 0 : 1;

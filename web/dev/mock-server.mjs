// A pretended server for the built page: the REST API with fixed answers, and one room.
import { createReadStream, existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { account } from "./mock-account.mjs";
import { MockRoom } from "./mock-room.mjs";

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
    status_since: minutes(600),
    hostname: "tower.lab.example.org",
    os: "Debian 13",
    address: "192.0.2.17",
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
    workstation_id: "ws-lab",
    rotated_at: minutes(3900),
    expires_at: minutes(-120_000),
  },
  {
    credential_id: "7be01d55-9c1a",
    pairing_code_id: "b",
    created_at: minutes(9000),
    last_used_at: minutes(190),
    revoked_at: null,
    workstation_id: "ws-attic",
    may_serve_several: true,
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
  [
    "Rainfall in the valley",
    2,
    { compute_session: { workstation_display_name: "Lab tower", status: "active" } },
  ],
  ["Untitled", 95, {}],
  [
    "Seismic survey 2026, second pass",
    300,
    {
      owner_principal: "user:dev:grace",
      owner_display: "Grace",
      scope: "editor",
      peers: [{ participant_key: "user:dev:grace", display_name: "Grace" }],
    },
  ],
  [
    "Fine-tuning notes",
    2000,
    { compute_session: { workstation_display_name: "Attic NUC", status: "stale" } },
  ],
  ["Lecture 3", 4000, { owner_principal: "user:dev:alan", owner_display: "Alan", scope: "viewer" }],
  ["Welcome", 9000, {}],
  ["Old attempt", 12000, { trashed_at: minutes(600) }],
].map(([title, age, more], i) => ({
  notebook_id: `nb${i}`,
  title,
  owner_principal: "user:local:owner",
  scope: "owner",
  updated_at: minutes(age),
  language: i % 2 === 0 ? "python" : undefined,
  compute_session: null,
  ...more,
}));
const VIEWS = {
  owned: (row) => row.scope === "owner",
  shared: (row) => row.scope !== "owner",
};
function listing(query) {
  const view = query.get("view") ?? "all";
  const words = (query.get("q") ?? "").toLowerCase();
  const rows = notebooks.filter(
    (row) =>
      (view === "trash") === (row.trashed_at !== undefined) &&
      (VIEWS[view]?.(row) ?? true) &&
      row.title.toLowerCase().includes(words),
  );
  return {
    ok: true,
    notebooks: rows,
    total_count: rows.length,
    current_user_principal: "user:local:owner",
  };
}
/** What the preview turns: whether somebody is signed in, how often the pairing was asked about. */
export const knobs = { polls: 0, signedIn: true };
const api = {
  ...account,
  "GET /api/config": (origin) => ({
    output_origin: origin.replace("127.0.0.1", "localhost"),
    version: "0.1.0",
    dev_identity: false,
  }),
  "GET /api/auth/session": () => ({ ok: true, session: knobs.signedIn ? { provider: "local" } : null }),
  "GET /api/n": (_origin, query) => listing(query),
  "GET /api/n/nb0": () => ({ notebook: { title: "Rainfall in the valley" }, access: { scope: "owner" } }),
  "GET /api/workstations": () => ({ ok: true, workstations: machines }),
  "GET /api/workstations/credentials": () => ({ ok: true, credentials }),
  "POST /api/workstations/pairing-codes": () => ({
    ok: true,
    pairing: { id: "p1", code: "Z4AY-CD2C-DS8P", expires_at: minutes(-10) },
  }),
  "GET /api/workstations/pairing-codes/p1": () => ({
    ok: true,
    pairing: { id: "p1", status: ++knobs.polls > 1 ? "registered" : "pending", expires_at: minutes(-9) },
  }),
};
const CSP = (origin) =>
  `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; font-src 'self'; connect-src 'self'; frame-src ${origin.replace("127.0.0.1", "localhost")}; base-uri 'none'; form-action 'self'; frame-ancestors 'none'`;
const server = createServer((request, response) => {
  const origin = `http://${request.headers.host}`;
  const { pathname: path, searchParams } = new URL(request.url ?? "/", origin);
  const answer = api[`${request.method} ${path}`];
  if (answer)
    return response
      .writeHead(200, { "Content-Type": "application/json" })
      .end(JSON.stringify(answer(origin, searchParams)));
  if (path.startsWith("/api/")) return response.writeHead(404).end('{"error":"not found"}');
  const file = join(dist, path);
  const found = path !== "/" && existsSync(file) ? file : join(dist, "index.html");
  const headers = { "Content-Type": TYPES[extname(found)] ?? "application/octet-stream" };
  if (!found.endsWith("output-frame.html")) headers["Content-Security-Policy"] = CSP(origin);
  createReadStream(found).pipe(response.writeHead(200, headers));
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
export const base = `http://127.0.0.1:${server.address().port}`;

export const room = new MockRoom([
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

export function stop() {
  server.close();
  server.closeAllConnections();
}

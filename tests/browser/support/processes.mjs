// The real programs, started for one test and stopped with it.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { arch, tmpdir } from "node:os";
import { join, resolve } from "node:path";

const programs = resolve(process.env.PROGRAMS ?? "../../target/debug");
/** The interpreter of the machines, with ipykernel; `cargo xtask test` makes it. */
export const python = resolve(process.env.TEST_PYTHON ?? "../../target/test-venv/bin/python");

/** Waits until a probe gives a value that is neither false nor undefined, or fails with what was awaited. */
export async function until(what, probe, limitMs = 30_000) {
  const end = Date.now() + limitMs;
  let last;
  while (Date.now() < end) {
    try {
      const value = await probe();
      if (value) return value;
    } catch (error) {
      last = error;
    }
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`waited ${limitMs} ms for ${what}${last ? `: ${last.message}` : ""}`);
}

function start(name, args, options, log) {
  const child = spawn(resolve(programs, name), args, { stdio: ["ignore", "pipe", "pipe"], ...options });
  child.output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (data) => {
      child.output += data;
      if (log) process.stderr.write(data);
    });
  }
  child.ended = new Promise((done) => child.on("exit", (code, signal) => done({ code, signal })));
  return child;
}

async function stop(child, signal = "SIGINT", limitMs = 20_000) {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  const late = setTimeout(() => child.kill("SIGKILL"), limitMs);
  await child.ended;
  clearTimeout(late);
}

/** Processes that were started under a folder of ours, by their environment or arguments; the folder is unique. */
function processesOf(folder) {
  return readdirSync("/proc").flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) return [];
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      const isOurs = command.includes(folder) || readFileSync(`/proc/${pid}/environ`, "utf8").includes(folder);
      return isOurs && command !== "" ? [{ pid, command }] : [];
    } catch {
      return [];
    }
  });
}

function killAll(processes) {
  for (const { pid } of processes) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended by itself meanwhile.
    }
  }
}

/** Clouds that were not stopped: a test file that is cut short ends their processes all the same. */
const running = new Set();
process.on("exit", () => {
  for (const { folder } of running) killAll(processesOf(folder));
});
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(1));

/** One cloud with a data directory of its own, and the workstations that a test pairs with it. */
export class Cloud {
  /** `environment` holds further settings of the server. */
  constructor(environment = {}) {
    this.environment = environment;
    this.folder = mkdtempSync(join(tmpdir(), "nbc-"));
    this.workstations = [];
    running.add(this);
  }

  /** Starts the server; the second start uses the same address as the first. */
  async start() {
    const listen = this.url ? new URL(this.url).host : "127.0.0.1:0";
    const data = join(this.folder, "data");
    this.child = start("notebook-cloud", ["serve", "--listen", listen, "--data", data], { env: { ...process.env, ...this.environment } }, process.env.LOG);
    const record = join(data, "server.json");
    await until(
      "the cloud to answer",
      async () => {
        if (this.child.exitCode !== null) throw new Error(this.child.output);
        if (!existsSync(record)) return false;
        const { url, address } = JSON.parse(readFileSync(record, "utf8"));
        this.url = url ?? `http://${address}`;
        return (await fetch(`${this.url}/api/health`)).ok;
      },
      20_000,
    );
    return this;
  }

  kill() {
    this.child.kill("SIGKILL");
    return this.child.ended;
  }

  /** A link that signs the owner in once. */
  signInLink() {
    const data = join(this.folder, "data");
    const result = spawnSync(join(programs, "notebook-cloud"), ["sign-in-link", "--data", data], { encoding: "utf8" });
    const link = result.stdout.match(/http\S+/)?.[0];
    if (!link) throw new Error(`no sign-in link: ${result.stdout}${result.stderr}`);
    return link;
  }

  /** Puts the programs under test into the server's downloads folder, called a version. */
  offerPrograms(version = "0.1.0") {
    const folder = join(this.folder, "data/downloads");
    mkdirSync(folder, { recursive: true });
    const target = `${arch() === "arm64" ? "aarch64" : "x86_64"}-unknown-linux-gnu`;
    const stem = `runt-${version}-${target}`;
    const file = `${stem}.tar.gz`;
    const names = ["runt", "runtimed"];
    const tar = ["-I", "gzip -1", "-cf", join(folder, file), "-C", programs, `--transform=s,^,${stem}/,`, ...names];
    const packed = spawnSync("tar", tar, { encoding: "utf8" });
    if (packed.status !== 0) throw new Error(packed.stderr);
    const facts = (path) => ({
      sha256: createHash("sha256").update(readFileSync(path)).digest("hex"),
      size: statSync(path).size,
    });
    const archive = { package: "runt", version, target, file, ...facts(join(folder, file)) };
    archive.programs = names.map((name) => ({ name, ...facts(join(programs, name)) }));
    writeFileSync(join(folder, "manifest.json"), JSON.stringify({ archives: [archive] }));
  }

  /** A machine of its own folders; `connect` runs exactly what the page says to paste. */
  workstation() {
    const machine = new Workstation(this, join(this.folder, `machine-${this.workstations.length}`));
    this.workstations.push(machine);
    return machine;
  }

  /** Ends every process of this cloud and its machines, whatever state a failed test left them in. */
  async stop() {
    for (const machine of this.workstations) await machine.stop();
    await stop(this.child, "SIGTERM");
    await until(
      "the processes to be gone",
      () => {
        const left = processesOf(this.folder);
        killAll(left);
        return left.length === 0;
      },
      10_000,
    );
    rmSync(this.folder, { recursive: true, force: true });
    running.delete(this);
  }
}

class Workstation {
  constructor(cloud, home) {
    this.cloud = cloud;
    this.environment = {
      // Tests count kernels: none waits, however large the machine is.
      RUNT_RUN_WARM_KERNELS: "0",
      ...process.env,
      HOME: home,
      XDG_CONFIG_HOME: join(home, "config"),
      XDG_STATE_HOME: join(home, "state"),
      XDG_CACHE_HOME: join(home, "cache"),
    };
    delete this.environment.RUNT_CLOUD_TOKEN;
    delete this.environment.RUNT_CLOUD_URL;
  }

  /** Runs the line from the page, `runt workstation connect …`. */
  async paste(line) {
    const [program, ...args] = line.trim().split(/\s+/);
    if (program !== "runt") throw new Error(`unexpected line: ${line}`);
    const child = start("runt", args, { env: this.environment }, process.env.LOG);
    const { code } = await child.ended;
    if (code !== 0) throw new Error(`${line}: ${child.output}`);
    return child.output;
  }

  /** Pastes a line into a shell on this machine, which has nothing installed; it may go on running. */
  shell(line) {
    mkdirSync(this.environment.HOME, { recursive: true });
    return start("/bin/sh", ["-c", line], { env: this.environment, cwd: this.environment.HOME }, process.env.LOG);
  }

  run(interpreter = python, cwd = undefined) {
    const args = ["workstation", "run", "--python-path", interpreter];
    this.child = start("runt", args, { env: this.environment, cwd }, process.env.LOG);
    return this;
  }

  async stop() {
    await stop(this.child);
  }
}

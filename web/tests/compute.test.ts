import { describe, expect, it } from "vitest";
import { canInterrupt, computeState } from "../src/notebook/compute";
import { connectionState } from "../src/notebook/connection-state";
import type { AttachmentView, KernelView } from "../src/notebook/executions";
import type { SessionState } from "../src/sync/session";

const at = (status: string, message?: string): AttachmentView => ({
  workstationId: "w",
  name: "Lab",
  status,
  message,
  environment: undefined,
  updatedAt: "2026-01-02T03:04:05.000Z",
});
const kernel = (lifecycle: string, activity: KernelView["activity"] = "", errorReason = ""): KernelView => ({
  lifecycle,
  activity,
  errorReason,
  errorDetails: "",
  name: "python3",
  progress: "",
  lastSeen: undefined,
});

describe("the state of the compute", () => {
  it("offers to interrupt whatever keeps a kernel busy, a cell or not", () => {
    const session = { phase: "live", runtimePeers: 1 } as SessionState;
    expect(canInterrupt(session, kernel("Running", "Busy"))).toBe(true);
    expect(canInterrupt(session, kernel("Launching"))).toBe(false);
    expect(canInterrupt({ ...session, runtimePeers: 0 }, kernel("Running", "Busy"))).toBe(false);
  });

  it("says what is attached and what the kernel does", () => {
    expect(computeState(undefined, kernel("NotStarted"), 0, true).status).toBe("none");
    expect(computeState(at("connecting"), kernel("NotStarted"), 0, true).status).toBe("connecting");
    expect(computeState(at("ready"), kernel("Launching"), 1, true).status).toBe("starting");
    expect(computeState(at("ready"), kernel("Running", "Idle"), 1, true).status).toBe("idle");
    expect(computeState(at("ready"), kernel("Running", "Busy"), 1, true).status).toBe("busy");
    expect(computeState(at("idle"), kernel("Shutdown"), 0, true).status).toBe("stopped");
  });

  it("says since when a kernel gives no sign of life, while it runs", () => {
    const since = "2026-01-02T03:04:05.000Z";
    const silent = computeState(at("ready"), kernel("Running", "Busy"), 1, true, since);
    expect(silent.status).toBe("silent");
    expect(silent.label).toMatch(/^Lab · not responding since \d/);
    expect(silent.detail).toContain("left alone");
    expect(computeState(at("ready"), kernel("Launching"), 1, true, since).status).toBe("starting");
    expect(computeState(at("ready"), kernel("Running", "Busy"), 0, true, since).status).toBe("unreachable");
  });

  it("says since when a machine is unreachable, and never that its work failed", () => {
    const away = computeState(
      at("disconnected", "unreachable since 2026-01-02T03:04:05.000Z"),
      kernel("Running", "Busy"),
      0,
      true,
    );
    expect(away.status).toBe("unreachable");
    expect(
      computeState(at("disconnected", "compute disconnected: done"), kernel("Error"), 0, true).status,
    ).toBe("stopped");
    expect(away.label).toMatch(/Lab unreachable since \d/);
    expect(computeState(at("ready"), kernel("Running", "Busy"), 0, true).status).toBe("unreachable");
  });

  it("does not call a machine unreachable while this page itself is offline", () => {
    expect(computeState(at("ready"), kernel("Running", "Idle"), 0, false).status).toBe("idle");
  });

  it("says what is installed while an environment is prepared", () => {
    const preparing = (progress: string) =>
      computeState(at("ready"), { ...kernel("PreparingEnv"), progress }, 1, true);
    expect(preparing("").label).toBe("Lab · preparing environment…");
    expect(preparing("installing numpy").label).toBe("Lab · preparing environment: installing numpy…");
    expect(preparing("installing numpy").status).toBe("starting");
  });

  it("says of a kernel that died what is lost, and what signal 9 may mean", () => {
    const detail = (errorDetails: string) =>
      computeState(at("ready"), { ...kernel("Error"), errorDetails }, 1, true).detail;
    const killed = detail("the kernel ended unexpectedly (signal 9): last words");
    expect(killed).toMatch(
      /^The kernel ended unexpectedly \(signal 9\): last words\nIts variables.*lost.*memory/s,
    );
    expect(detail("the kernel ended unexpectedly (exit code 1)")).not.toContain("memory");
    const known = "the kernel ended unexpectedly (memory ran out, signal 9)\nHint: work on less at once";
    expect(detail(known)).not.toContain("signal 9 when");
    expect(detail("No such interpreter")).toBe("No such interpreter");
  });

  it("names the remedy for an interpreter without ipykernel", () => {
    const state = computeState(at("ready"), kernel("Error", "", "missing_ipykernel"), 1, true);
    expect(state.status).toBe("error");
    expect(state.detail).toContain("pip install ipykernel");
  });
});

describe("the state of the connection", () => {
  const session: SessionState = {
    phase: "live",
    everLive: true,
    scope: "owner",
    peerId: "p",
    peers: [],
    runtimePeers: 0,
    rejoining: false,
    unsaved: false,
    refused: undefined,
    degraded: undefined,
    gone: undefined,
  };
  it("tells saved, saving, offline with edits, and refused apart", () => {
    const status = (change: Partial<SessionState>) => connectionState({ ...session, ...change }).status;
    expect(status({})).toBe("saved");
    expect(status({ unsaved: true })).toBe("saving");
    expect(status({ phase: "waiting", unsaved: true })).toBe("offline");
    expect(status({ phase: "connecting", everLive: false })).toBe("connecting");
    expect(status({ refused: "no", unsaved: true })).toBe("refused");
  });
});

// The state of the attached compute in words: one place decides, every part of the page shows it.
import type { SessionState } from "../sync/session";
import { clock } from "../ui/time";
import type { AttachmentView, KernelView } from "./executions";

export interface ComputeState {
  tone: "ok" | "busy" | "wait" | "bad" | "off";
  label: string;
  /** What a person can do about it, or what went wrong. */
  detail: string | undefined;
  /** A stable word for tests and styles. */
  status:
    | "none"
    | "connecting"
    | "idle"
    | "busy"
    | "starting"
    | "silent"
    | "unreachable"
    | "stopped"
    | "error";
}

const REMEDIES: Readonly<Record<string, string>> = {
  missing_ipykernel:
    "The Python on that machine has no ipykernel. Install it there (python -m pip install ipykernel), then restart.",
  environment_prepare_failed:
    "The packages that this notebook declares could not be installed on that machine.",
};

/** How the room begins the message of an attachment whose machine is away but whose work goes on. */
const AWAY = "unreachable since ";

/** How the details of a kernel begin that ran and is gone. */
const DIED = /^the kernel (keeper )?ended unexpectedly/;

/** What went wrong with a kernel, and what is lost by it. */
function failure({ errorReason, errorDetails }: KernelView): string {
  const said = [REMEDIES[errorReason], errorDetails].filter(Boolean).join("\n") || "The kernel ended.";
  if (!DIED.test(said)) return said;
  const memory = "\nHint: the system ends a process by signal 9 when its memory runs out.";
  const hint = said.includes("(signal 9)") && !/memory/i.test(said) ? memory : "";
  return `T${said.slice(1)}\nIts variables and imports are lost. Restart it, or run a cell, for a new one.${hint}`;
}

function unreachable(at: AttachmentView, since: string | undefined): ComputeState {
  const time = clock(since);
  return {
    tone: "wait",
    label: `${at.name} unreachable${time === "" ? "" : ` since ${time}`}`,
    detail: "What runs there goes on, and what you run now starts when it is back.",
    status: "unreachable",
  };
}

function disconnected(at: AttachmentView): ComputeState {
  if (at.message?.startsWith(AWAY)) return unreachable(at, at.message.slice(AWAY.length));
  return { tone: "off", label: `${at.name} · disconnected`, detail: at.message, status: "stopped" };
}

/** The kernel gives no sign of life. Nothing is done about it: it may be stopped, swapped out or worth waiting for. */
function silent(at: AttachmentView, since: string): ComputeState {
  return {
    tone: "wait",
    label: `${at.name} · not responding since ${clock(since)}`,
    detail: `The kernel has given no sign of life since ${clock(since)} and is left alone. Wait, or restart it; a restart loses its variables.`,
    status: "silent",
  };
}

function kernelState(at: AttachmentView, kernel: KernelView, silentSince: string | undefined): ComputeState {
  if (kernel.lifecycle === "Running" && silentSince !== undefined) return silent(at, silentSince);
  switch (kernel.lifecycle) {
    case "Running":
      return kernel.activity === "Busy"
        ? { tone: "busy", label: `${at.name} · busy`, detail: undefined, status: "busy" }
        : { tone: "ok", label: `${at.name} · idle`, detail: undefined, status: "idle" };
    case "Error":
      return { tone: "bad", label: `${at.name} · kernel error`, detail: failure(kernel), status: "error" };
    case "Shutdown":
      return {
        tone: "off",
        label: `${at.name} · stopped`,
        detail: "Running a cell starts it again.",
        status: "stopped",
      };
    case "PreparingEnv": {
      const step = kernel.progress === "" ? "…" : `: ${kernel.progress}…`;
      return {
        tone: "wait",
        label: `${at.name} · preparing environment${step}`,
        detail: "The packages that this notebook declares are being installed on that machine.",
        status: "starting",
      };
    }
    default:
      return { tone: "wait", label: `${at.name} · starting`, detail: undefined, status: "starting" };
  }
}

/** Whether there is a kernel to interrupt: what keeps it busy need not be a cell, but may be a widget's callback. */
export function canInterrupt(session: SessionState, kernel: KernelView): boolean {
  return session.phase === "live" && session.runtimePeers > 0 && kernel.lifecycle === "Running";
}

export function computeState(
  at: AttachmentView | undefined,
  kernel: KernelView,
  runtimePeers: number,
  live: boolean,
  silentSince?: string,
): ComputeState {
  if (at === undefined) {
    return { tone: "off", label: "No machine", detail: "Attach a machine to run cells.", status: "none" };
  }
  switch (at.status) {
    case "connecting":
      return { tone: "wait", label: `${at.name} · connecting`, detail: at.message, status: "connecting" };
    case "disconnected":
      return disconnected(at);
    case "idle":
      return { tone: "off", label: `${at.name} · stopped`, detail: at.message, status: "stopped" };
    case "error":
      return { tone: "bad", label: `${at.name} · failed`, detail: at.message, status: "error" };
    default:
      return live && runtimePeers === 0
        ? unreachable(at, kernel.lastSeen)
        : kernelState(at, kernel, silentSince);
  }
}

// A machine's state in words: what it is, and the next step when it is not well.
import type { Workstation } from "../api/workstations";

export interface MachineState {
  label: string;
  tone: "ok" | "wait" | "off";
  next: string | undefined;
}

/** What to do about a build that is older than the cloud's. */
function upgrade({ build, newerBuild }: Workstation): string | undefined {
  if (newerBuild === undefined) return undefined;
  return `Its runt is ${build ?? "old"}, the newest is ${newerBuild}: run “runt upgrade” there; its kernels live on.`;
}

export function stateOf(machine: Workstation): MachineState {
  switch (machine.status) {
    case "online":
      return { label: "Online", tone: "ok", next: upgrade(machine) };
    case "connecting":
      return { label: "Connecting", tone: "wait", next: undefined };
    case "offline":
      if (machine.reason === "not_started")
        return {
          label: "Paired, not running",
          tone: "off",
          next: "To start it, run “runt workstation run” on that machine.",
        };
      return {
        label: "Offline",
        tone: "off",
        next: "To bring it back, run “runt workstation run” on that machine.",
      };
    case "attention":
      return {
        label: "Needs attention",
        tone: "wait",
        next: "“runt workstation status” on that machine says why.",
      };
    default:
      return { label: "Unknown", tone: "off", next: undefined };
  }
}

/** What the cloud says of the state, unless label and next step say the same. */
export function messageOf({ message, reason }: Workstation): string | undefined {
  return reason === "not_started" ? undefined : message;
}

/** Clocks that differ by more are worth a word. */
const CLOCK_SKEW_MS = 5_000;

export function clockHint(skewMs: number | undefined): string | undefined {
  if (skewMs === undefined || Math.abs(skewMs) <= CLOCK_SKEW_MS) return undefined;
  const word = skewMs > 0 ? "ahead" : "behind";
  const seconds = Math.floor(Math.abs(skewMs) / 1_000);
  return `Its clock is ${seconds} s ${word}. Set it there, for example with “timedatectl set-ntp true”.`;
}

export function memoryText(bytes: number): string {
  const gib = bytes / 2 ** 30;
  return gib >= 10 ? `${Math.round(gib)} GiB memory` : `${gib.toFixed(1)} GiB memory`;
}

export function facts(machine: Workstation): string[] {
  const accelerators = machine.accelerators.map(({ model, count }) =>
    count > 1 ? `${count} × ${model}` : model,
  );
  const isNamed = machine.hostname !== undefined && machine.hostname !== machine.name;
  return [
    isNamed ? machine.hostname : undefined,
    machine.os,
    machine.address,
    machine.cpus === undefined ? undefined : `${machine.cpus} CPU${machine.cpus === 1 ? "" : "s"}`,
    machine.memoryBytes === undefined ? undefined : memoryText(machine.memoryBytes),
    ...accelerators,
    machine.environment,
    machine.workingDirectory,
  ].filter((fact) => fact !== undefined && fact !== "") as string[];
}

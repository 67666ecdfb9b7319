// Times for people.
import { signal } from "@preact/signals";

/** The present, moved on every second while somebody watches. */
export const now = signal(Date.now());
export function startClock(): void {
  setInterval(() => {
    if (!document.hidden) now.value = Date.now();
  }, 1_000);
}

const STEPS: readonly [number, string][] = [
  [86_400, "day"],
  [3_600, "hour"],
  [60, "minute"],
];

export function ago(iso: string | undefined, at: number): string {
  const time = iso === undefined ? Number.NaN : Date.parse(iso);
  if (Number.isNaN(time)) return "never";
  const seconds = Math.max(0, Math.round((at - time) / 1_000));
  if (seconds >= 30 * 86_400) return new Date(time).toLocaleDateString();
  for (const [length, unit] of STEPS) {
    const n = Math.floor(seconds / length);
    if (n >= 1) return `${n} ${unit}${n === 1 ? "" : "s"} ago`;
  }
  return "just now";
}

/** When something ends: soon in days, later as a date; `never` when it does not. */
export function until(iso: string | undefined, at: number): string {
  const time = iso === undefined ? Number.NaN : Date.parse(iso);
  if (Number.isNaN(time)) return "never";
  const days = Math.floor((time - at) / 86_400_000);
  if (days > 45) return new Date(time).toLocaleDateString();
  if (days >= 1) return `in ${days} day${days === 1 ? "" : "s"}`;
  return time <= at ? "now" : "today";
}

/** Day and time, for what was kept at a moment. */
export function when(iso: string | undefined): string {
  const time = iso === undefined ? Number.NaN : Date.parse(iso);
  return Number.isNaN(time)
    ? "an unknown time"
    : new Date(time).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

export function clock(iso: string | undefined): string {
  const time = iso === undefined ? Number.NaN : Date.parse(iso);
  return Number.isNaN(time)
    ? ""
    : new Date(time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

export function countdown(untilIso: string, at: number): string {
  const seconds = Math.max(0, Math.floor((Date.parse(untilIso) - at) / 1_000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

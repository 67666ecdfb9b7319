// A line of a machine's history as a sentence.
import type { MachineEvent } from "../api/workstations";

/** How the server begins the reason of a machine that fell silent. */
const SILENT = "lease expired";

const WORDS: Readonly<Record<string, (detail: string | undefined) => string>> = {
  paired: () => "Paired",
  registered: (host) => (host === undefined ? "Registered" : `Registered by ${host}`),
  online: () => "Came online",
  offline: (reason) => `Went offline${because(reason)}`,
  machine_changed: (host) =>
    `Another machine registered under this name${host === undefined ? "" : `: ${host}`}`,
  removed: () => "Removed from the list",
  credential_rotated: () => "Renewed its credential",
  credential_revoked: () => "Its credential was revoked",
  job_pending: () => "Was asked to serve",
  job_accepted: () => "Agreed to serve",
  job_running: () => "Began to serve",
  job_completed: () => "Stopped serving",
  job_cancelled: (why) => `No longer had to serve${because(why)}`,
  job_failed: (why) => `Could not serve${because(why)}`,
  job_promoted: () => "Was asked again to serve",
};

function because(detail: string | undefined): string {
  if (detail === undefined || detail === "") return "";
  return `: ${detail.startsWith(SILENT) ? "it was not heard for a while" : detail}`;
}

/** What happened; a job's notebook is named after it. */
export function historySentence({ event, detail }: MachineEvent): string {
  return WORDS[event]?.(detail) ?? `${event.replaceAll("_", " ")}${because(detail)}`;
}

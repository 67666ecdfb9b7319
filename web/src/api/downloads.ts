// What the server offers to other machines.
import { call } from "./http";
import { list, text } from "./shape";

const PROCESSORS: Record<string, string> = { x86_64: "x86-64", aarch64: "ARM64" };

/** The system of a target in the words of its people: `x86_64-unknown-linux-gnu` is Linux on x86-64. */
export function systemOf(target: string): string {
  const [processor = target, ...rest] = target.split("-");
  const name = rest.includes("linux") ? "Linux" : rest.includes("darwin") ? "macOS" : rest.join("-");
  return `${name} on ${PROCESSORS[processor] ?? processor}`;
}

/** The systems for which there is a runt; none where the server offers none, or knows no downloads at all. */
export async function offeredSystems(): Promise<string[]> {
  try {
    const { archives } = await call("GET", "/api/downloads");
    const targets = list(archives, (row) =>
      text(row, "package") === "runt" ? text(row, "target") : undefined,
    );
    return [...new Set(targets.map(systemOf))];
  } catch {
    // Without an answer the page shows the line for machines that have it.
    return [];
  }
}

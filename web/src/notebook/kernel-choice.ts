// Which kernels a notebook can have: what it asks for, and what its machine offers, in groups for people.
import type { OfferedKernel, Workstation } from "../api/workstations";
import { mapOf, type NotebookDoc, stringOf } from "../sync/shapes";

/** What the notebook's metadata names (DOC 4.8). */
export interface WantedKernel {
  name: string;
  displayName: string;
  language: string;
}

export interface KernelGroup {
  title: string;
  kernels: OfferedKernel[];
}

export function readWanted(doc: NotebookDoc): WantedKernel | undefined {
  const spec = mapOf(doc.metadata?.kernelspec);
  const name = stringOf(spec?.name);
  if (spec === undefined || name === undefined || name === "") return undefined;
  return { name, displayName: stringOf(spec.display_name) ?? name, language: stringOf(spec.language) ?? "" };
}

/** The machine whose kernels count: the attached one, else the preferred, else the only one that listens. */
export function machineOf(
  machines: readonly Workstation[],
  attached: string | undefined,
): Workstation | undefined {
  if (attached !== undefined) return machines.find(({ id }) => id === attached);
  const online = machines.filter(({ status }) => status === "online");
  return machines.find(({ isDefault }) => isDefault) ?? (online.length === 1 ? online[0] : undefined);
}

/** The kernel that a notebook gets there; nothing when what it asks for is not offered. */
export function currentOf(
  kernels: readonly OfferedKernel[],
  wanted: WantedKernel | undefined,
): OfferedKernel | undefined {
  const name = wanted?.name.toLowerCase();
  return kernels.find((kernel) => (name === undefined ? kernel.isDefault : kernel.name === name));
}

const SOURCES: Readonly<Record<string, string>> = {
  kernelspec: "installed kernel",
  system: "system Python",
  venv: "virtual environment",
  uv: "uv",
  conda: "conda",
  pixi: "pixi",
  pyenv: "pyenv",
};

export function sourceText({ source, path }: OfferedKernel): string {
  const place = source === "kernelspec" ? undefined : path;
  return [SOURCES[source] ?? source, place].filter(Boolean).join(" · ");
}

const words = (language: string) =>
  language === "" ? "Other kernels" : language[0]?.toUpperCase() + language.slice(1);

/** Installed kernels by language, then the environments; those that cannot start come last in each. */
export function groupsOf(kernels: readonly OfferedKernel[]): KernelGroup[] {
  const groups = new Map<string, OfferedKernel[]>();
  for (const kernel of kernels) {
    const isEnvironment = kernel.source !== "kernelspec" && !kernel.isDefault;
    const title = isEnvironment ? `${words(kernel.language)} environments` : words(kernel.language);
    groups.set(title, [...(groups.get(title) ?? []), kernel]);
  }
  const rank = (title: string) => (title.startsWith("Python") ? 0 : 1);
  return [...groups]
    .map(([title, all]) => ({
      title,
      kernels: all.toSorted(
        (a, b) => Number(b.isDefault) - Number(a.isDefault) || Number(b.available) - Number(a.available),
      ),
    }))
    .sort((a, b) => rank(a.title) - rank(b.title) || (a.title < b.title ? -1 : 1));
}

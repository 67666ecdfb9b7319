import { describe, expect, it } from "vitest";
import type { OfferedKernel, Workstation } from "../src/api/workstations";
import { currentOf, groupsOf, machineOf, readWanted } from "../src/notebook/kernel-choice";

const kernel = (name: string, over: Partial<OfferedKernel> = {}): OfferedKernel => ({
  name,
  displayName: name,
  language: "python",
  source: "kernelspec",
  path: undefined,
  available: true,
  reason: undefined,
  isDefault: false,
  ...over,
});
const machine = (id: string, over: Partial<Workstation>) =>
  ({ id, status: "online", isDefault: false, ...over }) as Workstation;

describe("the choice of a kernel", () => {
  it("reads what the notebook asks for, and nothing out of nothing", () => {
    const doc = { metadata: { kernelspec: { name: "Bash", display_name: "Bash shell", language: "bash" } } };
    expect(readWanted(doc)).toEqual({ name: "Bash", displayName: "Bash shell", language: "bash" });
    for (const metadata of [undefined, {}, { kernelspec: 1 }, { kernelspec: { name: "" } }]) {
      expect(readWanted({ metadata } as never)).toBeUndefined();
    }
  });

  it("takes the attached machine, else the preferred, else the only one that listens", () => {
    const [a, b] = [machine("a", {}), machine("b", { isDefault: true, status: "offline" })];
    expect(machineOf([a, b], "a")).toBe(a);
    expect(machineOf([a, b], "gone")).toBeUndefined();
    expect(machineOf([a, b], undefined)).toBe(b);
    expect(machineOf([a, machine("c", { status: "offline" })], undefined)).toBe(a);
    expect(machineOf([a, machine("c", {})], undefined)).toBeUndefined();
  });

  it("knows the current kernel whatever its case, and the default of a notebook that names none", () => {
    const kernels = [kernel("python3", { isDefault: true }), kernel("bash")];
    expect(currentOf(kernels, undefined)?.name).toBe("python3");
    expect(currentOf(kernels, { name: "BASH", displayName: "", language: "" })?.name).toBe("bash");
    expect(currentOf(kernels, { name: "ir", displayName: "", language: "" })).toBeUndefined();
  });

  it("groups by language and environment, those that cannot start last", () => {
    const groups = groupsOf([
      kernel("bash", { language: "bash" }),
      kernel("broken", { available: false }),
      kernel("science"),
      kernel("python3", { isDefault: true, source: "venv" }),
      kernel("python-venv-a-00000000", { source: "venv", available: false }),
      kernel("python-conda-b-00000000", { source: "conda" }),
      kernel("odd", { language: "" }),
    ]);
    expect(groups.map(({ title, kernels }) => [title, ...kernels.map(({ name }) => name)])).toEqual([
      ["Python", "python3", "science", "broken"],
      ["Python environments", "python-conda-b-00000000", "python-venv-a-00000000"],
      ["Bash", "bash"],
      ["Other kernels", "odd"],
    ]);
  });
});

import { describe, expect, it } from "vitest";
import { between, after as next, positionAfter, before as previous } from "../src/notebook/position";
import { jsonVector } from "./support/automerge";

interface Case {
  op: string;
  values?: string[];
  left?: string;
  right?: string;
  result?: string | null;
}

const cases = jsonVector("fractional_index.json") as Case[];

describe("positions of cells", () => {
  it("follows the recorded sequences", () => {
    const sequence = (op: string) => cases.find((c) => c.op.startsWith(op))?.values ?? [];
    const appended = sequence("append");
    const prepended = sequence("prepend");
    expect(appended.length).toBeGreaterThan(100);
    expect(prepended.length).toBeGreaterThan(100);
    for (const [i, value] of appended.slice(1).entries()) expect(next(appended[i] ?? "")).toBe(value);
    for (const [i, value] of prepended.slice(1).entries()) expect(previous(prepended[i] ?? "")).toBe(value);
  });

  it("follows the recorded results of between", () => {
    const betweens = cases.filter((c) => c.op === "between");
    expect(betweens.length).toBeGreaterThan(3);
    for (const { left = "", right = "", result } of betweens) {
      expect([left, right, between(left, right) ?? null]).toEqual([left, right, result ?? null]);
    }
  });

  it("survives positions that cannot be read", () => {
    expect(next("zz")).toBe("80");
    expect(between("", "80")).toBeUndefined();
    expect(positionAfter(["8", "8180"], 0)).toBe("80");
  });

  it("puts a cell first, in the middle and last", () => {
    const sorted = ["80", "8180"];
    expect(positionAfter([], -1)).toBe("80");
    expect(positionAfter(sorted, -1)).toBe("7F80");
    expect(positionAfter(sorted, 0)).toBe("817F80");
    expect(positionAfter(sorted, 1)).toBe("8280");
  });
});

import { describe, expect, it } from "vitest";
import type { Workstation } from "../src/api/workstations";
import { minutesText } from "../src/notebook/kernel-use";
import { clockHint, messageOf, stateOf } from "../src/panel/machine-state";
import { bytesText, percentText } from "../src/ui/meter";

describe("words for what is used", () => {
  it("shows bytes and parts as people read them", () => {
    expect([10_240, 300 * 2 ** 20, 1.25 * 2 ** 30, 140 * 2 ** 30].map(bytesText)).toEqual([
      "10 KiB",
      "300 MiB",
      "1.3 GiB",
      "140 GiB",
    ]);
    expect([0, 0.4, 12.6, 250].map(percentText)).toEqual(["0 %", "under 1 %", "13 %", "250 %"]);
  });

  it("shows when unused compute stops", () => {
    expect([0, 30, 60, 90, 480].map(minutesText)).toEqual([
      "never",
      "after 30 min",
      "after 1 hour",
      "after 90 min",
      "after 8 hours",
    ]);
  });

  it("names a clock that is off by more than a few seconds", () => {
    expect(clockHint(undefined)).toBeUndefined();
    expect(clockHint(-4_900)).toBeUndefined();
    expect(clockHint(61_500)).toContain("61 s ahead");
    expect(clockHint(-7_000)).toContain("7 s behind");
  });

  it("tells a machine that was only paired from one that went away", () => {
    const of = (reason: string) => stateOf({ status: "offline", reason } as Workstation);
    expect(of("not_started").label).toBe("Paired, not running");
    expect(of("not_started").next).toContain("To start it, run “runt workstation run”");
    expect(of("lease_expired").label).toBe("Offline");
    const said = (reason: string) => messageOf({ message: "its agent", reason } as Workstation);
    expect([said("not_started"), said("lease_expired")]).toEqual([undefined, "its agent"]);
  });
});

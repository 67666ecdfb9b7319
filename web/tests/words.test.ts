import { describe, expect, it } from "vitest";
import { deviceName } from "../src/account/device-name";
import type { AuditEvent } from "../src/api/audit";
import { systemOf } from "../src/api/downloads";
import { actorOf, sentence } from "../src/audit/words";
import { historySentence } from "../src/panel/history-words";

const ME = "user:oidc:ada";
const event = (change: Partial<AuditEvent>): AuditEvent => ({
  id: 1,
  at: undefined,
  actorLabel: `${ME}/browser:1`,
  actorName: undefined,
  action: "access.grant",
  notebookId: undefined,
  notebookTitle: undefined,
  subject: undefined,
  subjectName: undefined,
  detail: undefined,
  ...change,
});

describe("the audit trail in sentences", () => {
  it("names people, the reader and everybody", () => {
    const grace = event({
      subject: "user:oidc:grace",
      subjectName: "Grace",
      detail: "editor with the run right",
    });
    expect(sentence(grace, ME)).toBe("let Grace edit and run the notebook");
    expect(sentence(event({ subject: ME, detail: "viewer" }), ME)).toBe("let you view the notebook");
    expect(sentence(event({ subject: "user:dev:bob%20b", detail: "owner" }), ME)).toBe(
      "let bob b own the notebook",
    );
    expect(sentence(event({ subject: "anonymous", detail: "viewer" }), ME)).toBe(
      "let everybody with the link view the notebook",
    );
  });

  it("says who acted", () => {
    expect(actorOf(event({}), ME)).toBe("You");
    expect(actorOf(event({ actorLabel: "system/console" }), ME)).toBe("The server");
    expect(actorOf(event({ actorLabel: "user:oidc:x", actorName: "Grace" }), ME)).toBe("Grace");
    expect(actorOf(event({ actorLabel: "user:dev:bob/cli:1" }), undefined)).toBe("bob");
  });

  it("shows an action that it does not know as it is", () => {
    expect(sentence(event({ action: "machine.moved_house", detail: "attic" }), ME)).toBe(
      "machine: moved house (attic)",
    );
  });
});

describe("the systems of downloads", () => {
  it("are named as their people name them", () => {
    expect(systemOf("x86_64-unknown-linux-gnu")).toBe("Linux on x86-64");
    expect(systemOf("aarch64-unknown-linux-musl")).toBe("Linux on ARM64");
    expect(systemOf("aarch64-apple-darwin")).toBe("macOS on ARM64");
    expect(systemOf("riscv64gc-unknown-freebsd")).toBe("unknown-freebsd on riscv64gc");
  });
});

describe("what a browser calls itself", () => {
  it("reads browser and system", () => {
    const chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36";
    expect(deviceName(chrome)).toBe("Chrome on Linux");
    expect(deviceName(`${chrome} Edg/140.0`)).toBe("Edge on Linux");
    expect(deviceName("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) Gecko Firefox/140.0")).toBe(
      "Firefox on macOS",
    );
  });

  it("keeps the words of what is no browser, and says when there are none", () => {
    expect(deviceName("curl/8.1")).toBe("curl/8.1");
    expect(deviceName("x".repeat(80))).toHaveLength(61);
    expect(deviceName(undefined)).toBe("Unknown browser");
  });
});

describe("the history of a machine", () => {
  const said = (event: string, detail?: string) =>
    historySentence({ id: 1, at: undefined, event, detail, notebookId: undefined });

  it("gives causes in words, and what it does not know as it is", () => {
    expect(said("offline", "lease expired: no heartbeat within the lease window")).toBe(
      "Went offline: it was not heard for a while",
    );
    expect(said("job_failed", "no Python was found")).toBe("Could not serve: no Python was found");
    expect(said("registered", "tower")).toBe("Registered by tower");
    expect(said("moved_house", "attic")).toBe("moved house: attic");
  });
});

// A line of the audit trail as a sentence.
import { shortPrincipal } from "../api/access";
import type { AuditEvent } from "../api/audit";

/** `viewer`, `editor with the run right` and the like, as what somebody may do. */
const MAY: Readonly<Record<string, string>> = {
  viewer: "view",
  editor: "edit",
  "editor with the run right": "edit and run",
  owner: "own",
  runtime_peer: "run kernels for",
};

const ANSWERED: Readonly<Record<string, string>> = {
  approved: "accepted the request of",
  denied: "declined the request of",
  dismissed: "put aside the request of",
};

/** Rows that nobody in particular holds. */
const EVERYBODY = "anonymous";

type Words = (event: AuditEvent, subject: string) => string;

const may = (event: AuditEvent) => MAY[event.detail ?? ""] ?? "use";

const WORDS: Readonly<Record<string, Words>> = {
  "access.grant": (event, subject) =>
    event.subject === EVERYBODY
      ? "let everybody with the link view the notebook"
      : `let ${subject} ${may(event)} the notebook`,
  "access.revoke": (event, subject) =>
    event.subject === EVERYBODY
      ? "turned the public link off"
      : `took from ${subject} the right to ${may(event)} the notebook`,
  "access.invite": (event) =>
    `invited ${event.subjectName ?? "somebody by e-mail"} to ${may(event)} the notebook`,
  "access.invite_revoke": (event) =>
    event.subjectName === undefined
      ? "withdrew an invitation"
      : `withdrew the invitation of ${event.subjectName}`,
  "access.invite_accept": (_, subject) => `let ${subject} in, who was invited`,
  "access.request": () => "asked for access",
  "access.request_answer": (event, subject) =>
    `${ANSWERED[event.detail ?? ""] ?? "answered the request of"} ${subject}`,
  "api_token.create": (event) => `made the API token “${nameOf(event.detail)}”`,
  "api_token.revoke": () => "revoked an API token",
  "credential.reach": (event) => `changed which machines a credential serves${told(event.detail)}`,
  "credential.revoke": () => "revoked the credential of a machine",
  "credential.rotate": () => "renewed the credential of a machine",
  "notebook.create": () => "made the notebook",
  "notebook.delete": () => "deleted the notebook for good",
  "notebook.restore": () => "took the notebook out of the trash",
  "notebook.trash": () => "moved the notebook to the trash",
  "notebook.run": () => "ran cells",
  "pairing.mint": () => "made a pairing code",
  "pairing.redeem": (event) => `paired a machine${told(event.detail)}`,
  "person.disable": (_, subject) => `closed the account of ${subject}`,
  "person.enable": (_, subject) => `opened the account of ${subject} again`,
  "person.hand_over": (_, subject) => `handed over what ${subject} owned`,
  "revision.delete": () => "deleted a version",
  "session.revoke": () => "signed a device out",
  "workstations.settings": (event) => `changed the settings of all machines${told(event.detail)}`,
  "workstation.remove": (event) => `removed the machine ${event.subject ?? ""}`,
  "workstation.attach": (event) => `attached the machine ${event.subject ?? ""}`,
};

/** The name in `owner: nightly report`. */
function nameOf(detail: string | undefined): string {
  return detail?.split(": ").slice(1).join(": ") ?? "";
}

function told(detail: string | undefined): string {
  return detail === undefined ? "" : ` (${detail})`;
}

/** What an action without words of its own reads: `pairing.redeem` is `pairing: redeem`. */
function plain(event: AuditEvent): string {
  const words = event.action.replaceAll("_", " ").replace(".", ": ");
  return `${words}${told(event.detail)}`;
}

/** Who did it: a name, the server itself, or `You`. */
export function actorOf(event: AuditEvent, me: string | undefined): string {
  const principal = event.actorLabel.split("/")[0] ?? "";
  if (principal === me) return "You";
  if (principal === "system") return "The server";
  return event.actorName ?? shortPrincipal(principal);
}

export function sentence(event: AuditEvent, me: string | undefined): string {
  const named = event.subjectName ?? (event.subject === undefined ? "" : shortPrincipal(event.subject));
  const subject = event.subject === me ? "you" : named;
  return (WORDS[event.action] ?? plain)(event, subject);
}

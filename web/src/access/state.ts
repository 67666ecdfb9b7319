// Who has access to one notebook, as its owners see and change it.
import { signal } from "@preact/signals";
import {
  type Access,
  type AccessRequest,
  answerRequest,
  getAccess,
  type Invite,
  invite,
  letView,
  listInvites,
  listRequests,
  type Person,
  type Role,
  removePerson,
  setPublic,
  setRole,
  withdrawInvite,
} from "../api/access";
import { messageOf } from "../api/http";
import { confirm } from "../ui/dialog";
import { toast, toastError } from "../ui/toasts";
import { ROLE_DOES } from "./roles";

const REFRESH_MS = 10_000;

export class AccessState {
  readonly access = signal<Access | undefined>(undefined);
  readonly invites = signal<readonly Invite[]>([]);
  /** Those that wait for an answer. */
  readonly requests = signal<readonly AccessRequest[]>([]);
  readonly why = signal<string | undefined>(undefined);
  private readonly id: string;
  private timer: ReturnType<typeof setInterval> | undefined;
  /** Answers to questions older than the latest change say nothing any more. */
  private age = 0;
  /** The latest change; the next one waits for it. */
  private latest: Promise<unknown> = Promise.resolve();
  private changes = 0;

  constructor(notebookId: string) {
    this.id = notebookId;
  }

  start(): void {
    this.load();
    this.timer = setInterval(() => {
      if (!document.hidden && this.changes === 0) this.load();
    }, REFRESH_MS);
  }

  stop(): void {
    clearInterval(this.timer);
    this.age += 1;
  }

  async load(): Promise<void> {
    const age = this.age;
    try {
      const [access, invites, requests] = await Promise.all([
        getAccess(this.id),
        listInvites(this.id),
        listRequests(this.id),
      ]);
      if (age !== this.age) return;
      this.access.value = access;
      this.invites.value = invites;
      this.requests.value = requests.filter(({ status }) => status === "pending");
      this.why.value = undefined;
    } catch (error) {
      if (age === this.age) this.why.value = messageOf(error);
    }
  }

  /** True when the invitation was made. */
  invite(email: string, scope: Invite["scope"]): Promise<boolean> {
    return this.change(`${email} was not invited.`, async () => {
      await invite(this.id, email, scope);
      const waits = (await listInvites(this.id)).some((row) => row.email === email.toLowerCase());
      toast(
        waits ? `${email} gets access by signing in with that address.` : `${email} has access from now on.`,
      );
    });
  }

  withdraw(invited: Invite): Promise<boolean> {
    return this.change("The invitation was not withdrawn.", async () => {
      this.invites.value = await withdrawInvite(this.id, invited.id);
      toast(`The invitation of ${invited.email} was withdrawn.`, {
        label: "Undo",
        run: () => this.invite(invited.email, invited.scope),
      });
    });
  }

  async setRole(person: Person, role: Role): Promise<void> {
    if (role === "owner") {
      const yes = await confirm(
        `Make ${person.name} an owner?`,
        "Owners can do everything with the notebook: run it, delete it, and change who has access, you included.",
        "Make owner",
      );
      if (!yes) return;
    }
    await this.change(`The access of ${person.name} was not changed.`, async () => {
      this.access.value = await setRole(this.id, person, role);
      toast(`${person.name} ${ROLE_DOES[role]} now.`);
    });
  }

  remove(person: Person): Promise<boolean> {
    return this.change(`${person.name} was not removed.`, async () => {
      this.access.value = await removePerson(this.id, person);
      const back = { ...person, scopes: [] };
      toast(`${person.name} has no access any more.`, {
        label: "Undo",
        run: () =>
          this.change(`The access of ${person.name} was not given back.`, async () => {
            this.access.value = await setRole(this.id, back, person.role);
          }),
      });
    });
  }

  setPublic(isPublic: boolean): Promise<boolean> {
    return this.change("The public link was not changed.", async () => {
      this.access.value = await setPublic(this.id, isPublic);
    });
  }

  answer(request: AccessRequest, answer: "view" | "edit" | "decline"): Promise<boolean> {
    return this.change("The request was not answered.", async () => {
      if (answer === "view") await letView(this.id, request);
      else await answerRequest(this.id, request.id, answer === "edit" ? "approve" : "deny");
      toast(
        answer === "decline"
          ? `${request.name} was told no.`
          : `${request.name} ${ROLE_DOES[answer === "edit" ? "editor" : "viewer"]} now.`,
      );
    });
  }

  /** Makes one change after the other and shows what came of it; a refusal is told with its cause. */
  private change(otherwise: string, act: () => Promise<void>): Promise<boolean> {
    this.changes += 1;
    const made = this.latest.then(async () => {
      this.age += 1;
      try {
        await act();
        return true;
      } catch (error) {
        toastError(otherwise, error);
        return false;
      } finally {
        this.changes -= 1;
        this.load();
      }
    });
    this.latest = made;
    return made;
  }
}

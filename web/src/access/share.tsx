// The Share dialog: who has access, who is invited or asks for it, and the public link.
import "./access.css";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Invite } from "../api/access";
import { config } from "../api/session";
import { CopyLine } from "../ui/copy-line";
import { Dialog } from "../ui/dialog";
import { notebookPath } from "../ui/router";
import { Select } from "../ui/select";
import { Switch } from "../ui/switch";
import { ROLE_NAMES } from "./roles";
import { InviteRow, PersonRow, RequestRow } from "./rows";
import { AccessState } from "./state";

const INVITED: readonly Invite["scope"][] = ["viewer", "editor"];

function InviteForm({ state }: { state: AccessState }) {
  const input = useRef<HTMLInputElement>(null);
  const [scope, setScope] = useState<Invite["scope"]>("viewer");
  const send = async () => {
    const email = input.current?.value.trim() ?? "";
    if (email === "" || !(await state.invite(email, scope))) return;
    if (input.current) input.current.value = "";
  };
  return (
    <form
      class="share-form"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <input
        ref={input}
        type="email"
        class="text-input"
        required
        maxLength={320}
        autocomplete="off"
        placeholder="name@example.org"
        aria-label="E-mail address of the person to invite"
        aria-describedby="share-hint"
        data-testid="invite-email"
      />
      <Select<Invite["scope"]>
        label="What the person may do"
        testId="invite-scope"
        value={scope}
        options={INVITED.map((value) => ({ value, label: ROLE_NAMES[value] }))}
        choose={setScope}
      />
      <button type="submit" class="button button-primary" data-testid="invite">
        Invite
      </button>
      <p class="hint share-hint" id="share-hint">
        {config.value?.providerSignIn === undefined
          ? "Nobody but the owner can sign in here yet: invitations wait until the operator of this server sets up an identity provider."
          : "No mail is sent. Give them the link below; access begins when they sign in with that address."}
      </p>
    </form>
  );
}

function Requests({ state }: { state: AccessState }) {
  const requests = state.requests.value;
  if (requests.length === 0) return null;
  const people = state.access.value?.people ?? [];
  return (
    <section aria-labelledby="share-requests">
      <h3 id="share-requests">Asking for access</h3>
      <ul class="items" data-testid="requests" tabIndex={-1}>
        {requests.map((request) => (
          <RequestRow
            key={request.id}
            request={request}
            canView={people.some(({ principal }) => principal === request.principal)}
            state={state}
          />
        ))}
      </ul>
    </section>
  );
}

function People({ state, me }: { state: AccessState; me: string | undefined }) {
  const access = state.access.value;
  if (access === undefined) return <p class="waiting">Loading…</p>;
  const owners = access.people.filter(({ role }) => role === "owner").length;
  return (
    <section aria-labelledby="share-people">
      <h3 id="share-people">People with access</h3>
      <ul class="items" data-testid="people" tabIndex={-1}>
        {access.people.map((person) => (
          <PersonRow
            key={person.principal}
            person={person}
            isMe={person.principal === me}
            isLastOwner={person.role === "owner" && owners === 1}
            state={state}
          />
        ))}
        {state.invites.value.map((invite) => (
          <InviteRow key={invite.id} invite={invite} state={state} />
        ))}
      </ul>
    </section>
  );
}

interface ShareProps {
  notebookId: string;
  title: string;
  me: string | undefined;
  onClose(): void;
}

export function Share({ notebookId, title, me, onClose }: ShareProps) {
  const state = useMemo(() => new AccessState(notebookId), [notebookId]);
  useEffect(() => {
    state.start();
    return () => state.stop();
  }, [state]);
  const access = state.access.value;
  const rows = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // The focus was on a row that is gone: it stays near.
    const isLost = document.activeElement === document.body;
    if (isLost) rows.current?.querySelector<HTMLElement>(".items")?.focus();
  }, [access, state.invites.value, state.requests.value]);
  return (
    <Dialog title={`Share “${title}”`} testId="share-dialog" onClose={onClose}>
      <div class="share" ref={rows}>
        <InviteForm state={state} />
        {state.why.value !== undefined && (
          <p class="notice notice-bad" role="alert">
            Who has access could not be loaded. {state.why.value}
          </p>
        )}
        <Requests state={state} />
        <People state={state} me={me} />
        {access !== undefined && (
          <section aria-labelledby="share-link">
            <h3 id="share-link">Link</h3>
            <Switch
              label="Anyone with the link can view"
              hint={
                access.isPublic
                  ? "Without signing in; nobody can edit or run by it."
                  : "Off: only the people above can open it."
              }
              testId="public-link"
              on={access.isPublic}
              change={(on) => state.setPublic(on)}
            />
            <CopyLine
              text={`${location.origin}${notebookPath(notebookId)}`}
              label="Copy the link"
              testId="share-url"
            />
          </section>
        )}
      </div>
      <div class="dialog-actions">
        <button type="button" class="button" data-testid="share-close" onClick={onClose}>
          Done
        </button>
      </div>
    </Dialog>
  );
}

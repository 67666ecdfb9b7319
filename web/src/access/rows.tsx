// One row each: a person with access, somebody invited, somebody who asks.
import type { AccessRequest, Invite, Person, Role } from "../api/access";
import { IconClose } from "../ui/icons";
import { Select } from "../ui/select";
import { ago, now } from "../ui/time";
import { ROLE_NAMES, ROLE_OPTIONS } from "./roles";
import type { AccessState } from "./state";

interface PersonRowProps {
  person: Person;
  isMe: boolean;
  isLastOwner: boolean;
  state: AccessState;
}

export function PersonRow({ person, isMe, isLastOwner, state }: PersonRowProps) {
  const { name, email, role } = person;
  // Nobody locks themselves or everybody out here: another owner can change an owner's row.
  const isFixed = isLastOwner || isMe || role === "machine";
  return (
    <li class="item item-wrap" data-testid="person" data-principal={person.principal} data-role={role}>
      <div class="item-main">
        <span>
          {name}
          {isMe && <span class="muted"> (you)</span>}
        </span>
        {email !== undefined && email !== name && <span class="item-sub">{email}</span>}
      </div>
      {isFixed ? (
        <span class="item-sub item-fixed">{ROLE_NAMES[role]}</span>
      ) : (
        <Select<Role>
          label={`What ${name} may do`}
          testId="person-role"
          value={role}
          options={ROLE_OPTIONS}
          choose={(next) => state.setRole(person, next)}
        />
      )}
      {!isLastOwner && !isMe && (
        <button
          type="button"
          class="icon-button"
          aria-label={`Remove ${name}`}
          title={`Remove ${name}`}
          data-testid="remove-person"
          onClick={() => state.remove(person)}
        >
          <IconClose />
        </button>
      )}
    </li>
  );
}

export function InviteRow({ invite, state }: { invite: Invite; state: AccessState }) {
  return (
    <li class="item" data-testid="invited" data-email={invite.email}>
      <div class="item-main">
        <span>{invite.email}</span>
        <span class="item-sub">
          Invited {ago(invite.createdAt, now.value)} · {ROLE_NAMES[invite.scope].toLowerCase()} after signing
          in
        </span>
      </div>
      <button
        type="button"
        class="button"
        aria-label={`Withdraw the invitation of ${invite.email}`}
        data-testid="withdraw-invite"
        onClick={() => state.withdraw(invite)}
      >
        Withdraw
      </button>
    </li>
  );
}

interface RequestRowProps {
  request: AccessRequest;
  /** Whether the person may look already. */
  canView: boolean;
  state: AccessState;
}

export function RequestRow({ request, canView, state }: RequestRowProps) {
  const { name, email } = request;
  const answers = [
    { answer: "decline" as const, label: "Decline" },
    ...(canView ? [] : [{ answer: "view" as const, label: "Let view" }]),
    { answer: "edit" as const, label: "Let edit" },
  ];
  return (
    <li class="item item-wrap" data-testid="request" data-principal={request.principal}>
      <div class="item-main">
        <span>{name}</span>
        <span class="item-sub">
          {email !== undefined && email !== name && `${email} · `}
          {canView ? "asks to edit" : "asks for access"}, {ago(request.createdAt, now.value)}
        </span>
      </div>
      <div class="item-actions">
        {answers.map(({ answer, label }) => (
          <button
            key={answer}
            type="button"
            class={answer === "edit" ? "button button-primary" : "button"}
            aria-label={`${label}: ${name}`}
            data-testid={`request-${answer}`}
            onClick={() => state.answer(request, answer)}
          >
            {label}
          </button>
        ))}
      </div>
    </li>
  );
}

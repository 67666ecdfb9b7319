// The browsers that are signed in, one for each device, and how to sign them out.
import { endOtherSessions, endSession, type Session } from "../api/account";
import { confirm } from "../ui/dialog";
import { ago, now, when } from "../ui/time";
import { toast, toastError } from "../ui/toasts";
import { deviceName } from "./device-name";

async function end(session: Session, refresh: () => void): Promise<void> {
  const name = deviceName(session.label);
  try {
    await endSession(session.id);
    toast(`${name} was signed out.`);
  } catch (error) {
    toastError(`${name} was not signed out.`, error);
  }
  refresh();
}

async function endOthers(refresh: () => void): Promise<void> {
  const yes = await confirm(
    "Sign out all other devices?",
    "Notebooks that are open there close at once. Edits that did not reach the server stay in those browsers.",
    "Sign out",
  );
  if (!yes) return;
  try {
    const ended = await endOtherSessions();
    toast(ended === 1 ? "One device was signed out." : `${ended} devices were signed out.`);
  } catch (error) {
    toastError("The other devices were not signed out.", error);
  }
  refresh();
}

function SessionRow({ session, refresh }: { session: Session; refresh(): void }) {
  const name = deviceName(session.label);
  return (
    <li class="item" data-testid="session" data-session-id={session.id} data-current={session.isCurrent}>
      <div class="item-main">
        <span title={session.label}>
          {name}
          {session.isCurrent && <span class="tag">this browser</span>}
        </span>
        <span class="item-sub">
          Last used {ago(session.lastUsedAt, now.value)} · signed in {when(session.createdAt)}
        </span>
      </div>
      {!session.isCurrent && (
        <button
          type="button"
          class="button button-danger-quiet"
          aria-label={`Sign out ${name}`}
          data-testid="end-session"
          onClick={() => end(session, refresh)}
        >
          Sign out
        </button>
      )}
    </li>
  );
}

export function Sessions({ sessions, refresh }: { sessions: Session[]; refresh(): void }) {
  const current = sessions.filter(({ isCurrent }) => isCurrent);
  const others = sessions.filter(({ isCurrent }) => !isCurrent);
  return (
    <section class="section" aria-labelledby="sessions-title">
      <div class="section-head">
        <h2 id="sessions-title">Devices</h2>
        {others.length > 1 && (
          <button
            type="button"
            class="button"
            data-testid="end-other-sessions"
            onClick={() => endOthers(refresh)}
          >
            Sign out all others
          </button>
        )}
      </div>
      <p class="muted">Browsers that are signed in to your account. Sign out those you do not know.</p>
      <ul class="items" data-testid="sessions">
        {[...current, ...others].map((session) => (
          <SessionRow key={session.id} session={session} refresh={refresh} />
        ))}
      </ul>
    </section>
  );
}

// The account: who is signed in and where, tokens for programs, and what happened.
import "./account.css";
import { useEffect } from "preact/hooks";
import { getSessions, type Me } from "../api/account";
import { Records } from "../audit/records";
import { IconLeave } from "../ui/icons";
import { useLoaded } from "../ui/loaded";
import { leave } from "../ui/shell";
import { Sessions } from "./sessions";
import { Tokens } from "./tokens";

function Who({ me }: { me: Me }) {
  return (
    <p class="muted" data-testid="me" data-principal={me.principal}>
      Signed in as <strong class="who">{me.name}</strong>
      {me.email !== undefined && me.email !== me.name && ` · ${me.email}`}
    </p>
  );
}

export function AccountPage() {
  const { data: account, why, refresh } = useLoaded(getSessions);
  useEffect(() => {
    document.title = "Account · Notebook Cloud";
  }, []);
  return (
    <main class="page account" id="main" data-testid="account">
      <div class="page-head">
        <div>
          <h1>Account</h1>
          {account?.me !== undefined && <Who me={account.me} />}
        </div>
        <button type="button" class="button" data-testid="account-sign-out" onClick={leave}>
          <IconLeave />
          Sign out
        </button>
      </div>
      {why !== undefined && (
        <p class="notice notice-bad" role="alert">
          The account could not be loaded. {why}
        </p>
      )}
      {account === undefined && why === undefined && <p class="waiting">Loading…</p>}
      {account !== undefined && (
        <>
          <Sessions sessions={account.sessions} refresh={refresh} />
          <Tokens />
          <section class="section" aria-labelledby="activity-title">
            <h2 id="activity-title">Activity</h2>
            <p class="muted">What you did, and what was done to your account.</p>
            <Records me={account.me?.principal} />
          </section>
        </>
      )}
    </main>
  );
}

// The account: who is signed in and where, tokens for programs, and what happened.
import "./account.css";
import { useCallback, useEffect, useState } from "preact/hooks";
import { getSessions, type Me, type Session } from "../api/account";
import { messageOf } from "../api/http";
import { Records } from "../audit/records";
import { IconLeave } from "../ui/icons";
import { leave } from "../ui/shell";
import { Sessions } from "./sessions";
import { Tokens } from "./tokens";

interface Account {
  me: Me | undefined;
  sessions: Session[];
}

function useAccount() {
  const [account, setAccount] = useState<Account | undefined>();
  const [why, setWhy] = useState<string | undefined>();
  const refresh = useCallback(async () => {
    try {
      setAccount(await getSessions());
      setWhy(undefined);
    } catch (error) {
      setWhy(messageOf(error));
    }
  }, []);
  useEffect(() => {
    refresh();
  }, [refresh]);
  return { account, why, refresh };
}

function Who({ me }: { me: Me }) {
  return (
    <p class="muted" data-testid="me" data-principal={me.principal}>
      Signed in as <strong class="who">{me.name}</strong>
      {me.email !== undefined && me.email !== me.name && ` · ${me.email}`}
    </p>
  );
}

export function AccountPage() {
  const { account, why, refresh } = useAccount();
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

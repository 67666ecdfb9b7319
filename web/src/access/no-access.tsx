// What somebody sees who is signed in and has no access: who they are here, and how to ask.
import "./access.css";
import { useEffect, useState } from "preact/hooks";
import { getSessions, type Me } from "../api/account";
import { onLinkClick } from "../ui/router";
import { leave } from "../ui/shell";
import { ago, now } from "../ui/time";
import { type Asking, useAsking } from "./ask";

/** Who is signed in; unknown while the server is asked. */
function useMe(): Me | undefined {
  const [me, setMe] = useState<Me | undefined>();
  useEffect(() => {
    getSessions().then(
      (account) => setMe(account.me),
      () => undefined,
    );
  }, []);
  return me;
}

function Standing({ asking }: { asking: Asking }) {
  const { request, busy, ask } = asking;
  if (request?.status === "pending") {
    return (
      <p class="notice" role="status" data-testid="asked">
        You asked {ago(request.createdAt, now.value)}. This page opens by itself when an owner lets you in;
        you can also close it and come back.
      </p>
    );
  }
  return (
    <>
      {request?.status === "denied" && (
        <p class="notice" role="status" data-testid="declined">
          An owner declined your request. You can ask again.
        </p>
      )}
      <p>
        <button
          type="button"
          class="button button-primary"
          data-testid="ask-access"
          disabled={busy}
          onClick={ask}
        >
          Ask for access
        </button>
      </p>
    </>
  );
}

export function NoAccess({ id, retry }: { id: string; retry(): void }) {
  const me = useMe();
  const asking = useAsking(id, retry);
  useEffect(() => {
    document.title = "No access · Notebook Cloud";
  }, []);
  return (
    <main class="page page-message" id="main" data-testid="no-access">
      <h1>This notebook is not shared with you</h1>
      <p>
        Its owners can let you in. They see your name and address, and nothing else happens until they agree.
      </p>
      <Standing asking={asking} />
      {me !== undefined && (
        <p class="hint" data-testid="me">
          You are signed in as {me.name}
          {me.email !== undefined && me.email !== me.name && ` (${me.email})`}. If it is shared with another
          account of yours,{" "}
          <button type="button" class="link-button" onClick={leave}>
            sign out
          </button>{" "}
          and come back with that one.
        </p>
      )}
      <p>
        <a href="/" onClick={onLinkClick}>
          Back to the notebooks
        </a>
      </p>
    </main>
  );
}

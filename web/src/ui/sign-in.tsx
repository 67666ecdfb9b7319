// What somebody without a session sees: how to get in.
import { useEffect } from "preact/hooks";
import { checkSession, providerAddress, signedIn } from "../api/session";
import { CopyLine } from "./copy-line";

const LOOK_MS = 2_000;

/** By a link that the server prints: the owner's way, and the only one without a provider. */
function ByLink() {
  return (
    <>
      <CopyLine
        text="notebook-cloud sign-in-link --data DIR"
        label="Copy the command"
        testId="sign-in-command"
      />
      <p class="hint">
        <code>DIR</code> is the data folder that the server was started with. Open the printed link in this
        browser within ten minutes.
      </p>
    </>
  );
}

function Ways({ ended }: { ended: boolean }) {
  const provider = providerAddress();
  if (provider === undefined) {
    return (
      <>
        <p class="lead">
          This notebook cloud knows its owner by a link that works once. On the machine that runs the server,
          ask for one:
        </p>
        <ByLink />
      </>
    );
  }
  return (
    <>
      <p class="lead">
        Sign in with the account that your organisation or group uses for this notebook cloud.
      </p>
      <p>
        <a
          class="button button-primary"
          href={provider}
          target={ended ? "_blank" : undefined}
          rel={ended ? "noopener" : undefined}
          data-testid="provider-sign-in"
        >
          Sign in
        </a>
      </p>
      <details class="more-ways">
        <summary>The owner of the server can also sign in by a link</summary>
        <p>On the machine that runs the server, ask for one:</p>
        <ByLink />
      </details>
    </>
  );
}

export function SignInPage() {
  const ended = signedIn.value === "ended";
  useEffect(() => {
    document.title = "Sign in · Notebook Cloud";
    // Signing in happens in another tab of this browser, and this one goes on by itself.
    const timer = setInterval(checkSession, LOOK_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <main class="page page-message" id="main" data-testid="sign-in-page" data-ended={ended}>
      <h1>{ended ? "You were signed out" : "Welcome"}</h1>
      {ended && (
        <p class="notice" role="alert">
          Keep this tab open: what you wrote is still here. Sign in again in another tab, and this one goes on
          where you were and saves it.
        </p>
      )}
      <Ways ended={ended} />
    </main>
  );
}

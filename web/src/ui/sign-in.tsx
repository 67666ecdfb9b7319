// What somebody without a session sees: how to get in.
import { useEffect } from "preact/hooks";
import { checkSession, signedIn } from "../api/session";
import { CopyLine } from "./copy-line";

const LOOK_MS = 2_000;

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
          Keep this tab open: what you wrote is still here. Sign in with a new link in another tab, and this
          one goes on where you were and saves it.
        </p>
      )}
      <p class="lead">
        This notebook cloud knows its owner by a link that works once. On the machine that runs the server,
        ask for one:
      </p>
      <CopyLine
        text="notebook-cloud sign-in-link --data DIR"
        label="Copy the command"
        testId="sign-in-command"
      />
      <p class="hint">
        <code>DIR</code> is the data folder that the server was started with. Open the printed link in this
        browser within ten minutes.
      </p>
    </main>
  );
}

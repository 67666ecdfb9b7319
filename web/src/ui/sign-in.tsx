// What somebody without a session sees: how to get in.
import { CopyLine } from "./copy-line";

export function SignInPage() {
  return (
    <main class="page page-message" id="main" data-testid="sign-in-page">
      <h1>Welcome</h1>
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

// The secrets that machines hold: when they were made and used, and how to end them.
import { useState } from "preact/hooks";
import { type Credential, revokeCredential } from "../api/workstations";
import { confirm } from "../ui/dialog";
import { ago, now } from "../ui/time";
import { toast, toastError } from "../ui/toasts";

async function revoke(credential: Credential, refresh: () => void): Promise<void> {
  const yes = await confirm(
    "Revoke this credential?",
    "The machine that holds it is disconnected at once, and what it runs can no longer report. To use it again, pair it anew.",
    "Revoke",
  );
  if (!yes) return;
  try {
    await revokeCredential(credential.id);
    toast("The credential was revoked.");
    refresh();
  } catch (error) {
    toastError("The credential was not revoked.", error);
  }
}

function CredentialRow({ credential, refresh }: { credential: Credential; refresh(): void }) {
  const revoked = credential.revokedAt !== undefined;
  return (
    <tr
      data-testid="credential"
      data-credential-id={credential.id}
      data-revoked={revoked}
      data-ended={revoked}
    >
      <td>
        <code>{credential.id.slice(0, 8)}</code>
      </td>
      <td>{ago(credential.createdAt, now.value)}</td>
      <td>{ago(credential.lastUsedAt, now.value)}</td>
      <td>{revoked ? `revoked ${ago(credential.revokedAt, now.value)}` : "valid"}</td>
      <td class="cell-action">
        {!revoked && (
          <button
            type="button"
            class="button button-danger-quiet"
            data-testid="revoke-credential"
            aria-label={`Revoke credential ${credential.id.slice(0, 8)}`}
            onClick={() => revoke(credential, refresh)}
          >
            Revoke
          </button>
        )}
      </td>
    </tr>
  );
}

export function Credentials({ credentials, refresh }: { credentials: Credential[]; refresh(): void }) {
  const [all, setAll] = useState(false);
  const ended = credentials.filter((credential) => credential.revokedAt !== undefined).length;
  const shown = all ? credentials : credentials.filter((credential) => credential.revokedAt === undefined);
  return (
    <section class="section" aria-labelledby="credentials-title">
      <h2 id="credentials-title">Credentials</h2>
      <p class="muted">
        Each pairing gave a machine one long-lived secret. It can only do what a workstation does.
      </p>
      {shown.length > 0 && (
        <div class="table-scroll">
          <table class="data-table" data-testid="credential-list">
            <thead>
              <tr>
                <th scope="col">Credential</th>
                <th scope="col">Made</th>
                <th scope="col">Last used</th>
                <th scope="col">State</th>
                <th scope="col">
                  <span class="visually-hidden">Action</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.map((credential) => (
                <CredentialRow key={credential.id} credential={credential} refresh={refresh} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {ended > 0 && (
        <button
          type="button"
          class="button button-quiet more-rows"
          aria-pressed={all}
          onClick={() => setAll(!all)}
        >
          {all ? "Hide revoked" : `Show ${ended} revoked`}
        </button>
      )}
    </section>
  );
}

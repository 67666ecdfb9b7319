// The secrets that machines hold: whose they are, how old they may get, and how to end them.
import { useState } from "preact/hooks";
import { type Credential, revokeCredential, setReach, type Workstation } from "../api/workstations";
import { confirm } from "../ui/dialog";
import { IconMore } from "../ui/icons";
import { Menu, MenuItem } from "../ui/menu";
import { ago, now, until } from "../ui/time";
import { toast, toastError } from "../ui/toasts";

async function revoke(credential: Credential, name: string, refresh: () => void): Promise<void> {
  const yes = await confirm(
    `Revoke the credential of ${name}?`,
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

async function allowSeveral(credential: Credential, several: boolean, refresh: () => void): Promise<void> {
  try {
    await setReach(credential.id, several);
    toast(
      several
        ? "Other machines may register with this credential as well."
        : "This credential serves the machine that registered first, and no other.",
    );
    refresh();
  } catch (error) {
    toastError("What the credential may serve was not changed.", error);
  }
}

/** What ended a credential, if anything did. */
function endOf(credential: Credential): "revoked" | "expired" | undefined {
  if (credential.revokedAt !== undefined) return "revoked";
  const end = credential.expiresAt === undefined ? Number.NaN : Date.parse(credential.expiresAt);
  return end <= now.value ? "expired" : undefined;
}

/** The machine that holds a credential, as far as it has shown itself. */
function holderOf(credential: Credential, machines: readonly Workstation[]): string {
  const { workstationId } = credential;
  if (workstationId === undefined) return "A machine that has not registered yet";
  return machines.find(({ id }) => id === workstationId)?.name ?? workstationId;
}

function Life({ credential }: { credential: Credential }) {
  const time = now.value;
  const end = endOf(credential);
  const parts = [
    credential.lastUsedAt === undefined ? "Never used" : `Last used ${ago(credential.lastUsedAt, time)}`,
    credential.rotatedAt === undefined
      ? `made ${ago(credential.createdAt, time)}`
      : `renewed ${ago(credential.rotatedAt, time)}`,
    end === "revoked"
      ? `revoked ${ago(credential.revokedAt, time)}`
      : (end ?? `ends ${until(credential.expiresAt, time)}`),
  ];
  return <span class="item-sub">{parts.join(" · ")}</span>;
}

interface CredentialRowProps {
  credential: Credential;
  machines: readonly Workstation[];
  refresh(): void;
}

function CredentialRow({ credential, machines, refresh }: CredentialRowProps) {
  const { id, mayServeSeveral } = credential;
  const name = holderOf(credential, machines);
  const ended = endOf(credential) !== undefined;
  return (
    <li
      class="item"
      data-testid="credential"
      data-credential-id={id}
      data-revoked={credential.revokedAt !== undefined}
      data-ended={ended}
    >
      <div class="item-main">
        <span>
          {name} <code class="muted">{id.slice(0, 8)}</code>
          {mayServeSeveral && <span class="tag">several machines</span>}
        </span>
        <Life credential={credential} />
      </div>
      {!ended && (
        <>
          <button
            type="button"
            class="button button-danger-quiet"
            data-testid="revoke-credential"
            aria-label={`Revoke the credential of ${name}`}
            onClick={() => revoke(credential, name, refresh)}
          >
            Revoke
          </button>
          <Menu
            label={<IconMore />}
            name={`More about the credential of ${name}`}
            testId="credential-menu"
            buttonClass="icon-button"
          >
            {(close) => (
              <MenuItem
                testId="credential-reach"
                run={() => {
                  close();
                  allowSeveral(credential, !mayServeSeveral, refresh);
                }}
              >
                {mayServeSeveral ? "Only for its first machine" : "Allow several machines"}
              </MenuItem>
            )}
          </Menu>
        </>
      )}
    </li>
  );
}

interface CredentialsProps {
  credentials: readonly Credential[];
  machines: readonly Workstation[];
  refresh(): void;
}

export function Credentials({ credentials, machines, refresh }: CredentialsProps) {
  const [all, setAll] = useState(false);
  const ended = credentials.filter((credential) => endOf(credential) !== undefined).length;
  const shown = credentials.filter((credential) => all || endOf(credential) === undefined);
  return (
    <section class="section" aria-labelledby="credentials-title">
      <h2 id="credentials-title">Credentials</h2>
      <p class="muted">
        Each pairing gave a machine one secret, which only that machine knows and renews by itself. It can
        only do what a workstation does.
      </p>
      {shown.length > 0 && (
        <ul class="items" data-testid="credential-list">
          {shown.map((credential) => (
            <CredentialRow
              key={credential.id}
              credential={credential}
              machines={machines}
              refresh={refresh}
            />
          ))}
        </ul>
      )}
      {ended > 0 && (
        <button
          type="button"
          class="button button-quiet more-rows"
          aria-pressed={all}
          data-testid="ended-credentials"
          onClick={() => setAll(!all)}
        >
          {all ? "Hide ended" : `Show ${ended} ended`}
        </button>
      )}
    </section>
  );
}

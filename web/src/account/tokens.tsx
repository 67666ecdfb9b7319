// API tokens: what programs sign in with in the person's name.
import { useState } from "preact/hooks";
import { type ApiToken, listTokens, revokeToken } from "../api/account";
import { confirm } from "../ui/dialog";
import { IconPlus } from "../ui/icons";
import { useLoaded } from "../ui/loaded";
import { ago, now, until } from "../ui/time";
import { toast, toastError } from "../ui/toasts";
import { NewToken, SCOPE_NAMES } from "./new-token";

async function revoke(token: ApiToken, refresh: () => void): Promise<void> {
  const yes = await confirm(
    `Revoke “${token.name}”?`,
    "Programs that use it are refused at once, and their open connections close. This cannot be undone.",
    "Revoke",
  );
  if (!yes) return;
  try {
    await revokeToken(token.id);
    toast(`“${token.name}” was revoked.`);
  } catch (error) {
    toastError(`“${token.name}” was not revoked.`, error);
  }
  refresh();
}

/** What ended a token, if anything did. */
function endOf(token: ApiToken): "revoked" | "expired" | undefined {
  if (token.revokedAt !== undefined) return "revoked";
  const end = token.expiresAt === undefined ? Number.NaN : Date.parse(token.expiresAt);
  return end <= now.value ? "expired" : undefined;
}

function TokenRow({ token, refresh }: { token: ApiToken; refresh(): void }) {
  const end = endOf(token);
  const time = now.value;
  return (
    <li class="item" data-testid="token" data-token-id={token.id} data-ended={end !== undefined}>
      <div class="item-main">
        <span>
          {token.name}
          <span class="tag">{SCOPE_NAMES[token.scope] ?? token.scope}</span>
        </span>
        <span class="item-sub">
          <span data-testid="token-used">
            {token.lastUsedAt === undefined ? "Never used" : `Last used ${ago(token.lastUsedAt, time)}`}
          </span>
          {` · made ${ago(token.createdAt, time)} · ${end ?? `ends ${until(token.expiresAt, time)}`}`}
        </span>
      </div>
      {end === undefined && (
        <button
          type="button"
          class="button button-danger-quiet"
          aria-label={`Revoke the token ${token.name}`}
          data-testid="revoke-token"
          onClick={() => revoke(token, refresh)}
        >
          Revoke
        </button>
      )}
    </li>
  );
}

export function Tokens() {
  const { data: tokens, why, refresh } = useLoaded(listTokens);
  const [making, setMaking] = useState(false);
  const [all, setAll] = useState(false);
  const ended = tokens?.filter((token) => endOf(token) !== undefined).length ?? 0;
  const shown = tokens?.filter((token) => all || endOf(token) === undefined) ?? [];
  return (
    <section class="section" aria-labelledby="tokens-title">
      <div class="section-head">
        <h2 id="tokens-title">API tokens</h2>
        <button type="button" class="button" data-testid="new-token" onClick={() => setMaking(true)}>
          <IconPlus />
          New token
        </button>
      </div>
      <p class="muted">
        For scripts and programs. A token acts as you, within what it may; it can neither make tokens nor sign
        devices out.
      </p>
      {why !== undefined && (
        <p class="notice notice-bad" role="alert">
          The tokens could not be loaded. {why}
        </p>
      )}
      {shown.length > 0 && (
        <ul class="items" data-testid="tokens">
          {shown.map((token) => (
            <TokenRow key={token.id} token={token} refresh={refresh} />
          ))}
        </ul>
      )}
      {ended > 0 && (
        <button
          type="button"
          class="button button-quiet more-rows"
          aria-pressed={all}
          onClick={() => setAll(!all)}
        >
          {all ? "Hide ended tokens" : `Show ${ended} ended`}
        </button>
      )}
      {making && (
        <NewToken
          close={() => {
            setMaking(false);
            refresh();
          }}
        />
      )}
    </section>
  );
}

// Making an API token: name, scope, end; then its text, shown this once.
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { makeToken, type TokenScope } from "../api/account";
import { messageOf } from "../api/http";
import { CopyLine } from "../ui/copy-line";
import { Dialog } from "../ui/dialog";
import { Select } from "../ui/select";

/** The longest name that the server takes. */
const NAME_LIMIT = 160;
const DAY_MS = 86_400_000;

export const SCOPE_NAMES: Readonly<Record<string, string>> = {
  viewer: "Read",
  editor: "Read and edit",
  owner: "Everything",
};

const SCOPES: readonly { scope: TokenScope; hint: string }[] = [
  { scope: "viewer", hint: "Open and download your notebooks." },
  { scope: "editor", hint: "Also change cells, titles and files." },
  { scope: "owner", hint: "Also run, share and delete, and manage workstations." },
];

const ENDS = [
  { value: "30", label: "In 30 days" },
  { value: "90", label: "In 90 days" },
  { value: "365", label: "In a year" },
  { value: "never", label: "Never" },
] as const;
type End = (typeof ENDS)[number]["value"];

function endAt(end: End): string | null {
  return end === "never" ? null : new Date(Date.now() + Number(end) * DAY_MS).toISOString();
}

function Made({ token, close }: { token: string; close(): void }) {
  const copy = useRef<HTMLDivElement>(null);
  useEffect(() => copy.current?.querySelector("button")?.focus(), []);
  return (
    <div ref={copy}>
      <p class="notice" role="status">
        Copy it now and keep it safe: it is not shown again, and the server keeps only a fingerprint of it.
      </p>
      <CopyLine text={token} label="Copy the token" testId="token-text" />
      <p class="hint token-use">
        Programs send it as <code>Authorization: Bearer …</code>
      </p>
      <div class="dialog-actions">
        <button type="button" class="button button-primary" data-testid="token-done" onClick={close}>
          Done
        </button>
      </div>
    </div>
  );
}

function ScopeChoice({ scope, choose }: { scope: TokenScope; choose(scope: TokenScope): void }) {
  return (
    <fieldset class="choices">
      <legend>What it may do</legend>
      {SCOPES.map((option) => (
        <label key={option.scope} class="choice">
          <input
            type="radio"
            name="scope"
            value={option.scope}
            checked={option.scope === scope}
            data-testid={`token-scope-${option.scope}`}
            onChange={() => choose(option.scope)}
          />
          <span class="item-main">
            <span>{SCOPE_NAMES[option.scope]}</span>
            <span class="item-sub">{option.hint}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}

export function NewToken({ close }: { close(): void }) {
  const name = useRef<HTMLInputElement>(null);
  const nameId = useId();
  const [scope, setScope] = useState<TokenScope>("viewer");
  const [end, setEnd] = useState<End>("90");
  const [busy, setBusy] = useState(false);
  const [why, setWhy] = useState<string | undefined>();
  const [token, setToken] = useState<string | undefined>();
  const make = async () => {
    setBusy(true);
    setWhy(undefined);
    try {
      setToken(await makeToken(name.current?.value.trim() ?? "", scope, endAt(end)));
    } catch (error) {
      setWhy(messageOf(error));
    }
    setBusy(false);
  };
  return (
    <Dialog
      title={token === undefined ? "New API token" : "Your new token"}
      testId="token-dialog"
      onClose={close}
    >
      {token !== undefined ? (
        <Made token={token} close={close} />
      ) : (
        <form
          class="token-form"
          onSubmit={(event) => {
            event.preventDefault();
            make();
          }}
        >
          <div class="field">
            <label for={nameId}>Name</label>
            <input
              ref={name}
              id={nameId}
              class="text-input"
              required
              maxLength={NAME_LIMIT}
              placeholder="What uses it, such as “nightly report”"
              autocomplete="off"
              data-testid="token-name"
            />
          </div>
          <ScopeChoice scope={scope} choose={setScope} />
          <div class="field">
            <span>Ends</span>
            <Select<End> label="When it ends" testId="token-end" value={end} options={ENDS} choose={setEnd} />
          </div>
          {why !== undefined && (
            <p class="notice notice-bad" role="alert">
              The token was not made. {why}
            </p>
          )}
          <div class="dialog-actions">
            <button type="button" class="button" onClick={close}>
              Cancel
            </button>
            <button type="submit" class="button button-primary" data-testid="make-token" disabled={busy}>
              Make token
            </button>
          </div>
        </form>
      )}
    </Dialog>
  );
}

// Pairing: a code, its countdown, the line to paste; turns to "registered" by itself.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { offeredSystems } from "../api/downloads";
import { messageOf } from "../api/http";
import { mintPairingCode, type Pairing, type PairingStatus, pollPairing } from "../api/workstations";
import { CopyLine } from "../ui/copy-line";
import { Dialog } from "../ui/dialog";
import { IconCheck } from "../ui/icons";
import { countdown, now } from "../ui/time";

const POLL_MS = 2_000;
/** The longest machine name that the server takes. */
const NAME_LIMIT = 160;

function usePairing(arrived: () => void) {
  const [pairing, setPairing] = useState<Pairing | undefined>();
  const [status, setStatus] = useState<PairingStatus>("pending");
  const [why, setWhy] = useState<string | undefined>();
  const [machine, setMachine] = useState<string | undefined>();
  const mint = useCallback(async (name?: string) => {
    setPairing(undefined);
    setMachine(name);
    setStatus("pending");
    setWhy(undefined);
    try {
      setPairing(await mintPairingCode(name));
    } catch (error) {
      setWhy(messageOf(error));
    }
  }, []);
  useEffect(() => {
    mint();
  }, [mint]);
  useEffect(() => {
    if (pairing === undefined || status === "registered" || status === "expired") return;
    const timer = setInterval(async () => {
      try {
        const next = (await pollPairing(pairing.id)).status;
        setStatus(next);
        setWhy(undefined);
        if (next === "registered") arrived();
      } catch (error) {
        setWhy(messageOf(error));
      }
    }, POLL_MS);
    return () => clearInterval(timer);
  }, [pairing, status, arrived]);
  return { pairing, machine, status, why, mint };
}

function Progress({ pairing, status }: { pairing: Pairing; status: PairingStatus }) {
  return (
    <p class="pairing-status" role="status" data-testid="pairing-status" data-status={status}>
      {status === "pending" && (
        <>
          <span class="spinner" /> Waiting for the machine. The code works once, for another{" "}
          <span class="countdown" data-testid="pairing-countdown">
            {countdown(pairing.expiresAt, now.value)}
          </span>
        </>
      )}
      {status === "redeemed" && (
        <>
          <span class="spinner" /> The code was used. Start the machine’s agent to see it here.
        </>
      )}
    </p>
  );
}

/** The systems that the server has a runt for; nothing until it has answered. */
function useOffered(): string[] | undefined {
  const [systems, setSystems] = useState<string[] | undefined>();
  useEffect(() => {
    offeredSystems().then(setSystems);
  }, []);
  return systems;
}

type Way = "install" | "installed";

const WAYS: [Way, string][] = [
  ["install", "Install runt and connect"],
  ["installed", "runt is already installed"],
];

function Ways({ way, choose }: { way: Way; choose(way: Way): void }) {
  return (
    <fieldset class="ways" aria-label="How to connect the machine">
      {WAYS.map(([value, label]) => (
        <label key={value}>
          <input
            type="radio"
            name="way"
            checked={way === value}
            data-testid={`way-${value}`}
            onChange={() => choose(value)}
          />
          {label}
        </label>
      ))}
    </fieldset>
  );
}

function Steps({ pairing, systems }: { pairing: Pairing; systems: string[] }) {
  const [chosen, choose] = useState<Way>("install");
  const isOffered = systems.length > 0;
  const way = isOffered ? chosen : "installed";
  const cloud = location.origin;
  const connect =
    way === "install"
      ? `curl -fsSL ${cloud}/install.sh | sh -s -- --code ${pairing.code}`
      : `runt workstation connect ${cloud} --code ${pairing.code}`;
  const run = way === "install" ? "~/.local/bin/runt workstation run" : "runt workstation run";
  return (
    <>
      {isOffered && <Ways way={way} choose={choose} />}
      <ol class="steps">
        <li>
          <p>On the machine, paste this:</p>
          <CopyLine text={connect} label="Copy the pairing command" testId="pairing-command" />
          {way === "install" && (
            <p class="hint" data-testid="offered-systems">
              For {systems.join(", ")}. Needs no root; puts runt into ~/.local/bin.
            </p>
          )}
        </li>
        <li>
          <p>Then let it listen:</p>
          <CopyLine text={run} label="Copy the run command" testId="run-command" />
        </li>
      </ol>
    </>
  );
}

/** A code that is of no use on any other machine. */
function OnlyFor({ machine, mint }: { machine: string | undefined; mint(name?: string): void }) {
  const input = useRef<HTMLInputElement>(null);
  if (machine !== undefined) {
    return (
      <p class="hint only-for" data-testid="only-for" data-machine={machine}>
        The code works on the machine named <strong>{machine}</strong> and on no other.{" "}
        <button type="button" class="link-button" onClick={() => mint()}>
          Make one for any machine
        </button>
      </p>
    );
  }
  return (
    <details class="only-for">
      <summary class="hint">Make a code for one machine only</summary>
      <form
        class="only-for-form"
        onSubmit={(event) => {
          event.preventDefault();
          const name = input.current?.value.trim() ?? "";
          if (name !== "") mint(name);
        }}
      >
        <input
          ref={input}
          class="text-input"
          required
          maxLength={NAME_LIMIT}
          autocomplete="off"
          placeholder="What “hostname” prints there"
          aria-label="Name of the machine"
          data-testid="expected-machine"
        />
        <button type="submit" class="button" data-testid="mint-for-machine">
          Make code
        </button>
      </form>
    </details>
  );
}

export function AddMachine({ close, arrived }: { close(): void; arrived(): void }) {
  const { pairing, machine, status, why, mint } = usePairing(arrived);
  const systems = useOffered();
  const registered = status === "registered";
  const expired = status === "expired";
  return (
    <Dialog
      title={registered ? "Machine added" : "Add a machine"}
      testId="add-machine-dialog"
      onClose={close}
    >
      {why !== undefined && (
        <p class="notice notice-bad" role="alert">
          {why}
        </p>
      )}
      {pairing && systems && !registered && !expired && (
        <>
          <p class="pairing-code" data-testid="pairing-code">
            {pairing.code}
          </p>
          <Steps pairing={pairing} systems={systems} />
          <Progress pairing={pairing} status={status} />
          {status === "pending" && <OnlyFor machine={machine} mint={mint} />}
        </>
      )}
      {registered && (
        <p class="pairing-done" role="status" data-testid="pairing-status" data-status="registered">
          <IconCheck /> Registered. Once “runt workstation run” runs there, it can be attached to any of your
          notebooks.
        </p>
      )}
      {expired && (
        <p class="dialog-text" role="status" data-testid="pairing-status" data-status="expired">
          The code has expired unused.
        </p>
      )}
      <div class="dialog-actions">
        {expired && (
          <button type="button" class="button button-primary" onClick={() => mint(machine)}>
            Make a new code
          </button>
        )}
        <button
          type="button"
          class={registered ? "button button-primary" : "button"}
          data-testid="add-machine-close"
          onClick={close}
        >
          {registered ? "Done" : "Close"}
        </button>
      </div>
    </Dialog>
  );
}

// What holds for all machines of a person: how long an idle secret lives, and what opens notebooks.
import { useEffect, useState } from "preact/hooks";
import { messageOf } from "../api/http";
import { changeMachineSettings, getMachineSettings, type MachineSettings } from "../api/workstations";
import { Select } from "../ui/select";
import { Switch } from "../ui/switch";
import { toastError } from "../ui/toasts";

const LIVES = [
  { value: "", label: "No end" },
  { value: "30", label: "30 days" },
  { value: "90", label: "90 days" },
  { value: "365", label: "A year" },
];

/** The choices, with the one in force if another client chose it. */
function livesWith(days: number | undefined): { value: string; label: string }[] {
  const value = days === undefined ? "" : String(days);
  const isKnown = LIVES.some((life) => life.value === value);
  return isKnown ? LIVES : [...LIVES, { value, label: `${value} days` }];
}

export function Settings({ changed }: { changed(): void }) {
  const [settings, setSettings] = useState<MachineSettings | undefined>();
  const [why, setWhy] = useState<string | undefined>();
  useEffect(() => {
    getMachineSettings().then(setSettings, (error: unknown) => setWhy(messageOf(error)));
  }, []);
  const change = async (part: Partial<MachineSettings>) => {
    try {
      setSettings(await changeMachineSettings(part));
      changed();
    } catch (error) {
      toastError("The setting was not changed.", error);
    }
  };
  return (
    <section class="section" aria-labelledby="settings-title">
      <h2 id="settings-title">For all machines</h2>
      {why !== undefined && (
        <p class="notice notice-bad" role="alert">
          The settings could not be loaded. {why}
        </p>
      )}
      {settings !== undefined && (
        <ul class="items" data-testid="machine-settings">
          <li class="item item-wrap">
            <div class="item-main">
              <span>An unused credential ends after</span>
              <span class="item-sub">
                A machine that is in use renews its own in time and is never locked out.
              </span>
            </div>
            <Select
              label="An unused credential ends after"
              testId="credential-days"
              value={settings.credentialDays === undefined ? "" : String(settings.credentialDays)}
              options={livesWith(settings.credentialDays)}
              choose={(days) => change({ credentialDays: days === "" ? undefined : Number(days) })}
            />
          </li>
          <li class="item">
            <Switch
              label="Open notebooks by short tokens only"
              hint="The secret of a machine then opens no notebook by itself. Agents of other makers may not know how; leave it off if you use one."
              testId="room-tokens-only"
              on={settings.roomTokensOnly}
              change={(on) => change({ roomTokensOnly: on })}
            />
          </li>
        </ul>
      )}
    </section>
  );
}

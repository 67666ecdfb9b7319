// The workstations panel: machines, pairing, credentials.
import "./panel.css";
import { useEffect, useState } from "preact/hooks";
import { type Credential, listCredentials, listWorkstations, type Workstation } from "../api/workstations";
import { IconPlus } from "../ui/icons";
import { Later } from "../ui/later";
import { useLoaded } from "../ui/loaded";
import { Credentials } from "./credentials";
import { MachineCard } from "./machine-card";
import { Settings } from "./settings";

const REFRESH_MS = 5_000;

const loadAddMachine = () => import("./add-machine").then((module) => module.AddMachine);

interface PanelData {
  machines: Workstation[];
  credentials: Credential[];
}

async function getPanel(): Promise<PanelData> {
  const [machines, credentials] = await Promise.all([listWorkstations(), listCredentials()]);
  return { machines, credentials };
}

function usePanel() {
  const panel = useLoaded(getPanel);
  const { refresh } = panel;
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) refresh();
    }, REFRESH_MS);
    return () => clearInterval(timer);
  }, [refresh]);
  return panel;
}

function NoMachines() {
  return (
    <div class="empty">
      <p class="empty-title">No machines yet</p>
      <p>Pair a server, a desktop or a cloud instance: it dials out, so no port has to be opened.</p>
    </div>
  );
}

export function WorkstationsPage() {
  const { data, why, refresh } = usePanel();
  const [adding, setAdding] = useState(false);
  useEffect(() => {
    document.title = "Workstations · Notebook Cloud";
  }, []);
  return (
    <main class="page" id="main">
      <div class="page-head">
        <h1>Workstations</h1>
        <button
          type="button"
          class="button button-primary"
          data-testid="add-machine"
          onClick={() => setAdding(true)}
        >
          <IconPlus />
          Add a machine
        </button>
      </div>
      {why !== undefined && (
        <p class="notice notice-bad" role="alert">
          The machines could not be loaded. {why}
        </p>
      )}
      {data === undefined && why === undefined && <p class="waiting">Loading…</p>}
      {data?.machines.length === 0 && <NoMachines />}
      {data !== undefined && data.machines.length > 0 && (
        <ul class="machines" data-testid="workstation-list">
          {data.machines.map((machine) => (
            <MachineCard key={machine.id} machine={machine} refresh={refresh} />
          ))}
        </ul>
      )}
      {data !== undefined && data.credentials.length > 0 && (
        <>
          <Credentials credentials={data.credentials} machines={data.machines} refresh={refresh} />
          <Settings changed={refresh} />
        </>
      )}
      {adding && <Later load={loadAddMachine} props={{ close: () => setAdding(false), arrived: refresh }} />}
    </main>
  );
}

// What happened to one machine: when it was there, and which notebooks it served.
import { useCallback, useEffect, useState } from "preact/hooks";
import { listNotebooks } from "../api/notebooks";
import { listHistory, type MachineEvent, type Workstation } from "../api/workstations";
import { Trail } from "../audit/trail";
import { Dialog } from "../ui/dialog";
import { usePages } from "../ui/pages";
import { notebookPath, onLinkClick } from "../ui/router";
import { ago, now, when } from "../ui/time";
import { historySentence } from "./history-words";

/** The most titles that are looked up. */
const TITLES = 500;

/** Titles of the caller's notebooks by id; empty while they are fetched, or if they cannot be. */
function useTitles(): ReadonlyMap<string, string> {
  const [titles, setTitles] = useState<ReadonlyMap<string, string>>(new Map());
  useEffect(() => {
    listNotebooks({ view: "all", search: "", limit: TITLES }).then(
      ({ rows }) => setTitles(new Map(rows.map(({ id, title }) => [id, title ?? "Untitled"]))),
      () => undefined,
    );
  }, []);
  return titles;
}

function Line({ event, titles }: { event: MachineEvent; titles: ReadonlyMap<string, string> }) {
  const { notebookId } = event;
  return (
    <li class="audit-line" data-testid="machine-event" data-event={event.event}>
      <p>
        {historySentence(event)}
        {notebookId !== undefined && (
          <>
            {" · "}
            <a href={notebookPath(notebookId)} onClick={onLinkClick}>
              {titles.get(notebookId) ?? "a notebook"}
            </a>
          </>
        )}
      </p>
      <time class="item-sub" dateTime={event.at} title={when(event.at)}>
        {ago(event.at, now.value)}
      </time>
    </li>
  );
}

export function History({ machine, onClose }: { machine: Workstation; onClose(): void }) {
  const titles = useTitles();
  const pages = usePages(useCallback((before?: number) => listHistory(machine.id, before), [machine.id]));
  return (
    <Dialog title={`History of ${machine.name}`} testId="history-dialog" onClose={onClose}>
      <Trail pages={pages} testId="history">
        {(event) => <Line key={event.id} event={event} titles={titles} />}
      </Trail>
      <div class="dialog-actions">
        <button type="button" class="button" data-testid="history-close" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

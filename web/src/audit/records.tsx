// The audit trail for people: newest first, in pages.
import "./audit.css";
import { useEffect, useState } from "preact/hooks";
import { type AuditEvent, listAudit } from "../api/audit";
import { messageOf } from "../api/http";
import { notebookPath, onLinkClick } from "../ui/router";
import { ago, now, when } from "../ui/time";
import { actorOf, sentence } from "./words";

function useAudit(notebookId: string | undefined) {
  const [events, setEvents] = useState<readonly AuditEvent[] | undefined>();
  const [next, setNext] = useState<number | undefined>();
  const [why, setWhy] = useState<string | undefined>();
  const load = async (before?: number) => {
    try {
      const page = await listAudit(notebookId, before);
      setEvents((old) => (before === undefined ? page.events : [...(old ?? []), ...page.events]));
      setNext(page.next);
      setWhy(undefined);
    } catch (error) {
      setWhy(messageOf(error));
    }
  };
  useEffect(() => {
    load();
  }, [notebookId]);
  return { events, next, why, load };
}

interface RecordsProps {
  /** One notebook's trail; without it the caller's own. */
  notebookId?: string;
  /** Who looks, to be called “You”. */
  me: string | undefined;
}

function Line({ event, me, isOwn }: { event: AuditEvent; me: string | undefined; isOwn: boolean }) {
  return (
    <li class="audit-line" data-testid="audit-event" data-action={event.action}>
      <p>
        <strong>{actorOf(event, me)}</strong> {sentence(event, me)}
        {isOwn && event.notebookId !== undefined && (
          <>
            {" · "}
            <a href={notebookPath(event.notebookId)} onClick={onLinkClick}>
              {event.notebookTitle ?? "a notebook"}
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

export function Records({ notebookId, me }: RecordsProps) {
  const { events, next, why, load } = useAudit(notebookId);
  return (
    <>
      {events === undefined && why === undefined && <p class="waiting">Loading…</p>}
      {events?.length === 0 && <p class="muted">Nothing has been written down yet.</p>}
      {events !== undefined && events.length > 0 && (
        <ol class="items audit" data-testid="audit">
          {events.map((event) => (
            <Line key={event.id} event={event} me={me} isOwn={notebookId === undefined} />
          ))}
        </ol>
      )}
      {why !== undefined && (
        <p class="notice notice-bad" role="alert">
          The activity could not be loaded. {why}{" "}
          <button type="button" class="link-button" onClick={() => load(next)}>
            Try again
          </button>
        </p>
      )}
      {next !== undefined && why === undefined && (
        <p class="more">
          <button type="button" class="button" data-testid="audit-more" onClick={() => load(next)}>
            Show older
          </button>
        </p>
      )}
    </>
  );
}

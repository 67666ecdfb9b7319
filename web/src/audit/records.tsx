// The audit trail for people: newest first, in pages.
import { useCallback } from "preact/hooks";
import { type AuditEvent, listAudit } from "../api/audit";
import { usePages } from "../ui/pages";
import { notebookPath, onLinkClick } from "../ui/router";
import { ago, now, when } from "../ui/time";
import { Trail } from "./trail";
import { actorOf, sentence } from "./words";

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
  const pages = usePages(useCallback((before?: number) => listAudit(notebookId, before), [notebookId]));
  return (
    <Trail pages={pages} testId="audit">
      {(event) => <Line key={event.id} event={event} me={me} isOwn={notebookId === undefined} />}
    </Trail>
  );
}

// Asking for access, and finding out what came of it.
import { useEffect, useState } from "preact/hooks";
import { type AccessRequest, askForAccess, listRequests } from "../api/access";
import { toastError } from "../ui/toasts";

const LOOK_MS = 3_000;

export interface Asking {
  /** The latest request, if there was one. */
  request: AccessRequest | undefined;
  busy: boolean;
  ask(): void;
}

/** Follows the caller's own request; `changed` is called when it no longer waits. */
export function useAsking(notebookId: string, changed: () => void): Asking {
  const [request, setRequest] = useState<AccessRequest | undefined>();
  const [busy, setBusy] = useState(false);
  const isWaiting = request?.status === "pending";
  useEffect(() => {
    let left = false;
    const look = async () => {
      // Nobody asked yet, or the server is away: the next look finds out.
      const latest = await listRequests(notebookId).then(
        (rows) => rows[0],
        () => undefined,
      );
      if (left || latest === undefined) return;
      setRequest(latest);
      if (isWaiting && latest.status !== "pending") changed();
    };
    look();
    const timer = setInterval(() => {
      if (isWaiting && !document.hidden) look();
    }, LOOK_MS);
    return () => {
      left = true;
      clearInterval(timer);
    };
  }, [notebookId, isWaiting, changed]);
  const ask = async () => {
    setBusy(true);
    try {
      const made = await askForAccess(notebookId);
      if (made === undefined) changed();
      else setRequest(made);
    } catch (error) {
      toastError("The request was not sent.", error);
    }
    setBusy(false);
  };
  return { request, busy, ask };
}

// The button that opens the Share dialog; it tells how many ask for access.
import "./access.css";
import { useEffect, useState } from "preact/hooks";
import { listRequests } from "../api/access";
import { IconShare } from "../ui/icons";
import { Later } from "../ui/later";

const loadShare = () => import("./share").then((module) => module.Share);
const LOOK_MS = 15_000;

function useWaiting(notebookId: string): { waiting: number; look(): void } {
  const [waiting, setWaiting] = useState(0);
  const look = () => {
    if (document.hidden) return;
    listRequests(notebookId).then(
      (rows) => setWaiting(rows.filter(({ status }) => status === "pending").length),
      () => undefined,
    );
  };
  useEffect(() => {
    look();
    const timer = setInterval(look, LOOK_MS);
    document.addEventListener("visibilitychange", look);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", look);
    };
  }, [notebookId]);
  return { waiting, look };
}

interface ShareButtonProps {
  notebookId: string;
  title: string;
  /** The principal of who looks. */
  me: string | undefined;
}

export function ShareButton({ notebookId, title, me }: ShareButtonProps) {
  const [open, setOpen] = useState(false);
  const { waiting, look } = useWaiting(notebookId);
  const asks = waiting === 1 ? "one person asks for access" : `${waiting} people ask for access`;
  return (
    <>
      <button
        type="button"
        class="button"
        aria-label={waiting === 0 ? "Share" : `Share: ${asks}`}
        data-testid="share"
        data-waiting={waiting}
        onClick={() => setOpen(true)}
      >
        <IconShare />
        <span class="label-wide">Share</span>
        {waiting > 0 && <span class="badge">{waiting}</span>}
      </button>
      {open && (
        <Later
          load={loadShare}
          props={{
            notebookId,
            title,
            me,
            onClose: () => {
              setOpen(false);
              look();
            },
          }}
        />
      )}
    </>
  );
}

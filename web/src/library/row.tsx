// One notebook of the list: what it is, who is in it, and what can be done to it.
import { useRef, useState } from "preact/hooks";
import type { NotebookRow } from "../api/notebooks";
import { IconCopy, IconDownload, IconMore, IconPencil, IconRestart, IconShare, IconTrash } from "../ui/icons";
import { closing, Menu, MenuItem } from "../ui/menu";
import { sayNotLoaded } from "../ui/newer-page";
import { notebookPath, onLinkClick } from "../ui/router";
import { ago, now } from "../ui/time";
import { download, type LibraryCommands, titleOf } from "./commands";
import type { LibraryListing } from "./listing";
import { TitleEditor } from "./title-editor";

const COMPUTE: Readonly<Record<string, { tone: string; text: string }>> = {
  active: { tone: "ok", text: "runs on" },
  starting: { tone: "busy", text: "starting on" },
  stale: { tone: "wait", text: "not reachable:" },
  error: { tone: "bad", text: "could not start on" },
};

function Details({ row, me }: { row: NotebookRow; me: string | undefined }) {
  const compute = row.compute && COMPUTE[row.compute.status];
  const people = row.people.join(", ");
  return (
    <p class="row-sub">
      {row.trashedAt === undefined
        ? `Changed ${ago(row.updatedAt, now.value)}`
        : `In the trash since ${ago(row.trashedAt, now.value)}`}
      {row.language !== undefined && ` · ${row.language}`}
      {row.ownerPrincipal !== me && ` · shared by ${row.owner}`}
      {row.scope === "viewer" && " · read only"}
      {row.compute && compute && (
        <>
          {" · "}
          <span class="compute">
            <span class={`dot dot-${compute.tone}`} /> {compute.text} {row.compute.name}
          </span>
        </>
      )}
      {people !== "" && ` · ${people} ${row.people.length === 1 ? "is" : "are"} here`}
    </p>
  );
}

interface RowProps {
  row: NotebookRow;
  listing: LibraryListing;
  commands: LibraryCommands;
}

interface RowMenuProps extends Omit<RowProps, "listing"> {
  rename(): void;
  share(): void;
}

function RowMenu({ row, commands, rename, share }: RowMenuProps) {
  const owns = row.scope === "owner";
  return (
    <Menu
      label={<IconMore />}
      name={`Actions for ${titleOf(row.title)}`}
      testId="row-menu"
      buttonClass="icon-button row-action"
    >
      {(close) => {
        const item = closing(close);
        if (row.trashedAt !== undefined) {
          return (
            <>
              <MenuItem {...item("restore-notebook", () => commands.restore(row))}>
                <IconRestart />
                Restore
              </MenuItem>
              <MenuItem danger {...item("delete-notebook", () => commands.deleteForGood(row))}>
                <IconTrash />
                Delete for good…
              </MenuItem>
            </>
          );
        }
        return (
          <>
            {row.scope !== "viewer" && (
              <MenuItem {...item("rename-notebook", rename)}>
                <IconPencil />
                Rename
              </MenuItem>
            )}
            <MenuItem {...item("duplicate-notebook", () => commands.duplicate(row))}>
              <IconCopy />
              Duplicate
            </MenuItem>
            <MenuItem {...item("download-notebook", () => download(row.id))}>
              <IconDownload />
              Download .ipynb
            </MenuItem>
            {owns && (
              <>
                <MenuItem {...item("share-notebook", share)}>
                  <IconShare />
                  Share…
                </MenuItem>
                <div class="menu-rule" />
                <MenuItem {...item("trash-notebook", () => commands.trash(row))}>
                  <IconTrash />
                  Move to trash
                </MenuItem>
              </>
            )}
          </>
        );
      }}
    </Menu>
  );
}

type ShareDialog = typeof import("../access/share").Share;

/** The Share dialog, fetched when it is first wanted. */
function useShare(): { Share: ShareDialog | undefined; open(): void; close(): void } {
  const [loaded, setLoaded] = useState<{ Share: ShareDialog } | undefined>();
  const open = () => {
    import("../access/share").then(
      ({ Share }) => setLoaded({ Share }),
      () => sayNotLoaded("The dialog could not be loaded."),
    );
  };
  return { Share: loaded?.Share, open, close: () => setLoaded(undefined) };
}

export function Row({ row, listing, commands }: RowProps) {
  const [editing, setEditing] = useState(false);
  const { Share, open: share, close } = useShare();
  const element = useRef<HTMLLIElement>(null);
  const title = titleOf(row.title);
  const isTrashed = row.trashedAt !== undefined;
  const canRename = row.scope !== "viewer" && !isTrashed;
  const onKeyDown = (event: KeyboardEvent) => {
    const onTitle = event.target instanceof Element && event.target.classList.contains("row-title");
    if (!onTitle || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "F2" && canRename) setEditing(true);
    else if (event.key === "Delete" && row.scope === "owner" && !isTrashed) commands.trash(row);
    else return;
    event.preventDefault();
  };
  return (
    <li
      ref={element}
      class="row"
      data-testid="notebook-row"
      data-notebook-id={row.id}
      data-trashed={isTrashed}
      onKeyDown={onKeyDown}
    >
      <div class="row-main">
        {editing ? (
          <TitleEditor
            row={row}
            done={(next, byKey) => {
              setEditing(false);
              listing.replace(row.id, { title: next });
              if (byKey) {
                requestAnimationFrame(() =>
                  element.current?.querySelector<HTMLElement>(".row-title")?.focus(),
                );
              }
            }}
          />
        ) : isTrashed ? (
          <span class="row-title row-title-plain" tabIndex={-1}>
            {title}
          </span>
        ) : (
          <a class="row-title" href={notebookPath(row.id)} onClick={onLinkClick}>
            {title}
          </a>
        )}
        <Details row={row} me={listing.me.value} />
      </div>
      {!editing && <RowMenu row={row} commands={commands} rename={() => setEditing(true)} share={share} />}
      {Share && <Share notebookId={row.id} title={title} me={listing.me.value} onClose={close} />}
    </li>
  );
}

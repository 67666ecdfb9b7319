// The title of a row, in place: Enter keeps it, Escape does not.
import { useEffect, useRef } from "preact/hooks";
import { type NotebookRow, renameNotebook } from "../api/notebooks";
import { toastError } from "../ui/toasts";

interface TitleEditorProps {
  row: NotebookRow;
  done(title: string | undefined, byKey: boolean): void;
}

export function TitleEditor({ row, done }: TitleEditorProps) {
  const input = useRef<HTMLInputElement>(null);
  const over = useRef(false);
  useEffect(() => input.current?.select(), []);
  const end = async (save: boolean, byKey: boolean) => {
    // Leaving the field by a key takes it away, which the browser reports as one more end.
    if (over.current) return;
    over.current = true;
    const title = input.current?.value.trim() ?? "";
    if (!save || title === "" || title === row.title) return done(row.title, byKey);
    try {
      done(await renameNotebook(row.id, title), byKey);
    } catch (error) {
      toastError("The notebook was not renamed.", error);
      done(row.title, byKey);
    }
  };
  return (
    <input
      ref={input}
      class="row-title-input"
      aria-label="Title"
      data-testid="rename-input"
      maxLength={160}
      defaultValue={row.title ?? ""}
      onBlur={() => end(true, false)}
      onKeyDown={(event) => {
        event.stopPropagation();
        if (event.key === "Enter") end(true, true);
        if (event.key === "Escape") end(false, true);
      }}
    />
  );
}

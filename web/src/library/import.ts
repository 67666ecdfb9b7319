// Notebook files from this computer: read here, so that a file that is none is named at once.
import { messageOf } from "../api/http";
import { importNotebook } from "../api/notebooks";
import { record } from "../api/shape";
import { navigate, notebookPath } from "../ui/router";
import { toast, toastError } from "../ui/toasts";

/** The server takes bodies up to 32 MiB; the file travels inside one. */
const LIMIT_BYTES = 31 * 1024 * 1024;
/** The most files of one drop. */
const LIMIT_FILES = 20;

export function isNotebookFile(file: File): boolean {
  return file.name.toLowerCase().endsWith(".ipynb");
}

async function read(file: File): Promise<unknown> {
  if (!isNotebookFile(file)) throw new Error("Its name does not end in .ipynb.");
  if (file.size > LIMIT_BYTES) {
    throw new Error(`It has ${Math.ceil(file.size / 2 ** 20)} MiB; at most 31 MiB can be imported.`);
  }
  let content: unknown;
  try {
    content = JSON.parse(await file.text());
  } catch {
    throw new Error("It is not a notebook: its content is not JSON.");
  }
  if (record(content) === undefined) throw new Error("It is not a notebook.");
  return content;
}

/** Imports files one after the other; a single one is opened. Returns how many were taken. */
export async function importFiles(files: readonly File[]): Promise<number> {
  const taken: string[] = [];
  for (const file of files.slice(0, LIMIT_FILES)) {
    try {
      taken.push(await importNotebook(file.name, await read(file)));
    } catch (error) {
      toastError(`${file.name} was not imported.`, messageOf(error));
    }
  }
  if (files.length > LIMIT_FILES) {
    toastError(`Only the first ${LIMIT_FILES} files were looked at.`, "Import the others in a second go.");
  }
  const [only] = taken;
  if (files.length === 1 && only !== undefined) navigate(notebookPath(only));
  else if (taken.length > 0)
    toast(`${taken.length} ${taken.length === 1 ? "notebook" : "notebooks"} imported.`);
  return taken.length;
}

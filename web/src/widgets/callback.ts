// What a widget's callback prints, shows or raises: it belongs to no cell (WS-308), so it is told as it comes, to who has
// just used a widget here.
import { record, type Shape, text } from "../api/shape";
import { readContent } from "../outputs/model";
import { toast, toastError } from "../ui/toasts";

/** What is said in one go is told in one. */
const GATHER_MS = 300;
const MAX_TOLD = 300;

let gathered = "";
let timer: ReturnType<typeof setTimeout> | undefined;

/** Copies what stands nowhere else; where that fails, it is offered again. */
async function copy(said: string, again: () => void): Promise<void> {
  try {
    await navigator.clipboard.writeText(said);
  } catch {
    // Without TLS there is no such clipboard.
    const area = document.createElement("textarea");
    area.value = said;
    document.body.append(area);
    area.focus();
    area.select();
    if (!document.execCommand("copy")) again();
    area.remove();
  }
}

function gather(words: string): void {
  gathered += words;
  if (timer !== undefined) return;
  timer = setTimeout(() => {
    const said = gathered.trim();
    gathered = "";
    timer = undefined;
    if (said === "") return;
    const told = said.length > MAX_TOLD ? `…${said.slice(-MAX_TOLD)}` : said;
    const tell = () => {
      toast(`A widget's callback says: ${told}`, { label: "Copy", run: () => copy(said, tell) });
    };
    tell();
  }, GATHER_MS);
}

export function tellCallback(message: Shape): void {
  const output = record(message.output);
  if (output === undefined) return;
  if (output.output_type === "error") {
    const name = text(output, "ename") ?? "Error";
    const lines = Array.isArray(output.traceback) ? output.traceback.map(String) : [];
    // biome-ignore lint/suspicious/noControlCharactersInRegex: tracebacks are coloured for terminals.
    const traceback = lines.join("\n").replace(/\x1b\[[0-9;]*m/g, "");
    const error = new Error(`${name}: ${text(output, "evalue") ?? ""}`);
    const tell = () => {
      const run = () => copy(traceback, tell);
      toastError("A widget's callback failed.", error, { label: "Copy traceback", run });
    };
    tell();
    return;
  }
  const plain = readContent(output.text ?? record(output.data)?.["text/plain"]);
  if (plain !== undefined && "inline" in plain) gather(plain.inline);
}

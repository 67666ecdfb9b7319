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

function gather(words: string): void {
  gathered += words;
  if (timer !== undefined) return;
  timer = setTimeout(() => {
    const said = gathered.trim();
    gathered = "";
    timer = undefined;
    if (said === "") return;
    const told = said.length > MAX_TOLD ? `…${said.slice(-MAX_TOLD)}` : said;
    toast(`A widget's callback says: ${told}`, {
      label: "Copy",
      run: () => navigator.clipboard.writeText(said),
    });
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
    toastError("A widget's callback failed.", new Error(`${name}: ${text(output, "evalue") ?? ""}`), {
      label: "Copy traceback",
      run: () => navigator.clipboard.writeText(traceback),
    });
    return;
  }
  const plain = readContent(output.text ?? record(output.data)?.["text/plain"]);
  if (plain !== undefined && "inline" in plain) gather(plain.inline);
}

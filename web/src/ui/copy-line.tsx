// A line to paste somewhere else, with a button that copies it.
import { useState } from "preact/hooks";
import { IconCheck, IconCopy } from "./icons";
import { toastError } from "./toasts";

export function CopyLine({ text, label, testId }: { text: string; label: string; testId: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
      setTimeout(() => setCopied(false), 2_000);
    } catch (error) {
      toastError("Copying failed; select the line and copy it by hand.", error);
    }
  };
  return (
    <div class="copy-line">
      <code data-testid={testId}>{text}</code>
      <button type="button" class="button" aria-label={label} data-testid={`${testId}-copy`} onClick={copy}>
        {copied ? <IconCheck /> : <IconCopy />}
        <span aria-live="polite">{copied ? "Copied" : "Copy"}</span>
      </button>
    </div>
  );
}

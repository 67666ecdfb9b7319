// @vitest-environment jsdom
// What a widget's callback raised can be copied, also where the browser has no clipboard for a page without TLS.
import { render } from "preact";
import { act } from "preact/test-utils";
import { expect, test, vi } from "vitest";
import { Toasts } from "../src/ui/toasts";
import { tellCallback } from "../src/widgets/callback";

test("a traceback is copied without TLS as well, and stays where that fails", async () => {
  const root = document.createElement("div");
  document.body.append(root);
  const copied: string[] = [];
  let works = false;
  const execCommand = vi.fn(() => {
    if (works) copied.push((document.activeElement as HTMLTextAreaElement).value);
    return works;
  });
  Object.assign(document, { execCommand });
  const button = () => root.querySelector<HTMLElement>('[data-testid="toast-action"]');
  await act(() => {
    render(<Toasts />, root);
    const output = { output_type: "error", ename: "E", evalue: "v", traceback: ["\x1b[31mone", "two"] };
    tellCallback({ output });
  });
  await act(async () => button()?.click());
  expect(execCommand).toHaveBeenCalledTimes(1);
  expect(button()?.textContent).toBe("Copy traceback");
  works = true;
  await act(async () => button()?.click());
  expect([copied, button()]).toEqual([["one\ntwo"], null]);
  expect(document.querySelector("textarea")).toBe(null);
});

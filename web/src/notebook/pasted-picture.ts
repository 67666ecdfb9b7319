// A picture that is pasted or dropped into a cell has no place there: it is said, as it would vanish without a word.
import { toast } from "../ui/toasts";

export function sayIfPicture(data: DataTransfer | null): void {
  const isPicture = [...(data?.files ?? [])].some(({ type }) => type.startsWith("image/"));
  // Office programs put a picture of the text beside it.
  if (isPicture && !data?.getData("text/plain"))
    toast("Pictures cannot be pasted yet. Link one from the web, or show it from a code cell.");
}

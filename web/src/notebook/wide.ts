// Whether a notebook takes the whole width of the window, or a column that reads well.
import { Choice } from "../ui/choice";

export const wide = new Choice("full-width");

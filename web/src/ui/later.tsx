// A part of the page, as a dialog or a menu, that is loaded when it is first shown.
import { type ComponentType, h } from "preact";
import { useEffect, useState } from "preact/hooks";
import { sayNotLoaded } from "./newer-page";

interface LaterProps<P> {
  load(): Promise<ComponentType<P>>;
  props: P;
}

export function Later<P extends object>({ load, props }: LaterProps<P>) {
  const [part, setPart] = useState<{ component: ComponentType<P> } | undefined>();
  useEffect(() => {
    load().then(
      (component) => setPart({ component }),
      () => sayNotLoaded("This could not be loaded."),
    );
  }, [load]);
  return part ? h(part.component, props) : null;
}

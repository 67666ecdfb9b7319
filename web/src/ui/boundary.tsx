// One part of the page that fails says why, and the rest goes on.
import { Component, type ComponentChildren } from "preact";
import { messageOf } from "../api/http";

interface BoundaryProps {
  /** What is shown: something else gets another try. */
  of: unknown;
  fallback: (why: string) => ComponentChildren;
  children: ComponentChildren;
}

interface BoundaryState {
  failed: { of: unknown; why: string } | undefined;
}

export class Boundary extends Component<BoundaryProps, BoundaryState> {
  override state: BoundaryState = { failed: undefined };

  override componentDidCatch(error: unknown): void {
    console.error(error);
    this.setState({ failed: { of: this.props.of, why: messageOf(error) } });
  }

  override render({ of, fallback, children }: BoundaryProps, { failed }: BoundaryState): ComponentChildren {
    return failed !== undefined && failed.of === of ? fallback(failed.why) : children;
  }
}

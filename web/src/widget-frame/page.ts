// The page around this frame. The frame's origin is opaque and the page's is unknown here, so no target can be named;
// what is said is what this frame shows.

export function tell(message: Record<string, unknown>): void {
  parent.postMessage(message, "*");
}

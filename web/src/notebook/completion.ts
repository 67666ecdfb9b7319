// Completion and documentation by the kernel. It counts code points, the editor UTF-16 units: converted here, both ways (RP 5.5).
import { flag, list, number, record, text } from "../api/shape";
import type { RoomSession } from "../sync/session";

export interface Completion {
  label: string;
  kind: string | undefined;
  /** The part of the code it replaces, in UTF-16 units. */
  from: number;
  to: number;
}

export function toCodePoints(code: string, units: number): number {
  return [...code.slice(0, units)].length;
}

export function toUnits(code: string, points: number): number {
  return [...code].slice(0, points).join("").length;
}

export async function complete(
  room: Pick<RoomSession, "query">,
  code: string,
  position: number,
): Promise<Completion[]> {
  const answer = await room.query("complete", { code, cursor_pos: toCodePoints(code, position) });
  const from = toUnits(code, number(answer, "cursor_start") ?? 0);
  const to = toUnits(code, number(answer, "cursor_end") ?? 0);
  return list(answer.items, (item) => {
    const label = text(item, "label");
    return label === undefined ? undefined : { label, kind: text(item, "kind"), from, to };
  });
}

/** What the kernel knows of the code at a place, as terminal text. */
export async function inspect(
  room: Pick<RoomSession, "query">,
  code: string,
  position: number,
  detail: 0 | 1,
): Promise<string | undefined> {
  const answer = await room.query("inspect", {
    code,
    cursor_pos: toCodePoints(code, position),
    detail_level: detail,
  });
  return flag(answer, "found") ? text(record(answer.data), "text/plain") : undefined;
}

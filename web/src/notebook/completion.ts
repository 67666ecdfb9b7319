// Completion and documentation by the kernel. It counts code points, the editor UTF-16 units: converted here, both ways (RP 5.5).
import { messageOf } from "../api/http";
import type { Shape } from "../api/shape";
import { flag, list, number, record, text } from "../api/shape";
import type { RoomSession } from "../sync/session";

type Room = Pick<RoomSession, "query">;

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

/** A question about code; an answer that does not come is told in words for who wrote the code. */
async function ask(room: Room, action: string, fields: Record<string, unknown>): Promise<Shape> {
  try {
    return await room.query(action, fields);
  } catch (error) {
    const why = messageOf(error);
    if (/timed out|in time|expired/.test(why))
      throw new Error("The kernel did not answer in time. It cannot while a cell runs.");
    throw why.includes("no runtime peer") ? new Error("The kernel is not there now.") : error;
  }
}

export async function complete(room: Room, code: string, position: number): Promise<Completion[]> {
  const answer = await ask(room, "complete", { code, cursor_pos: toCodePoints(code, position) });
  const from = toUnits(code, number(answer, "cursor_start") ?? 0);
  const to = toUnits(code, number(answer, "cursor_end") ?? 0);
  return list(answer.items, (item) => {
    const label = text(item, "label");
    return label === undefined ? undefined : { label, kind: text(item, "kind"), from, to };
  });
}

/** What the kernel knows of the code at a place, as terminal text. */
export async function inspect(
  room: Room,
  code: string,
  position: number,
  detail: 0 | 1,
): Promise<string | undefined> {
  const answer = await ask(room, "inspect", {
    code,
    cursor_pos: toCodePoints(code, position),
    detail_level: detail,
  });
  return flag(answer, "found") ? text(record(answer.data), "text/plain") : undefined;
}

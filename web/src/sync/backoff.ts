// How long to wait before dialling again (RP 7.9): 1 s doubling to 30 s, give or take half.

const FIRST_MS = 1_000;
const CAP_MS = 30_000;

export function reconnectDelay(attempt: number, random: () => number): number {
  const base = Math.min(FIRST_MS * 2 ** Math.min(attempt, 16), CAP_MS);
  return Math.round(base * (0.5 + random()));
}

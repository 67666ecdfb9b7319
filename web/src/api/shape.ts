// Reading data from outside: each function returns a checked value or nothing, never a guess.

export type Shape = Readonly<Record<string, unknown>>;

export function record(value: unknown): Shape | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Shape) : undefined;
}

export function text(shape: Shape | undefined, key: string): string | undefined {
  const value = shape?.[key];
  return typeof value === "string" ? value : undefined;
}

export function number(shape: Shape | undefined, key: string): number | undefined {
  const value = shape?.[key];
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

export function flag(shape: Shape | undefined, key: string): boolean {
  return shape?.[key] === true;
}

export function list<T>(value: unknown, read: (item: Shape) => T | undefined): T[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((item) => {
    const shape = record(item);
    const result = shape && read(shape);
    return result === undefined ? [] : [result];
  });
}

// One way to call our server: same origin, JSON, errors as text for people.
import { record, type Shape, text } from "./shape";

export class ApiError extends Error {
  readonly status: number;
  readonly body: Shape | undefined;

  constructor(status: number, message: string, body?: Shape) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

let refused: () => void = () => undefined;

/** Who wants to know that the server did not accept who we are. */
export function whenRefused(listener: () => void): void {
  refused = listener;
}

async function bodyOf(response: Response): Promise<Shape | undefined> {
  try {
    return record(await response.json());
  } catch {
    return undefined;
  }
}

export async function call(method: string, path: string, body?: unknown): Promise<Shape> {
  const init: RequestInit = { method, credentials: "same-origin", cache: "no-store" };
  if (body !== undefined) {
    init.headers = { "Content-Type": "application/json" };
    init.body = JSON.stringify(body);
  }
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch {
    throw new ApiError(0, "The server cannot be reached.");
  }
  const shape = await bodyOf(response);
  if (response.status === 401 || response.status === 403) refused();
  if (!response.ok) {
    throw new ApiError(
      response.status,
      text(shape, "error") ?? `The server answered ${response.status}.`,
      shape,
    );
  }
  if (shape === undefined) throw new ApiError(response.status, "The server's answer was not JSON.");
  return shape;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

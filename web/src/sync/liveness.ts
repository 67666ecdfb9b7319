// Is the socket still alive? A text ping every 20 s; any inbound message is the answer (RP 2.4).

const PING = "nteract-liveness-ping";
const PERIOD_MS = 20_000;
const DEADLINE_MS = 10_000;

export interface LivenessOptions {
  ping(text: string): void;
  lost(): void;
}

export class Liveness {
  private readonly options: LivenessOptions;
  private period: ReturnType<typeof setInterval> | undefined;
  private deadline: ReturnType<typeof setTimeout> | undefined;

  constructor(options: LivenessOptions) {
    this.options = options;
  }

  start(): void {
    this.stop();
    this.period = setInterval(() => this.beat(), PERIOD_MS);
  }

  heard(): void {
    clearTimeout(this.deadline);
    this.deadline = undefined;
  }

  stop(): void {
    clearInterval(this.period);
    this.heard();
  }

  private beat(): void {
    this.options.ping(PING);
    const hidden = typeof document !== "undefined" && document.hidden;
    if (!hidden) this.deadline ??= setTimeout(() => this.options.lost(), DEADLINE_MS);
  }
}

import { sleep } from './sleep.js';

export interface LoopOptions {
  /** Longest pause between two rounds: the poller behind every hint. */
  everyMs: number;
  /** One round of work. */
  round: (signal: AbortSignal) => Promise<unknown>;
  /** Told of every round that threw; the loop goes on after a pause. */
  onError: (error: unknown) => void;
}

/** Why a pause ends. Without a reason each `abort` would make an exception, stack and all: a loop is woken at every commit. */
const WOKEN = 'woken';

let lastRoundAt = Date.now();

/** How long ago the last round of any loop of this process began, in ms: health is progress. */
export function msSinceAnyRound(): number {
  return Date.now() - lastRoundAt;
}

/** A loop that works when woken, and in any case every so often. Rounds never overlap. */
export class BackgroundLoop {
  private readonly stopping = new AbortController();
  private pause = new AbortController();
  private isWoken = false;
  private running: Promise<void> | null = null;
  private tickedAt = Date.now();

  constructor(private readonly options: LoopOptions) {}

  start(): void {
    this.running ??= this.run();
  }

  /** Starts a round soon: after the present one, if there is one. */
  wake(): void {
    this.isWoken = true;
    this.pause.abort(WOKEN);
  }

  /** How long ago the last round began, in ms: health is progress. */
  get idleForMs(): number {
    return Date.now() - this.tickedAt;
  }

  /** Ends after the present round. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.pause.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      this.isWoken = false;
      this.tickedAt = Date.now();
      lastRoundAt = this.tickedAt;
      try {
        await this.options.round(this.stopping.signal);
      } catch (error) {
        this.options.onError(error);
        await sleep(Math.min(this.options.everyMs, 500), this.stopping.signal);
      }
      if (this.isWoken) {
        continue;
      }
      this.pause = new AbortController();
      if (!this.isWoken && !this.stopping.signal.aborted) {
        await sleep(this.options.everyMs, this.pause.signal);
      }
    }
  }
}

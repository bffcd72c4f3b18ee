/** Where progress is shown. */
export interface Screen {
  /** One line that renews itself; otherwise (a log, a pipe) a line now and then. */
  isTerminal: boolean;
  width(): number;
  write(text: string): void;
}

/** Of lines that stay. */
export const LINE_EVERY_MS = 5_000;
export const CLEAR_LINE = '\r\u001b[K';
const BAR_WIDTH = 24;
const whole = new Intl.NumberFormat('en-US');

/** Progress is for eyes: it goes to stderr, so that stdout holds the result alone. */
export function terminal(): Screen {
  return {
    isTerminal: process.stderr.isTTY,
    width: () => process.stderr.columns || 80,
    write: (text) => void process.stderr.write(text),
  };
}

/** `████░░░░ 52 %` */
export function barOf(share: number): string {
  const filled = Math.round(share * BAR_WIDTH);
  return `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)} ${Math.floor(100 * share)} %`;
}

/** `1 h 5 min`, `3 min 20 s`, `42 s`. */
export function durationOf(seconds: number): string {
  const all = Math.max(0, Math.ceil(seconds));
  const [h, min, s] = [Math.floor(all / 3_600), Math.floor((all % 3_600) / 60), all % 60];
  if (h > 0) {
    return `${h} h ${min} min`;
  }
  return min > 0 ? `${min} min ${s} s` : `${s} s`;
}

/** 12,345 */
export function countOf(value: number): string {
  return whole.format(value);
}

/**
 * The progress of work whose end is known: a bar that renews itself on a terminal, elsewhere a line every five seconds,
 * so that a log does not fill with it.
 */
export class Progress {
  private shownAt: number;
  private isShown = false;
  private readonly startedAt = performance.now();

  constructor(
    private readonly what: string,
    private readonly screen: Screen = terminal(),
  ) {
    this.shownAt = screen.isTerminal ? -Infinity : performance.now();
  }

  /** @param total null: not known yet */
  show(done: number, total: number | null): void {
    const now = performance.now();
    if (now - this.shownAt < (this.screen.isTerminal ? 100 : LINE_EVERY_MS)) {
      return;
    }
    this.shownAt = now;
    const line = this.lineOf(done, total, (now - this.startedAt) / 1_000);
    this.screen.write(
      this.screen.isTerminal ? CLEAR_LINE + line.slice(0, Math.max(0, this.screen.width() - 1)) : `${line}\n`,
    );
    this.isShown = true;
  }

  /** Takes the bar away; lines stay. */
  end(): void {
    if (this.screen.isTerminal && this.isShown) {
      this.screen.write(CLEAR_LINE);
      this.isShown = false;
    }
  }

  private lineOf(done: number, total: number | null, seconds: number): string {
    const rate = seconds > 0 ? done / seconds : 0;
    const parts =
      total === null || total === 0
        ? [countOf(done)]
        : [
            barOf(Math.min(1, done / total)),
            `${countOf(done)} of ${countOf(total)}`,
            ...(rate > 0 ? [`${countOf(Math.round(rate))}/s`, `${durationOf((total - done) / rate)} left`] : []),
          ];
    return [this.what, ...parts].join('  ');
  }
}

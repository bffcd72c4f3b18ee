import { defaultConfig, type SimulatorConfig } from './state/config.js';
import { now } from './state/clock.js';
import { Ledger } from './state/ledger.js';
import { MediaStore } from './state/media.js';
import { PairLimit } from './state/pair-limit.js';
import { Random } from './state/random.js';
import { Registry } from './state/registry.js';
import { Templates } from './state/templates.js';
import { Users } from './state/users.js';
import { Wamids } from './state/wamid.js';
import { Delivery } from './webhooks/delivery.js';
import { Statuses } from './webhooks/statuses.js';

/** Everything one simulator holds. All of it lives in memory and ends with the process. */
export class World {
  readonly config: SimulatorConfig = defaultConfig();
  readonly ledger = new Ledger();
  readonly templates = new Templates();
  readonly users = new Users();
  readonly media = new MediaStore();
  readonly wamids = new Wamids();
  readonly pairs = new PairLimit();
  readonly registry = new Registry(this.config);
  readonly delivery = new Delivery(this.config, () => this.random);
  readonly statuses = new Statuses(
    this.config,
    this.ledger,
    this.registry,
    this.users,
    this.wamids,
    this.delivery,
    () => this.random,
  );
  random = new Random(this.config.seed);
  /** When `faults.error_windows` was last set. */
  windowsSetAt = now();
  markedRead = 0;
  inboundCount = 0;
  /** Where this simulator answers, for the URLs of media. */
  ownUrl = '';
  private readonly timers = new Set<NodeJS.Timeout>();

  /** Does something later, unless the simulator was closed meanwhile. */
  later(delayMs: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      action();
    }, delayMs);
    this.timers.add(timer);
  }

  clearLedger(): void {
    this.ledger.clear();
    this.registry.clearCounts();
    this.statuses.clear();
    this.delivery.clearCounters();
    this.markedRead = 0;
    this.inboundCount = 0;
  }

  async close(): Promise<void> {
    this.timers.forEach((timer) => clearTimeout(timer));
    this.statuses.clear();
    await this.delivery.close();
  }
}

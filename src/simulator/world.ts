import { CallPermissions } from './state/call-permissions.js';
import { Catalogs } from './state/catalogs.js';
import { defaultConfig, type SimulatorConfig } from './state/config.js';
import { now } from './state/clock.js';
import { Encryption } from './state/encryption.js';
import { Flows } from './state/flows.js';
import { Ledger } from './state/ledger.js';
import { MediaStore } from './state/media.js';
import { Messages, type KnownMessage } from './state/messages.js';
import { People } from './state/people.js';
import { PairLimit } from './state/pair-limit.js';
import { Random } from './state/random.js';
import { Registry } from './state/registry.js';
import { Signups } from './state/signups.js';
import { Templates } from './state/templates.js';
import { Wamids } from './state/wamid.js';
import { Delivery } from './webhooks/delivery.js';
import { Statuses } from './webhooks/statuses.js';

/** A message from a customer of which only the id is still known. */
const FORGOTTEN: KnownMessage = {
  isFromCustomer: true,
  numberId: '',
  waId: '',
  userId: '',
  type: '',
  media: undefined,
};

/** Everything one simulator holds. All of it lives in memory and ends with the process. */
export class World {
  readonly config: SimulatorConfig = defaultConfig();
  readonly ledger = new Ledger();
  readonly templates = new Templates();
  readonly flows = new Flows();
  readonly people = new People(this.config);
  readonly media = new MediaStore(this.config);
  readonly catalogs = new Catalogs();
  readonly messages = new Messages();
  readonly wamids = new Wamids();
  readonly pairs = new PairLimit();
  readonly callPermissions = new CallPermissions();
  readonly encryption = new Encryption();
  readonly signups = new Signups();
  readonly registry = new Registry(this.config);
  readonly delivery = new Delivery(this.config, () => this.random);
  readonly statuses = new Statuses(
    this.config,
    this.ledger,
    this.registry,
    this.people,
    this.wamids,
    this.delivery,
    () => this.random,
  );
  random = new Random(this.config.seed);
  /** When `faults.error_windows` was last set. */
  windowsSetAt = now();
  markedRead = 0;
  /** Messages from customers since the ledger was emptied. */
  inboundCount = 0;
  private inboundIds = 0;
  private echoIds = 0;
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

  /** A new id for what a customer wrote. Never one that was given before, also after the ledger was emptied. */
  inboundId(party: string): string {
    return this.wamids.inbound(this.inboundIds++, party);
  }

  /** A new id for what the business wrote outside the API. */
  echoId(party: string): string {
    return this.wamids.echo(this.echoIds++, party);
  }

  /** A message of a customer, or of the business in its app; undefined for sends and for what was never heard of. */
  messageOf(wamid: string): KnownMessage | undefined {
    return this.messages.find(wamid) ?? (this.wamids.inboundSequenceOf(wamid) >= 0 ? FORGOTTEN : undefined);
  }

  clearLedger(): void {
    this.ledger.clear();
    this.registry.clearCounts();
    this.statuses.clear();
    this.delivery.clearCounters();
    this.messages.reads = [];
    this.markedRead = 0;
    this.inboundCount = 0;
  }

  async close(): Promise<void> {
    this.timers.forEach((timer) => clearTimeout(timer));
    this.statuses.clear();
    await this.delivery.close();
  }
}

import { errorOf } from '../error-codes.js';
import type { SpecialName } from '../magic-numbers.js';
import type { SimulatorConfig } from '../state/config.js';
import { isAccepted, OUTCOMES, PRICING, STATUS_NAMES, type Ledger, type StatusName } from '../state/ledger.js';
import { stranger, type People, type ShownPerson } from '../state/people.js';
import type { Random } from '../state/random.js';
import type { BusinessNumber, Registry } from '../state/registry.js';
import type { Wamids } from '../state/wamid.js';
import type { Delivery, Outgoing } from './delivery.js';
import { statusContactJson } from './person-json.js';
import { statusJson } from './status-json.js';
import { TimerWheel } from './timer-wheel.js';

/** What is to be reported about one send. */
export interface StatusPlan {
  sequence: number;
  /** A failed status with this code ends it; 0 for none. */
  failCode: number;
  special: SpecialName | undefined;
  /** Meta: a reaction only ever gets `sent`. */
  isReaction: boolean;
  isVoice: boolean;
}

/** Room for the status beside the row number in one packed number. */
const STATUS_SLOTS = 8;
const FAR_APART_MS = 2000;

/** Turns accepted sends into status webhooks: when, in which order, how often, in which batches. */
export class Statuses {
  private readonly wheel: TimerWheel<number>;

  constructor(
    private readonly config: SimulatorConfig,
    private readonly ledger: Ledger,
    private readonly registry: Registry,
    private readonly people: People,
    private readonly wamids: Wamids,
    private readonly delivery: Delivery,
    private readonly random: () => Random,
  ) {
    this.wheel = new TimerWheel(
      () => this.config.webhooks.tick_ms,
      (due) => this.send(due),
    );
  }

  get waiting(): number {
    return this.wheel.size;
  }

  schedule(plan: StatusPlan): void {
    if (!this.config.webhooks.enabled || plan.special === 'no_status') {
      return;
    }
    const names = this.namesFor(plan);
    const delays = this.delaysFor(names, plan.special);
    names.forEach((name, index) => {
      const packed = plan.sequence * STATUS_SLOTS + STATUS_NAMES.indexOf(name);
      const delay = delays[index] as number;
      this.wheel.add(packed, delay);
      if (plan.special === 'twice' || this.random().chance(this.config.webhooks.duplicate_ratio)) {
        this.wheel.add(packed, delay + this.random().next() * FAR_APART_MS);
      }
    });
  }

  clear(): void {
    this.wheel.clear();
  }

  private namesFor({ failCode, special, isReaction, isVoice }: StatusPlan): StatusName[] {
    if (special === 'failed_after_delivered') {
      return ['sent', 'delivered', 'failed'];
    }
    if (failCode !== 0) {
      return ['failed'];
    }
    if (isReaction || special === 'sent_only') {
      return ['sent'];
    }
    if (special === 'never_read') {
      return ['sent', 'delivered'];
    }
    if (special === 'read_only') {
      return ['sent', 'read'];
    }
    if (special !== undefined) {
      return ['sent', 'delivered', 'read'];
    }
    if (this.random().next() >= this.config.webhooks.delivered_ratio) {
      return ['sent'];
    }
    if (this.random().next() >= this.config.webhooks.read_ratio) {
      return ['sent', 'delivered'];
    }
    return isVoice ? ['sent', 'delivered', 'read', 'played'] : ['sent', 'delivered', 'read'];
  }

  /** Realistic: each at its time. Hostile: the times change places, and the first to leave leaves at once. */
  private delaysFor(names: StatusName[], special: SpecialName | undefined): number[] {
    const { jitter_ms, order } = this.config.webhooks;
    const delays = names.map((name) => this.nominalDelay(name) + this.random().next() * jitter_ms);
    if (special === 'backwards') {
      return delays.reverse();
    }
    if (order === 'realistic') {
      return delays;
    }
    delays[0] = 0;
    return this.random().shuffle(delays);
  }

  private nominalDelay(name: StatusName): number {
    const { sent_ms, delivered_ms, read_ms } = this.config.webhooks;
    switch (name) {
      case 'sent':
      case 'failed':
        return name === 'sent' ? sent_ms : delivered_ms;
      case 'delivered':
        return delivered_ms;
      case 'read':
        return read_ms;
      case 'played':
        return read_ms * 2;
    }
  }

  /** Meta groups what belongs to one number. */
  private send(due: number[]): void {
    const byNumber = new Map<number, number[]>();
    for (const packed of due) {
      const found = this.ledger.find(Math.floor(packed / STATUS_SLOTS));
      if (found === undefined) {
        continue;
      }
      const number = found[0].number[found[1]] as number;
      const group = byNumber.get(number);
      if (group === undefined) {
        byNumber.set(number, [packed]);
      } else {
        group.push(packed);
      }
    }
    const { order, batch_max } = this.config.webhooks;
    for (const [number, group] of byNumber) {
      const items = order === 'hostile' ? this.random().shuffle(group) : group;
      for (let start = 0; start < items.length; start += batch_max) {
        this.delivery.enqueue(this.outgoing(number, items.slice(start, start + batch_max)));
      }
    }
  }

  private outgoing(number: number, packed: number[]): Outgoing {
    return {
      updates: packed.length,
      attempts: 0,
      body: () => this.body(number, packed),
      acknowledged: () => this.remember(packed),
    };
  }

  /**
   * Meta: several statuses may share one change, and several changes one POST. Both forms are sent: the hostile order puts
   * each status into a change of its own.
   */
  private body(numberIndex: number, packed: number[]): string | undefined {
    const number = this.registry.at(numberIndex);
    const { digits, id, wabaId } = number;
    const metadata = `{"display_phone_number":"${digits}","phone_number_id":"${id}"}`;
    const start = `{"value":{"messaging_product":"whatsapp","metadata":${metadata},`;
    const written = packed.map((item) => this.statusOf(number, item)).filter((status) => status !== undefined);
    if (written.length === 0) {
      return undefined;
    }
    const groups = this.config.webhooks.order === 'hostile' ? written.map((status) => [status]) : [written];
    const changes = groups.map((statuses) => {
      const contacts = [...new Set(statuses.map(({ contact }) => contact).filter((contact) => contact !== ''))];
      const people = contacts.length === 0 ? '' : `"contacts":[${contacts.join(',')}],`;
      return `${start}${people}"statuses":[${statuses.map(({ json }) => json).join(',')}]},"field":"messages"}`;
    });
    return `{"object":"whatsapp_business_account","entry":[{"id":"${wabaId}","changes":[${changes.join(',')}]}]}`;
  }

  private statusOf(number: BusinessNumber, packed: number): { json: string; contact: string } | undefined {
    const sequence = Math.floor(packed / STATUS_SLOTS);
    const found = this.ledger.find(sequence);
    if (found === undefined) {
      return undefined;
    }
    const [chunk, row] = found;
    const name = STATUS_NAMES[packed % STATUS_SLOTS] as StatusName;
    const waId = String(chunk.to[row] || '');
    const addressedId = chunk.userId(row);
    const shown = this.recipientOf(number, waId, addressedId);
    const happenedAt = (chunk.arrivedAt[row] as number) + this.nominalDelay(name);
    const isReaction = this.ledger.typeName(chunk.type[row] as number) === 'reaction';
    const json = statusJson({
      id: this.wamids.outbound(sequence, waId === '' ? addressedId : waId),
      name,
      timestamp: Math.floor(happenedAt / 1000),
      waId: shown.waId,
      userId: shown.userId,
      parentUserId: shown.parentUserId,
      callbackData: this.config.webhooks.echo_callback_data ? chunk.callbackData(row) : '',
      pricing: isReaction ? undefined : (PRICING[chunk.pricing[row] as number] ?? 'service'),
      error: name === 'failed' ? errorOf((chunk.code[row] as number) || 131026) : undefined,
    });
    // Meta: since April 2026 contacts accompany sent, delivered and read, not failed; the username not sent.
    const hasContact = shown.userId !== '' && name !== 'failed';
    return { json, contact: hasContact ? statusContactJson(shown, name !== 'sent') : '' };
  }

  /** Meta: the phone stands in the statuses of what was sent to it, and of what was sent to a user id unless it is hidden. */
  private recipientOf(number: BusinessNumber, waId: string, addressedId: string): ShownPerson {
    const known = waId === '' ? this.people.byUserId(addressedId, number.portfolioId) : this.people.byWaId(waId);
    const person = known ?? (waId === '' ? { ...stranger(''), userId: addressedId } : stranger(waId));
    const shown = this.people.shown(person, number.portfolioId, waId === '' ? undefined : false);
    if (shown.userId === '') {
      shown.userId = addressedId;
    }
    return shown;
  }

  private remember(packed: number[]): void {
    for (const item of packed) {
      const found = this.ledger.find(Math.floor(item / STATUS_SLOTS));
      if (found !== undefined && isAccepted(OUTCOMES[found[0].outcome[found[1]] as number] ?? 'refused')) {
        found[0].statuses[found[1]] = (found[0].statuses[found[1]] as number) | (1 << (item % STATUS_SLOTS));
      }
    }
  }
}

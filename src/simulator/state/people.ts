import { isUserId, userIdOf, waIdBehind } from './bsuid.js';
import { now } from './clock.js';
import type { SimulatorConfig } from './config.js';
import { keep } from './keep.js';

/** A customer as far as the double has met them. */
export interface Person {
  /** Stands for the person whatever they are called; 0 for somebody never met. */
  readonly key: number;
  /** Digits of the phone; '' when only a user id is known. */
  waId: string;
  /** '' when it is the one derived from phone and portfolio. */
  userId: string;
  parentUserId: string;
  name: string;
  username: string;
  /** Undefined when the configuration decides. */
  hidesPhone: boolean | undefined;
  identityKeyHash: string;
}

/** What can be said about a person from outside. */
export type PersonChanges = Partial<Omit<Person, 'key' | 'waId'>>;

/** How webhooks of one number name a person: '' for what they leave out. */
export interface ShownPerson {
  waId: string;
  userId: string;
  parentUserId: string;
  name: string;
  username: string;
  identityKeyHash: string;
}

const REMEMBERED = 200_000;
const WINDOW_MS = 24 * 60 * 60 * 1000;

/** The customers, by phone and by user id, and when they wrote last; the longest unseen are forgotten. */
export class People {
  private readonly byPhone = new Map<string, Person>();
  private readonly byGivenId = new Map<string, Person>();
  private readonly gone = new Map<string, true>();
  private readonly lastInbound = new Map<string, number>();
  private readonly stopped = new Set<string>();
  private lastKey = 0;

  constructor(private readonly config: Pick<SimulatorConfig, 'bsuid'>) {}

  /** Everybody met, the longest unseen first. */
  all(): Person[] {
    return [...new Set([...this.byPhone.values(), ...this.byGivenId.values()])];
  }

  byWaId(waId: string): Person | undefined {
    return this.byPhone.get(waId);
  }

  /** Who has this user id or parent id within a portfolio; somebody never met when it was derived from a phone. */
  byUserId(userId: string, portfolio: string): Person | undefined {
    const given = this.byGivenId.get(userId);
    if (given !== undefined) {
      return given;
    }
    const waId = waIdBehind(userId, portfolio);
    if (waId === undefined || this.gone.has(waId)) {
      return undefined;
    }
    const known = this.byPhone.get(waId);
    return known === undefined || known.userId === '' ? (known ?? stranger(waId)) : undefined;
  }

  /** Whether a phone or user id was given up for another one. */
  isGone(address: string): boolean {
    return this.gone.size > 0 && this.gone.has(address);
  }

  /** Meets the owner of a phone, of a user id, or of both, who are one person from then on. */
  meet(waId: string, userId: string, portfolio: string, changes: PersonChanges = {}): Person {
    const owner = userId === '' ? undefined : this.byUserId(userId, portfolio);
    const person = this.byPhone.get(waId) ?? this.adopted(owner, waId) ?? this.newPerson(waId || (owner?.waId ?? ''));
    this.gone.delete(person.waId);
    const isNewId = userId !== '' && person.parentUserId !== userId && this.userIdOf(person, portfolio) !== userId;
    if (isNewId && owner !== undefined) {
      this.change(owner, { userId: '' });
    }
    this.change(person, isNewId ? { ...changes, userId } : changes);
    return person;
  }

  change(person: Person, changes: PersonChanges): void {
    this.forget(person);
    Object.assign(person, changes);
    this.remember(person);
  }

  /** Meta: with another phone a person has another user id. */
  changeNumber(person: Person, waId: string, userId: string): void {
    this.forget(person);
    for (const old of [person.waId, person.userId]) {
      if (old !== '') {
        keep(this.gone, old, true, REMEMBERED);
      }
    }
    person.waId = waId;
    person.userId = userId;
    this.gone.delete(waId);
    this.remember(person);
  }

  changeUserId(person: Person, userId: string, parentUserId: string): void {
    if (person.userId !== '') {
      keep(this.gone, person.userId, true, REMEMBERED);
    }
    this.change(person, { userId, parentUserId });
  }

  userIdOf(person: Person, portfolio: string): string {
    return person.userId !== '' || person.waId === '' ? person.userId : userIdOf(person.waId, portfolio);
  }

  hidesPhone(person: Person): boolean {
    return person.hidesPhone ?? this.config.bsuid === 'only';
  }

  /** @param isHidden whether the phone is left out; the person and the configuration decide when it is not given */
  shown(person: Person, portfolio: string, isHidden: boolean = this.hidesPhone(person)): ShownPerson {
    const hasUserId = person.userId !== '' || isHidden || this.config.bsuid !== 'off';
    return {
      waId: isHidden ? '' : person.waId,
      userId: hasUserId ? this.userIdOf(person, portfolio) : '',
      parentUserId: person.parentUserId,
      name: nameOf(person),
      username: person.username,
      identityKeyHash: person.identityKeyHash,
    };
  }

  /** Notes that a person wrote to a number: the customer service window opens. */
  wrote(numberId: string, person: Person): void {
    keep(this.lastInbound, `${numberId}/${person.key}`, now(), REMEMBERED);
  }

  /** Meta: free-form messages only within 24 hours of the person's last message. */
  hasOpenWindow(numberId: string, person: Person | undefined): boolean {
    return person !== undefined && now() - (this.lastInbound.get(`${numberId}/${person.key}`) ?? 0) < WINDOW_MS;
  }

  /** Meta: marketing preferences are per business-scoped user id. */
  setMarketing(portfolio: string, person: Person, isStopped: boolean): void {
    const entry = `${portfolio}/${person.key}`;
    if (isStopped) {
      this.stopped.add(entry);
    } else {
      this.stopped.delete(entry);
    }
  }

  hasStoppedMarketing(portfolio: string, person: Person | undefined): boolean {
    return this.stopped.size > 0 && person !== undefined && this.stopped.has(`${portfolio}/${person.key}`);
  }

  /** Somebody met by user id alone gets the phone; whoever has another phone is another person. */
  private adopted(owner: Person | undefined, waId: string): Person | undefined {
    if (owner === undefined || owner.key === 0 || (waId !== '' && owner.waId !== '' && owner.waId !== waId)) {
      return undefined;
    }
    if (waId !== '' && owner.waId === '') {
      owner.waId = waId;
    }
    return owner;
  }

  private newPerson(waId: string): Person {
    return { ...stranger(waId), key: ++this.lastKey };
  }

  private forget(person: Person): void {
    this.byPhone.delete(person.waId);
    this.byGivenId.delete(person.userId);
    this.byGivenId.delete(person.parentUserId);
  }

  private remember(person: Person): void {
    if (person.waId !== '') {
      keep(this.byPhone, person.waId, person, REMEMBERED);
    }
    for (const id of [person.userId, person.parentUserId]) {
      if (id !== '' && isUserId(id)) {
        keep(this.byGivenId, id, person, REMEMBERED);
      }
    }
  }
}

/** Somebody of whom only the phone is known. */
export function stranger(waId: string): Person {
  return {
    key: 0,
    waId,
    userId: '',
    parentUserId: '',
    name: '',
    username: '',
    hidesPhone: undefined,
    identityKeyHash: '',
  };
}

export function nameOf(person: Person): string {
  return person.name === '' ? `Customer ${(person.waId || person.userId).slice(-4)}` : person.name;
}

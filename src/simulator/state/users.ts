import { hash53 } from './hash.js';
import { now } from './clock.js';

/** A person as far as the double has met them. */
export interface User {
  waId: string;
  userId: string;
  name: string;
  username: string;
}

const REMEMBERED = 200_000;
const WINDOW_MS = 24 * 60 * 60 * 1000;
/** Calling code → country, for the front of a business-scoped user id. */
const COUNTRIES: readonly (readonly [string, string])[] = [
  ['91', 'IN'],
  ['55', 'BR'],
  ['52', 'MX'],
  ['44', 'GB'],
  ['49', 'DE'],
  ['1', 'US'],
];
/** Meta: `CC.<id>`, parent ids `CC.ENT.<id>`, at most 128 alphanumerics. */
const USER_ID = /^[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}$/;

export function isUserId(text: string): boolean {
  return USER_ID.test(text);
}

/** The people who wrote in, by phone and by business-scoped user id, and when; the longest unseen are forgotten. */
export class Users {
  private readonly byPhone = new Map<string, User>();
  private readonly byUserId = new Map<string, User>();
  private readonly lastInbound = new Map<string, number>();

  byWaId(waId: string): User | undefined {
    return this.byPhone.get(waId);
  }

  byBsuid(userId: string): User | undefined {
    return this.byUserId.get(userId);
  }

  meet(user: User): void {
    if (user.waId !== '') {
      keep(this.byPhone, user.waId, user);
    }
    if (user.userId !== '') {
      keep(this.byUserId, user.userId, user);
    }
  }

  /** Notes that a person wrote to a number: the customer service window opens. */
  wrote(numberId: string, party: string): void {
    keep(this.lastInbound, `${numberId}/${party}`, now());
  }

  /** Meta: free-form messages only within 24 hours of the person's last message. */
  hasOpenWindow(numberId: string, party: string): boolean {
    return now() - (this.lastInbound.get(`${numberId}/${party}`) ?? 0) < WINDOW_MS;
  }

  /** The user id a phone always gets here. */
  static derivedUserId(waId: string): string {
    const country = COUNTRIES.find(([prefix]) => waId.startsWith(prefix))?.[1] ?? 'ZZ';
    return `${country}.1${String(hash53(waId)).padStart(19, '0')}`;
  }
}

function keep<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > REMEMBERED) {
    map.delete(map.keys().next().value as string);
  }
}

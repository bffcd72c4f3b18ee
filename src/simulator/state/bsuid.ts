import { hash53 } from './hash.js';

/** Calling code → country, for the front of a user id; the longest first. */
const COUNTRIES: readonly (readonly [string, string])[] = [
  ['971', 'AE'],
  ['880', 'BD'],
  ['234', 'NG'],
  ['92', 'PK'],
  ['91', 'IN'],
  ['62', 'ID'],
  ['55', 'BR'],
  ['52', 'MX'],
  ['49', 'DE'],
  ['44', 'GB'],
  ['34', 'ES'],
  ['33', 'FR'],
  ['1', 'US'],
];
/** Meta: `CC.<id>`, parent ids `CC.ENT.<id>`, at most 128 alphanumerics. */
const USER_ID = /^[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}$/;
const DERIVED = /^[A-Z]{2}\.1(\d{4})(\d{7})(\d{8})$/;
const HIGH = 10_000_000;
const LOW = 100_000_000;

export function isUserId(text: string): boolean {
  return USER_ID.test(text);
}

export function isParentUserId(text: string): boolean {
  return USER_ID.test(text) && text.slice(3, 7) === 'ENT.';
}

/**
 * The user id a phone has within a business portfolio: always the same, and it can be read back, so that a million of them
 * need not be stored.
 *
 * @param waId at most 15 digits
 */
export function userIdOf(waId: string, portfolio: string): string {
  const number = Number(waId);
  const key = keyOf(portfolio);
  let high = Math.floor(number / LOW);
  let low = number % LOW;
  low = (low + scatter(high, key)) % LOW;
  high = (high + scatter(low, key + 1)) % HIGH;
  low = (low + scatter(high, key + 2)) % LOW;
  return `${countryOf(waId)}.1${tagOf(key)}${String(high).padStart(7, '0')}${String(low).padStart(8, '0')}`;
}

/** The phone behind a user id that `userIdOf` made for this portfolio; undefined for any other. */
export function waIdBehind(userId: string, portfolio: string): string | undefined {
  const match = DERIVED.exec(userId);
  const key = keyOf(portfolio);
  if (match === null || match[1] !== tagOf(key)) {
    return undefined;
  }
  let high = Number(match[2]);
  let low = Number(match[3]);
  low = modulo(low - scatter(high, key + 2), LOW);
  high = modulo(high - scatter(low, key + 1), HIGH);
  low = modulo(low - scatter(high, key), LOW);
  const waId = String(high * LOW + low);
  return waId.length >= 7 && userIdOf(waId, portfolio) === userId ? waId : undefined;
}

function countryOf(waId: string): string {
  return COUNTRIES.find(([prefix]) => waId.startsWith(prefix))?.[1] ?? 'ZZ';
}

function keyOf(portfolio: string): number {
  return hash53(portfolio) % 4_294_967_296;
}

function tagOf(key: number): string {
  return String(key % 10_000).padStart(4, '0');
}

function scatter(value: number, key: number): number {
  let mixed = Math.imul(value ^ key, 0x9e3779b1);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}

function modulo(value: number, base: number): number {
  return ((value % base) + base) % base;
}

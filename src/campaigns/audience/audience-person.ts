import { parsePhoneNumber, type PhoneNumber } from '../../common/phone-number.js';
import type { AudienceLine } from '../recipients.repository.js';

const MAX_NAME = 255;
const MAX_PARAMS = 64;
const MAX_COLUMN_NAME = 100;
const MAX_VALUE = 4_096;
/** `CC.<id>` or, for a portfolio's parent id, `CC.ENT.<id>`. Source: Meta's business-scoped user ids page. */
const USER_ID = /^[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}$/;

/** Where a person is reached. */
export interface PersonAddress {
  identity: string;
  phone: PhoneNumber | null;
  userId: string | null;
}

/**
 * Reads where a person is reached, by a phone in any spelling or Meta's user id: one that can be read is enough, and of two
 * the phone is who it is.
 * @returns null when neither can be read
 */
export function readAddress(
  phoneText: string,
  userIdText: string,
  defaultCountry: string | null,
): PersonAddress | null {
  const phone = parsePhoneNumber(phoneText, defaultCountry);
  const userId = USER_ID.test(userIdText) ? userIdText : null;
  if (phone === null && userId === null) {
    return null;
  }
  return { identity: phone === null ? `user:${userId}` : `phone:${phone}`, phone, userId };
}

/**
 * Reads a person as code or an endpoint gave it. Whoever cannot be read or reached becomes a skipped line, known by its
 * place in the audience: nobody is lost without a trace, and one broken row does not cost the others.
 * @param line place in the audience, from 1
 */
export function readPerson(given: unknown, line: number, defaultCountry: string | null): AudienceLine {
  const person = isRecord(given) ? given : {};
  const { phone: givenPhone, user_id: givenId, name: givenName } = person;
  const address = readAddress(textOf(givenPhone), typeof givenId === 'string' ? givenId : '', defaultCountry);
  const name = textOf(givenName).slice(0, MAX_NAME).toWellFormed();
  const base = { line, name, parameters: parametersOf(person) };
  return address ? { ...base, ...address, skipReason: null } : { ...base, ...unreadable(line) };
}

/** A person who is there already, kept as a line that is skipped. */
export function asDuplicate(line: AudienceLine): AudienceLine {
  return { ...line, identity: lineIdentity(line.line), skipReason: 'duplicate' };
}

/** Who cannot be reached, known by the place in the audience. */
export function unreadable(line: number): Pick<AudienceLine, 'identity' | 'phone' | 'userId' | 'skipReason'> {
  return { identity: lineIdentity(line), phone: null, userId: null, skipReason: 'invalid' };
}

function lineIdentity(line: number): string {
  return `line:${line}`;
}

/** The columns it was given, beside name and email. */
function parametersOf({ name, email, params }: Record<string, unknown>): Record<string, string> {
  const given = isRecord(params) ? Object.entries(params).slice(0, MAX_PARAMS) : [];
  const columns = Object.entries({ name, email }).filter(([, value]) => textOf(value) !== '');
  return Object.fromEntries(
    [...columns, ...given].map(([column, value]) => [
      storable(column.slice(0, MAX_COLUMN_NAME)),
      textOf(value).slice(0, MAX_VALUE).toWellFormed(),
    ]),
  );
}

/** Texts, numbers, dates and truth values; of anything else nothing can be written into a message. */
function textOf(value: unknown): string {
  if (value instanceof Date) {
    return Number.isNaN(value.getTime()) ? '' : value.toISOString();
  }
  const isPlain = ['string', 'number', 'bigint', 'boolean'].includes(typeof value);
  return isPlain ? storable(String(value)) : '';
}

/** PostgreSQL takes neither NUL nor half a surrogate pair. */
function storable(text: string): string {
  return text.replaceAll('\u0000', '').toWellFormed();
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

import { parsePhoneNumberFromString, type CountryCode, type PhoneNumber as Parsed } from 'libphonenumber-js/min';
import { AppError } from './app-error.js';

/** A phone number in E.164 with its `+`: the one spelling inside Parley. */
export type PhoneNumber = string & { readonly brand: 'PhoneNumber' };

const MAX_INPUT_LENGTH = 32;
const SPELLING = /^[+0-9()\-.\u2010-\u2015/\s\u00a0]+$/u;

/**
 * Reads a phone number in any usual spelling, or answers null.
 *
 * - written with `+` or `00`: as it stands; a country code is never added;
 * - otherwise, with a default country: its national form (the seeds' rule: ten bare digits are Indian with `IN`);
 * - otherwise: digits that begin with a country code, as Meta writes a `wa_id`.
 *
 * @param defaultCountry ISO 3166 code such as `IN`, or null to read only international spellings
 */
export function parsePhoneNumber(input: string, defaultCountry: string | null): PhoneNumber | null {
  const text = input.normalize('NFKC').trim();
  if (text.length === 0 || text.length > MAX_INPUT_LENGTH || !SPELLING.test(text)) {
    return null;
  }
  const digits = text.replace(/\D/g, '');
  if (text.startsWith('+')) {
    return possible(parse(`+${digits}`));
  }
  if (digits.startsWith('00')) {
    return possible(parse(`+${digits.slice(2)}`));
  }
  const international = parse(`+${digits}`);
  if (!defaultCountry) {
    return possible(international);
  }
  const national = parse(digits, defaultCountry as CountryCode);
  if (defaultCountry === 'IN' && digits.length === 10) {
    return possible(national);
  }
  // An Indian number without its country code has ten digits (or a leading zero), so anything else is international;
  // of other countries nothing like it can be said, and the home country comes first.
  const isLikelyInternational = defaultCountry === 'IN' && !digits.startsWith('0');
  const order = isLikelyInternational ? [international, national] : [national, international];
  return (order.find((candidate) => candidate?.isValid())?.number ??
    order.find((candidate) => candidate?.isPossible())?.number ??
    null) as PhoneNumber | null;
}

/** As {@link parsePhoneNumber}, but throws `400 invalid_phone_number` naming the field. */
export function requirePhoneNumber(input: string, defaultCountry: string | null, field = 'phone'): PhoneNumber {
  const phone = parsePhoneNumber(input, defaultCountry);
  if (!phone) {
    const message = `"${input.slice(0, MAX_INPUT_LENGTH)}" is not a phone number. Write it with + and country code, such as +919876543210.`;
    throw new AppError('validation_failed', message, { errors: [{ field, code: 'invalid_phone_number', message }] });
  }
  return phone;
}

/** Reads the digits Meta calls `wa_id`: always international, never with a `+`. Null when it is no phone number. */
export function phoneFromWaId(waId: string): PhoneNumber | null {
  return /^[0-9]{5,20}$/.test(waId) ? (`+${waId}` as PhoneNumber) : null;
}

/** E.164 without `+`, as the seeds' `normalized_phone` and Meta's `wa_id`. */
export function withoutPlus(phone: string): string {
  return phone.replace(/^\+/, '');
}

function parse(text: string, country?: CountryCode): Parsed | undefined {
  return parsePhoneNumberFromString(text, country);
}

function possible(candidate: Parsed | undefined): PhoneNumber | null {
  return candidate?.isPossible() ? (candidate.number as string as PhoneNumber) : null;
}

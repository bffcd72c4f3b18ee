import { invalidField } from '../common/app-error.js';
import { requirePhoneNumber, type PhoneNumber } from '../common/phone-number.js';

/** How a request names a person: by phone or by Meta's business-scoped user id. */
export type Address = { phone: PhoneNumber } | { userId: string };

/** `CC.<id>` or, for a portfolio's parent id, `CC.ENT.<id>`. Source: Meta's business-scoped user ids page. */
const USER_ID = /^[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}$/;

/** Reads `phone` or `user_id` of a body; exactly one of them is needed, the phone wins. */
export function addressOf(body: { phone?: string; user_id?: string }, defaultCountry: string | null): Address {
  if (body.phone !== undefined) {
    return { phone: requirePhoneNumber(body.phone, defaultCountry) };
  }
  if (body.user_id === undefined) {
    throw invalidField('phone', 'required', 'phone is required (or user_id, for a person whose phone is not known).');
  }
  if (!USER_ID.test(body.user_id)) {
    throw invalidField('user_id', 'invalid_user_id', 'user_id has the form IN.13491208655302741918.');
  }
  return { userId: body.user_id };
}

/** Reads the `{phone}` of a path, which takes either. */
export function addressOfPath(text: string, defaultCountry: string | null): Address {
  return addressOf(USER_ID.test(text) ? { user_id: text } : { phone: text }, defaultCountry);
}

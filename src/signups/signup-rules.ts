import { invalidFields, type FieldError } from '../common/app-error.js';
import type { SignupContent } from './signup.js';

/** Source of all: Meta's page on In-App Signups. */
export const MAX_DISPLAY_NAME = 256;
export const MAX_MESSAGE = 300;
export const MAX_URL = 2_048;
export const MAX_PROMO_CODE = 50;

const PROMO_CODE = '{{promo_code}}';
const PLACEHOLDER = /\{\{[^{}]*\}\}/g;

/**
 * What Meta is certain to refuse, before Meta is asked.
 * @throws `400 validation_failed` naming each field
 */
export function requireContent(content: SignupContent): void {
  const errors = [
    ...messageProblems('signup_message', content.signupMessage),
    ...messageProblems('confirmation_message', content.confirmationMessage),
    ...placeholderProblems(content),
    ...urlProblems('privacy_policy_url', content.privacyPolicyUrl, ['http:', 'https:']),
    ...(content.websiteUrl === '' ? [] : urlProblems('website_url', content.websiteUrl, ['https:'])),
    ...promoCodeProblems(content.promoCode),
    ...(charactersOf(content.displayName) > MAX_DISPLAY_NAME
      ? [error('display_name', 'too_long', `must have at most ${MAX_DISPLAY_NAME} characters`)]
      : []),
  ];
  if (errors.length > 0) {
    throw invalidFields(errors);
  }
}

function messageProblems(field: string, text: string): FieldError[] {
  if (text === '') {
    return [error(field, 'required', 'must not be blank')];
  }
  return charactersOf(text) > MAX_MESSAGE
    ? [error(field, 'too_long', `must have at most ${MAX_MESSAGE} characters`)]
    : [];
}

function placeholderProblems({ confirmationMessage, promoCode }: SignupContent): FieldError[] {
  const placeholders = confirmationMessage.match(PLACEHOLDER) ?? [];
  const unknown = placeholders.filter((placeholder) => placeholder !== PROMO_CODE);
  if (unknown.length > 0) {
    const text = `has ${[...new Set(unknown)].join(', ')}, but the only placeholder is ${PROMO_CODE}`;
    return [error('confirmation_message', 'unknown_placeholder', text)];
  }
  return placeholders.length > 0 && promoCode === ''
    ? [error('promo_code', 'required', `is needed, for confirmation_message has ${PROMO_CODE}`)]
    : [];
}

function promoCodeProblems(code: string): FieldError[] {
  return code === '' || /^[A-Za-z0-9]{1,50}$/.test(code)
    ? []
    : [error('promo_code', 'invalid_promo_code', `must be 1 to ${MAX_PROMO_CODE} letters and digits (A-Z, a-z, 0-9)`)];
}

function urlProblems(field: string, text: string, schemes: readonly string[]): FieldError[] {
  const url = text.length <= MAX_URL && !/\s/.test(text) && URL.canParse(text) ? new URL(text) : null;
  if (url !== null && url.hostname !== '' && schemes.includes(url.protocol) && /^https?:\/\//i.test(text)) {
    return [];
  }
  const names = schemes.map((scheme) => `${scheme}//`).join(' or ');
  return [error(field, 'invalid_url', `must be a URL that begins with ${names}`)];
}

/** As people count them. */
function charactersOf(text: string): number {
  return [...text].length;
}

function error(field: string, code: string, rest: string): FieldError {
  return { field, code, message: `${field} ${rest}` };
}

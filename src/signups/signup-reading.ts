import { createHash } from 'node:crypto';
import type { MetaSignup } from '../meta/api/signups.js';
import { textOf } from '../meta/webhook-payload.js';
import { CONTENT, type SignupContent } from './signup.js';
import type { ReadSignup } from './signup-sync.repository.js';

const MAX_ID = 100;
const MAX_TEXT = 4_096;
const MAX_STATUS = 50;

/** What Meta has, in our words; null when it has no id that can be kept. */
export function readSignup(meta: MetaSignup): ReadSignup | null {
  const signupId = String(meta.id);
  if (signupId.length > MAX_ID) {
    return null;
  }
  return {
    signupId,
    displayName: textOf(meta.display_name, MAX_TEXT),
    signupMessage: textOf(meta.signup_message, MAX_TEXT),
    confirmationMessage: textOf(meta.confirmation_message, MAX_TEXT),
    privacyPolicyUrl: textOf(meta.privacy_policy_url, MAX_TEXT),
    websiteUrl: textOf(meta.website_url, MAX_TEXT),
    promoCode: textOf(meta.promo_code, MAX_TEXT),
    status: textOf(meta.status, MAX_STATUS)?.toUpperCase() ?? null,
  };
}

/** What Meta leaves out is empty there. */
export function contentOf(read: { [Key in keyof SignupContent]: string | null }): SignupContent {
  return Object.fromEntries(CONTENT.map((key) => [key, read[key] ?? ''])) as unknown as SignupContent;
}

/** Signups have no name of their own at Meta: those that say the same cannot be told apart. */
export function hashOf(content: SignupContent): Buffer {
  return createHash('sha256')
    .update(JSON.stringify(CONTENT.map((key) => content[key])))
    .digest();
}

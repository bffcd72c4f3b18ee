import { invalidField } from '../common/app-error.js';
import { AccountScopedDto, NextCursor, PageQuery } from '../http/common.dto.js';
import { AnyJson, Bool, Id, Int, ListOf, Nested, OneOf, OptionalText, Phone, Text, Timestamp } from '../http/fields.js';
import { availabilityOf } from './signup-availability.js';
import { deepLinkOf, deepLinksOf, type LinkedNumber } from './signup-links.js';
import { MAX_URL } from './signup-rules.js';
import { TERMS_URL, type LabelChoice, type SignupChanges, type SignupInput } from './signup.js';
import type { SignupSyncResult } from './signup-sync.js';
import type { SignupRecord } from './signups.repository.js';
import type { SubscriberRow } from './subscribers.repository.js';

const STATUSES = ['ACTIVE', 'DISABLED'];
/** Longer than Meta takes: which rule is broken is told by name. */
const MAX_INPUT = 2_000;

const DISPLAY_NAME = {
  max: MAX_INPUT,
  min: 0,
  description: 'For you alone: 1 to 256 characters.',
  example: 'Spring fair',
};
const SIGNUP_MESSAGE = {
  max: MAX_INPUT,
  description: 'What people read before they agree: 1 to 300 characters.',
  example: 'Get our offers on WhatsApp, at most one a week.',
};
const CONFIRMATION_MESSAGE = {
  max: MAX_INPUT,
  description: 'What WhatsApp sends them then: 1 to 300 characters; `{{promo_code}}` is the only placeholder.',
  example: 'Welcome! {{promo_code}} takes 10 % off.',
};
const WEBSITE_URL = { max: MAX_URL, min: 0, description: 'Begins with https://.', example: 'https://example.com' };
const PROMO_CODE = {
  max: MAX_INPUT,
  min: 0,
  description: '1 to 50 letters and digits; needed when the confirmation has its placeholder.',
  example: 'SPRING10',
};

const AutoAddToLabel = (): PropertyDecorator =>
  AnyJson({
    optional: true,
    schema: {
      nullable: true,
      oneOf: [
        { type: 'integer', minimum: 1 },
        { type: 'string', maxLength: 50 },
      ],
    } as never,
    description:
      'The label that new subscribers get. A number is its id, a string its name; a name that is new becomes a label. Null ' +
      'or an empty string: none.',
    example: 'Subscribers',
  });

export class CreateSignupDto extends AccountScopedDto {
  @Text({ ...DISPLAY_NAME, optional: true })
  display_name?: string;

  @Text(SIGNUP_MESSAGE)
  signup_message: string;

  @Text(CONFIRMATION_MESSAGE)
  confirmation_message: string;

  @Text({ max: MAX_URL, description: 'http or https. It never changes.', example: 'https://example.com/privacy' })
  privacy_policy_url: string;

  @Text({ ...WEBSITE_URL, optional: true })
  website_url?: string;

  @Text({ ...PROMO_CODE, optional: true })
  promo_code?: string;

  @AutoAddToLabel()
  auto_add_to_label?: unknown;

  @Bool({
    optional: true,
    default: false,
    description: `Accepts Meta's terms (${TERMS_URL}) for the business: needed on its first signup, and only there.`,
  })
  tos_accepted?: boolean;
}

/** Changes the given fields only. */
export class UpdateSignupDto extends AccountScopedDto {
  @Text({ ...DISPLAY_NAME, optional: true })
  display_name?: string;

  @Text({ ...SIGNUP_MESSAGE, optional: true })
  signup_message?: string;

  @Text({ ...CONFIRMATION_MESSAGE, optional: true })
  confirmation_message?: string;

  @Text({ max: MAX_URL, optional: true, description: 'Never changes: another one is refused.' })
  privacy_policy_url?: string;

  @Text({ ...WEBSITE_URL, optional: true })
  website_url?: string;

  @Text({ ...PROMO_CODE, optional: true })
  promo_code?: string;

  @AutoAddToLabel()
  auto_add_to_label?: unknown;
}

export class ListSignupsQuery extends PageQuery {
  @OptionalText({ max: 100, description: 'Part of name, message or Meta’s id.', example: 'spring' })
  q?: string;

  @OneOf(STATUSES, { optional: true, description: 'Only those with this status.' })
  status?: string;
}

export class GetSignupQuery extends AccountScopedDto {
  @Bool({ optional: true, default: false, description: 'Reads it from Meta before.' })
  live?: boolean;
}

export class ListSubscribersQuery extends PageQuery {
  @OptionalText({ max: 150, description: 'Part of name or phone, or a whole user id.', example: 'asha' })
  q?: string;
}

export class DeepLinkDto {
  @Id({ description: 'The account of the number.' })
  account_id: number;

  @Phone()
  phone_number: string;

  @Text({ max: 500, example: 'https://wa.me/919876500001/signup/9876543210123456' })
  url: string;
}

export class SignupAvailabilityDto {
  @Bool({ nullable: true, description: 'False: Meta’s list names the country of the number. Null: it is not known.' })
  available: boolean | null;

  @Text({ max: 500, nullable: true, example: null })
  reason: string | null;
}

/** A link by which people subscribe inside WhatsApp. */
export class SignupDto {
  @Id()
  id: number;

  @Id({ description: 'The account whose row this is.' })
  account_id: number;

  @Text({ max: 100, description: 'Meta’s id.', example: '9876543210123456' })
  signup_id: string;

  @Text({ max: 4_096, min: 0, example: 'Spring fair' })
  display_name: string;

  @Text({ max: 4_096, min: 0, example: SIGNUP_MESSAGE.example })
  signup_message: string;

  @Text({ max: 4_096, min: 0, example: CONFIRMATION_MESSAGE.example })
  confirmation_message: string;

  @Text({ max: 4_096, min: 0, example: 'https://example.com/privacy' })
  privacy_policy_url: string;

  @Text({ max: 4_096, min: 0, example: 'https://example.com' })
  website_url: string;

  @Text({ max: 4_096, min: 0, example: 'SPRING10' })
  promo_code: string;

  @Text({ max: 50, description: '`ACTIVE` or `DISABLED`: a disabled link shows an error.', example: 'ACTIVE' })
  status: string;

  @Id({ nullable: true, description: 'Id of the label that new subscribers get.' })
  auto_add_to_label: number | null;

  @Text({ max: 50, nullable: true, example: 'Subscribers' })
  auto_add_to_label_name: string | null;

  @Int({ description: 'People who subscribed by it, each once.', example: 42 })
  subscriber_count: number;

  @Bool({ description: 'The business has accepted Meta’s terms.' })
  tos_accepted: boolean;

  @Text({
    max: 500,
    nullable: true,
    description: 'Leads to it through the number of the account; null while that is not known.',
    example: 'https://wa.me/919876500001/signup/9876543210123456',
  })
  deep_link: string | null;

  @Text({ max: 500, nullable: true, description: 'Why there is no deep_link.', example: null })
  deep_link_reason: string | null;

  @ListOf(() => DeepLinkDto, { description: 'Through every number of the WABA that is an account here.' })
  deep_links: DeepLinkDto[];

  @Nested(() => SignupAvailabilityDto, { description: 'Whether Meta offers signups in the country of the number.' })
  availability: SignupAvailabilityDto;

  @Timestamp({ nullable: true, description: 'When it was last read from Meta; null: only its id is known.' })
  synced_at: string | null;

  @Timestamp()
  created_at: string;

  @Timestamp()
  updated_at: string;
}

export class SignupListDto {
  @ListOf(() => SignupDto)
  signups: SignupDto[];

  @NextCursor()
  next_cursor: string | null;
}

export class SignupSyncDto {
  @Int({ description: 'Signups that are as Meta has them.', example: 12 })
  synced: number;

  @Int({ example: 1 })
  created: number;

  @Int({ example: 2 })
  updated: number;

  @Int({ description: 'Being changed from here meanwhile, or listed by Meta and not shown.', example: 0 })
  skipped: number;
}

export class SubscriberDto {
  @Id()
  contact_id: number;

  @Phone({ nullable: true })
  phone: string | null;

  @Text({ max: 150, nullable: true, example: 'IN.13491208655302741918' })
  user_id: string | null;

  @Text({ max: 255, min: 0, example: 'Asha Rao' })
  name: string;

  @Timestamp({ description: 'The first time.' })
  subscribed_at: string;

  @Timestamp({ description: 'The last time.' })
  last_subscribed_at: string;

  @Id({ nullable: true, description: 'Id of the label they were given.' })
  label: number | null;

  @Text({ max: 50, nullable: true, example: 'Subscribers' })
  label_name: string | null;
}

export class SubscriberListDto {
  @ListOf(() => SubscriberDto)
  subscribers: SubscriberDto[];

  @NextCursor()
  next_cursor: string | null;
}

export function toSignupInput(body: CreateSignupDto): SignupInput {
  return {
    displayName: body.display_name?.trim() ?? '',
    signupMessage: body.signup_message.trim(),
    confirmationMessage: body.confirmation_message.trim(),
    privacyPolicyUrl: body.privacy_policy_url.trim(),
    websiteUrl: body.website_url?.trim() ?? '',
    promoCode: body.promo_code?.trim() ?? '',
    label: readLabelChoice(body.auto_add_to_label ?? null),
    tosAccepted: body.tos_accepted ?? false,
  };
}

export function toSignupChanges(body: UpdateSignupDto): SignupChanges {
  return {
    displayName: body.display_name?.trim(),
    signupMessage: body.signup_message?.trim(),
    confirmationMessage: body.confirmation_message?.trim(),
    privacyPolicyUrl: body.privacy_policy_url?.trim(),
    websiteUrl: body.website_url?.trim(),
    promoCode: body.promo_code?.trim(),
    label: body.auto_add_to_label === undefined ? undefined : readLabelChoice(body.auto_add_to_label),
  };
}

/** @param numbers all numbers that the caller may see */
export function toSignupDto(row: SignupRecord, account: LinkedNumber, numbers: readonly LinkedNumber[]): SignupDto {
  const deepLink = deepLinkOf(account.displayPhoneNumber, row.signupId);
  return {
    id: row.id,
    account_id: row.accountId,
    signup_id: row.signupId,
    display_name: row.displayName,
    signup_message: row.signupMessage,
    confirmation_message: row.confirmationMessage,
    privacy_policy_url: row.privacyPolicyUrl,
    website_url: row.websiteUrl,
    promo_code: row.promoCode,
    status: row.status,
    auto_add_to_label: row.autoAddToLabelId,
    auto_add_to_label_name: row.labelName,
    subscriber_count: row.subscriberCount,
    tos_accepted: row.tosAccepted,
    deep_link: deepLink,
    deep_link_reason:
      deepLink === null
        ? 'The display phone number of the account is not known yet: POST /accounts/{id}/refresh-profile reads it.'
        : null,
    deep_links: deepLinksOf(account, numbers, row.signupId).map(({ accountId, phoneNumber, url }) => ({
      account_id: accountId,
      phone_number: phoneNumber,
      url,
    })),
    availability: availabilityOf(account.displayPhoneNumber),
    synced_at: row.syncedAt?.toISOString() ?? null,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  };
}

export function toSignupSyncDto({ synced, created, updated, skipped }: SignupSyncResult): SignupSyncDto {
  return { synced, created, updated, skipped };
}

export function toSubscriberDto(row: SubscriberRow): SubscriberDto {
  return {
    contact_id: row.contactId,
    phone: row.phone,
    user_id: row.userId,
    name: row.name,
    subscribed_at: row.subscribedAt.toISOString(),
    last_subscribed_at: row.lastSubscribedAt.toISOString(),
    label: row.labelId,
    label_name: row.labelName,
  };
}

/** @throws `400 validation_failed` for what is neither id nor name */
function readLabelChoice(value: unknown): LabelChoice {
  if (value === null || typeof value === 'string' || typeof value === 'number') {
    return typeof value === 'string' ? value.trim() : value;
  }
  throw invalidField('auto_add_to_label', 'invalid_label', 'auto_add_to_label must be an id, a name, or null');
}

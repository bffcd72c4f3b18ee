import { PickType } from '@nestjs/swagger';
import { Secret } from '../common/secret.js';
import type { Config } from '../config/config.js';
import { NextCursor, PageQuery } from '../http/common.dto.js';
import { Bool, Id, Int, ListOf, OneOf, Text, Timestamp } from '../http/fields.js';
import type { AccountRecord } from './account.entity.js';
import type { AccountVault } from './account-vault.js';
import type { AccountChanges, AccountHealth } from './accounts.service.js';

const MAX_PER_SECOND = 1_000;
const META_ID = { pattern: /^[A-Za-z0-9_-]{1,100}$/, patternHint: 'must be the id that Meta shows', max: 100 };

interface Presence {
  optional?: boolean;
}

const Name = (presence: Presence = {}): PropertyDecorator =>
  Text({ ...presence, max: 255, description: 'What people call the account.', example: 'Business A' });
const PhoneNumberId = (presence: Presence = {}): PropertyDecorator =>
  Text({ ...presence, ...META_ID, description: "Meta's id of the phone number.", example: '106540352242922' });
const WabaId = (presence: Presence = {}): PropertyDecorator =>
  Text({
    ...presence,
    max: 100,
    pattern: /^[A-Za-z0-9_-]{0,100}$/,
    patternHint: META_ID.patternHint,
    min: 0,
    nullable: true,
    description: 'WhatsApp Business Account; templates and in-app signups need it.',
    example: '102290129340398',
  });
const AccessToken = (presence: Presence = {}): PropertyDecorator =>
  Text({
    ...presence,
    max: 4_096,
    pattern: /^[\x21-\x7e]+$/,
    patternHint: 'must be the token alone, without spaces',
    description: 'Permanent or system-user token. Never shown again.',
    example: 'EAAJB0example0token',
  });
const AppSecret = (): PropertyDecorator =>
  Text({
    optional: true,
    nullable: true,
    max: 255,
    pattern: /^[\x21-\x7e]+$/,
    patternHint: 'must be the secret alone, without spaces',
    description: 'Secret of the Meta app that signs the webhooks; null: WHATSAPP_APP_SECRET. Never shown again.',
  });
const DefaultCatalogId = (presence: Presence = {}): PropertyDecorator =>
  Text({ ...presence, nullable: true, min: 0, max: 255, description: 'Catalog of product messages.', example: null });
const MessagesPerSecond = (presence: Presence = {}): PropertyDecorator =>
  Int({
    ...presence,
    min: 1,
    max: MAX_PER_SECOND,
    description: 'Most that is sent from this number in any second.',
    example: 80,
  });
const IsActive = (presence: Presence = {}): PropertyDecorator =>
  Bool({ ...presence, description: 'False: nothing is sent, and no webhook is matched.', example: true });

export class AccountDto {
  @Id()
  id: number;

  @Name()
  name: string;

  @PhoneNumberId()
  phone_number_id: string;

  @WabaId()
  waba_id: string | null;

  @Text({
    max: 255,
    nullable: true,
    description: 'To be entered at Meta beside the callback_url; null when it cannot be decrypted.',
    example: '0f8fad5b-d9cb-469f-a165-70867728950e',
  })
  verify_token: string | null;

  @Text({ max: 2_000, description: 'To be entered at Meta.', example: 'https://chat.example.com/whatsapp/webhook/' })
  callback_url: string;

  @Bool()
  has_access_token: boolean;

  @Text({ max: 4, nullable: true, description: 'The last characters of the token.', example: 'xZ9k' })
  access_token_last4: string | null;

  @Bool({ description: 'The account has an app secret of its own.' })
  has_app_secret: boolean;

  @Text({ max: 255, nullable: true, description: 'From Meta.', example: 'Jasper’s Market' })
  profile_name: string | null;

  @Text({ max: 2_048, nullable: true, description: 'From Meta.', example: null })
  profile_picture_url: string | null;

  @Text({ max: 2_000, nullable: true, description: 'Why the profile could not be read from Meta.', example: null })
  profile_error: string | null;

  @Text({ max: 50, nullable: true, description: 'From Meta.', example: '+1 631-555-5555' })
  display_phone_number: string | null;

  @Text({ max: 50, nullable: true, description: 'From Meta: GREEN, YELLOW, RED or UNKNOWN.', example: 'GREEN' })
  quality_rating: string | null;

  @Text({ max: 50, nullable: true, description: 'From Meta.', example: 'TIER_10K' })
  messaging_limit: string | null;

  @MessagesPerSecond()
  messages_per_second: number;

  @DefaultCatalogId()
  default_catalog_id: string | null;

  @IsActive()
  is_active: boolean;

  @OneOf(['api', 'environment'], { description: 'Where its ids and secrets are set.', example: 'api' })
  managed_by: string;

  @Timestamp()
  created_at: string;

  @Timestamp()
  updated_at: string;
}

export class AccountListDto {
  @ListOf(() => AccountDto)
  accounts: AccountDto[];

  @NextCursor()
  next_cursor: string | null;
}

export class AccountsQuery extends PickType(PageQuery, ['limit', 'cursor']) {}

class AccountSettingsDto {
  @WabaId({ optional: true })
  waba_id?: string | null;

  @AppSecret()
  app_secret?: string | null;

  @DefaultCatalogId({ optional: true })
  default_catalog_id?: string | null;

  @MessagesPerSecond({ optional: true })
  messages_per_second?: number;

  @IsActive({ optional: true })
  is_active?: boolean;
}

export class CreateAccountDto extends AccountSettingsDto {
  @Name()
  name: string;

  @AccessToken()
  access_token: string;

  @PhoneNumberId()
  phone_number_id: string;
}

export class UpdateAccountDto extends AccountSettingsDto {
  @Name({ optional: true })
  name?: string;

  @AccessToken({ optional: true })
  access_token?: string;

  @PhoneNumberId({ optional: true })
  phone_number_id?: string;
}

export class AccountEventDto {
  @Text({ max: 200, description: 'Snake case, stable.', example: 'account_restricted' })
  code: string;

  @OneOf(['info', 'warning', 'critical'])
  severity: string;

  @Text({ max: 2_000 })
  message: string;

  @Text({ max: 2_000, min: 0, description: 'For a person; empty: nothing.' })
  what_to_do: string;

  @Timestamp({ description: 'By Meta’s clock.' })
  occurred_at: string;
}

/** Something that should come and does not. */
export class AccountGapDto {
  @Text({ max: 100, description: 'As in the `account.alert` that told of it.', example: 'no_statuses' })
  code: string;

  @Timestamp()
  opened_at: string;

  @Text({ max: 500, example: 'Messages were sent, and Meta told of none of them what became of it.' })
  message: string;
}

export class AccountHealthDto {
  @Id()
  account_id: number;

  @Bool()
  is_active: boolean;

  @Bool({ description: 'Meta accepts the access token for this number.' })
  credentials_ok: boolean;

  @OneOf(['ok', 'missing', 'rejected', 'unreachable'], {
    description: '`unreachable`: Meta did not answer, so nothing is said about the credentials.',
  })
  credentials: string;

  @Text({ max: 2_000, nullable: true, description: 'What Meta said.', example: null })
  credentials_error: string | null;

  @Text({ max: 50, nullable: true, description: 'From Meta now; CONNECTED can send.', example: 'CONNECTED' })
  number_status: string | null;

  @Text({ max: 50, nullable: true, description: 'From Meta now.', example: 'GREEN' })
  quality_rating: string | null;

  @Text({ max: 50, nullable: true, description: 'From Meta now.', example: 'TIER_10K' })
  messaging_limit: string | null;

  @OneOf(['ok', 'restricted', 'disabled', 'deleted'], {
    description: 'May the account send, by what Meta told by webhook? Campaigns pause when it may not.',
  })
  standing: string;

  @Timestamp({ nullable: true, description: 'When a restriction ends by itself, where Meta said so.' })
  standing_until: string | null;

  @ListOf(() => AccountEventDto, { description: 'What Meta told of the account by webhook, newest first, at most 20.' })
  events: AccountEventDto[];

  @Text({ max: 50, nullable: true, description: 'From Meta now.', example: 'STANDARD' })
  throughput_level: string | null;

  @Text({ max: 2_000, nullable: true, description: 'Failure of the last reading of the profile.', example: null })
  profile_error: string | null;

  @Bool({ description: 'There is an app secret to check the signature of webhooks with.' })
  webhook_signature_configured: boolean;

  @Text({ max: 2_000, example: 'https://chat.example.com/whatsapp/webhook/' })
  callback_url: string;

  @ListOf(() => AccountGapDto, { description: 'What does not come though it should, found every few minutes.' })
  gaps: AccountGapDto[];
}

/** An account as its owner sees it: of the secrets, that they are there. */
export function toAccountDto(record: AccountRecord, vault: AccountVault, config: Config): AccountDto {
  const accessToken = vault.describeAccessToken(record);
  return {
    id: record.id,
    name: record.name,
    phone_number_id: record.phoneNumberId,
    waba_id: record.wabaId,
    verify_token: vault.verifyTokenOf(record)?.reveal() ?? null,
    callback_url: config.callbackUrl,
    has_access_token: accessToken !== null,
    access_token_last4: accessToken?.last4 ?? null,
    has_app_secret: record.appSecret !== null,
    profile_name: record.profileName,
    profile_picture_url: record.profilePictureUrl,
    profile_error: record.profileError,
    display_phone_number: record.displayPhoneNumber,
    quality_rating: record.qualityRating,
    messaging_limit: record.messagingLimit,
    messages_per_second: record.messagesPerSecond,
    default_catalog_id: record.defaultCatalogId,
    is_active: record.isActive,
    managed_by: record.managedBy,
    created_at: record.createdAt.toISOString(),
    updated_at: record.updatedAt.toISOString(),
  };
}

export function toAccountHealthDto(health: AccountHealth, config: Config): AccountHealthDto {
  const { record, number } = health;
  return {
    account_id: record.id,
    is_active: record.isActive,
    credentials_ok: health.credentials === 'ok',
    credentials: health.credentials,
    credentials_error: health.error,
    number_status: number?.status ?? null,
    quality_rating: number?.quality_rating ?? null,
    messaging_limit: number?.whatsapp_business_manager_messaging_limit ?? null,
    standing: record.standing,
    standing_until: record.standingUntil?.toISOString() ?? null,
    events: health.events.map((event) => ({ ...event, occurred_at: event.occurred_at.toISOString() })),
    throughput_level: number?.throughput?.level ?? null,
    profile_error: record.profileError,
    webhook_signature_configured: health.signatureConfigured,
    callback_url: config.callbackUrl,
    gaps: health.gaps.map(({ code, openedAt, message }) => ({ code, opened_at: openedAt.toISOString(), message })),
  };
}

/** The changes that a body asks for: only what it names. The predecessor's empty text for "none" is null here. */
export function accountChangesOf(dto: CreateAccountDto | UpdateAccountDto): AccountChanges {
  return {
    name: dto.name,
    accessToken: dto.access_token === undefined ? undefined : new Secret(dto.access_token),
    phoneNumberId: dto.phone_number_id,
    wabaId: dto.waba_id === '' ? null : dto.waba_id,
    appSecret: dto.app_secret ? new Secret(dto.app_secret) : (dto.app_secret as null | undefined),
    defaultCatalogId: dto.default_catalog_id === '' ? null : dto.default_catalog_id,
    messagesPerSecond: dto.messages_per_second,
    isActive: dto.is_active,
  };
}

import { PickType } from '@nestjs/swagger';
import { NextCursor, PageQuery } from '../http/common.dto.js';
import { Bool, Id, Int, ListOf, ListOfIds, ListOfText, Text, Timestamp } from '../http/fields.js';
import { SCOPES, type Scope } from '../http/principal.js';
import { KEY_PATTERN } from './api-key-format.js';
import type { ApiKeyDetails } from './api-keys.repository.js';
import type { ApiKeyChanges, IssuedApiKey } from './api-keys.service.js';

const MAX_ACCOUNTS = 1_000;
const DAY_S = 86_400;

const Name = (options: { optional?: boolean } = {}): PropertyDecorator =>
  Text({ ...options, max: 255, description: 'Tells people what the key is for.', example: 'Production backend' });
const Scopes = (options: { optional?: boolean } = {}): PropertyDecorator =>
  ListOfText({
    ...options,
    maxItems: SCOPES.length,
    max: 50,
    values: SCOPES,
    description: 'What the key may do; `*` is everything.',
    example: ['messages:send', 'inbox:read'],
  });
const AccountIds = (options: { optional?: boolean } = {}): PropertyDecorator =>
  ListOfIds({
    ...options,
    maxItems: MAX_ACCOUNTS,
    description: 'Accounts the key is tied to; empty: all.',
    example: [1],
  });
const DefaultAccountId = (options: { optional?: boolean } = {}): PropertyDecorator =>
  Id({ ...options, nullable: true, description: 'Account of requests that name none.' });
const ExpiresAt = (options: { optional?: boolean } = {}): PropertyDecorator =>
  Timestamp({ ...options, nullable: true, description: 'The key stops working then; null: never.' });
const IsActive = (options: { optional?: boolean } = {}): PropertyDecorator =>
  Bool({ ...options, description: 'False: the key is refused.', example: true });

export class ApiKeyDto {
  @Id()
  id: number;

  @Name()
  name: string;

  @Text({ max: 50, description: 'How the key begins.', example: 'wak_live_4fT0aYq2Lx' })
  prefix: string;

  @IsActive()
  is_active: boolean;

  @Scopes()
  scopes: Scope[];

  @AccountIds()
  account_ids: number[];

  @DefaultAccountId()
  default_account_id: number | null;

  @ExpiresAt()
  expires_at: string | null;

  @Timestamp({ nullable: true, description: 'To the minute.' })
  last_used_at: string | null;

  @Text({ max: 100, nullable: true, description: 'From where, then.', example: '203.0.113.7' })
  last_used_ip: string | null;

  @Text({
    max: 255,
    nullable: true,
    description: 'Who made it: the name of a key, `cli`, or `system`; null for keys older than this field.',
    example: 'Administration',
  })
  created_by: string | null;

  @Id({ nullable: true, description: 'The key that made it, which may be gone; null: no key did.' })
  created_by_key_id: number | null;

  @Timestamp()
  created_at: string;

  @Timestamp()
  updated_at: string;
}

/** A key with its value: shown this once. */
export class IssuedApiKeyDto extends ApiKeyDto {
  @Text({
    max: 100,
    pattern: KEY_PATTERN,
    description: 'The key itself. It is not stored and cannot be shown again.',
    example: 'wak_live_4fT0aYq2Lx_ExampleKeyForTheDocumentationThatOpensNothi1icvdR',
  })
  key: string;
}

export class ApiKeyListDto {
  @ListOf(() => ApiKeyDto)
  api_keys: ApiKeyDto[];

  @NextCursor()
  next_cursor: string | null;
}

export class ApiKeysQuery extends PickType(PageQuery, ['limit', 'cursor']) {}

class ApiKeySettingsDto {
  @Scopes({ optional: true })
  scopes?: Scope[];

  @AccountIds({ optional: true })
  account_ids?: number[];

  @DefaultAccountId({ optional: true })
  default_account_id?: number | null;

  @ExpiresAt({ optional: true })
  expires_at?: string | null;

  @IsActive({ optional: true })
  is_active?: boolean;
}

export class CreateApiKeyDto extends ApiKeySettingsDto {
  @Name()
  name: string;
}

export class UpdateApiKeyDto extends ApiKeySettingsDto {
  @Name({ optional: true })
  name?: string;
}

export class RotateApiKeyDto {
  @Int({
    optional: true,
    max: 30 * DAY_S,
    default: DAY_S,
    description: 'Seconds that the present key goes on working; 0: none.',
    example: DAY_S,
  })
  overlap_s: number = DAY_S;
}

export function toApiKeyDto(key: ApiKeyDetails): ApiKeyDto {
  return {
    id: key.id,
    name: key.name,
    prefix: key.prefix,
    is_active: key.isActive,
    scopes: key.scopes,
    account_ids: key.accountIds,
    default_account_id: key.defaultAccountId,
    expires_at: key.expiresAt?.toISOString() ?? null,
    last_used_at: key.lastUsedAt?.toISOString() ?? null,
    last_used_ip: key.lastUsedIp,
    created_by: key.createdBy,
    created_by_key_id: key.createdByKeyId,
    created_at: key.createdAt.toISOString(),
    updated_at: key.updatedAt.toISOString(),
  };
}

export function toIssuedApiKeyDto(key: IssuedApiKey): IssuedApiKeyDto {
  return { ...toApiKeyDto(key), key: key.key };
}

/** The changes that a body asks for: only what it names. */
export function changesOf(dto: CreateApiKeyDto | UpdateApiKeyDto): ApiKeyChanges {
  return {
    name: dto.name,
    scopes: dto.scopes,
    accountIds: dto.account_ids,
    defaultAccountId: dto.default_account_id,
    expiresAt: dto.expires_at ? new Date(dto.expires_at) : (dto.expires_at as null | undefined),
    isActive: dto.is_active,
  };
}

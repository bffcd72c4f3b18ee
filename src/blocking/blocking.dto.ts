import { withoutPlus } from '../common/phone-number.js';
import { USER_ID } from '../contacts/contact.dto.js';
import { AccountScopedDto, NextCursor, PageQuery } from '../http/common.dto.js';
import {
  Bool,
  Id,
  Int,
  JsonObject,
  ListOf,
  ListOfText,
  Nested,
  OneOf,
  OptionalText,
  Phone,
  Text,
  Timestamp,
} from '../http/fields.js';
import { MAX_BLOCKS_PER_CALL } from '../meta/api/blocking.js';
import type { BlockedUserHistory, LiveBlock } from './blocked-list.service.js';
import type { BlockedUserRow, BlockEventRow } from './blocking.repository.js';
import type { BlockLine, BulkOutcome } from './blocking.service.js';

const ACTOR = { max: 255, example: 'asha@example.com' } as const;
const USER = {
  max: 150,
  pattern: USER_ID,
  patternHint: 'must have the form IN.13491208655302741918',
  description: "Meta's business-scoped user id, for a person whose phone is not known.",
  example: 'IN.13491208655302741918',
} as const;
/** What is too long to be a number still has a line of its own in the answer. */
const MAX_INPUT = 200;

/** Whom, by phone or by user id. */
class WhomDto extends AccountScopedDto {
  @Phone({ optional: true, description: 'In any spelling. Needed unless user_id is given; wins over it.' })
  phone?: string;

  @Text({ ...USER, optional: true })
  user_id?: string;
}

export class BlockDto extends WhomDto {
  @OptionalText({ max: 2_000, description: 'For your own people only.', example: 'spam' })
  reason?: string;

  @OptionalText({ ...ACTOR, description: 'Who blocks.' })
  blocked_by?: string;
}

export class UnblockDto extends WhomDto {
  @OptionalText({ ...ACTOR, description: 'Who unblocks.' })
  unblocked_by?: string;
}

class ManyDto extends AccountScopedDto {
  @ListOfText({
    optional: true,
    maxItems: MAX_BLOCKS_PER_CALL,
    max: MAX_INPUT,
    description: 'In any spelling; with user_ids at most 1,000.',
    example: ['+919876500001', '98765 00002'],
  })
  phones?: string[];

  @ListOfText({ optional: true, maxItems: MAX_BLOCKS_PER_CALL, max: MAX_INPUT, example: ['IN.13491208655302741918'] })
  user_ids?: string[];
}

export class BulkBlockDto extends ManyDto {
  @OptionalText({ max: 2_000, description: 'For your own people only.', example: 'spam' })
  reason?: string;

  @OptionalText({ ...ACTOR, description: 'Who blocks.' })
  blocked_by?: string;
}

export class BulkUnblockDto extends ManyDto {
  @OptionalText({ ...ACTOR, description: 'Who unblocks.' })
  unblocked_by?: string;
}

export class BlockedParam {
  @Text({ max: 150, description: 'Phone in any spelling, or a user id.', example: '+919876500001' })
  phone: string;
}

export class UnblockQuery extends AccountScopedDto {
  @OptionalText({ ...ACTOR, description: 'Who unblocks.' })
  unblocked_by?: string;
}

export class ListBlockedQuery extends PageQuery {
  @Bool({ optional: true, default: false, description: 'Also who is not blocked any more, and whom Meta refused.' })
  history?: boolean;

  @Bool({ optional: true, default: false, description: "Meta's own list, read now, with Meta's own cursor." })
  live?: boolean;
}

export class BlockAnswerDto {
  @OneOf(['success'], { example: 'success' })
  status: string;

  @JsonObject({
    description: "Meta's answer as it came.",
    example: {
      messaging_product: 'whatsapp',
      block_users: { added_users: [{ input: '+919876500001', wa_id: '919876500001' }] },
    },
  })
  meta_response: Record<string, unknown>;
}

export class BlockErrorDto {
  @Int({ nullable: true, description: "Meta's code; null when Meta was not asked.", example: 131047 })
  code: number | null;

  @Text({ max: 1_000, example: '(#131047) Re-engagement message' })
  title: string;

  @Text({ max: 1_000, example: 'Message failed to send because more than 24 hours have passed.' })
  details: string;

  @Bool({ description: 'Whether the same may go well later.', example: false })
  retryable: boolean;

  @Text({ max: 1_000, nullable: true, example: 'Wait until they write again.' })
  what_to_do: string | null;
}

class BlockResultDto {
  @Text({ max: MAX_INPUT, description: 'As it was written.', example: '98765 00001' })
  input: string;

  @Phone({ nullable: true, description: 'E.164; as it was written when it is no number; null for a user id.' })
  phone: string | null;

  @Text({ max: 150, nullable: true, example: null })
  user_id: string | null;

  @Text({ max: 20, nullable: true, example: '919876500001' })
  wa_id: string | null;

  @OneOf(['blocked', 'unblocked', 'failed', 'invalid', 'duplicate'], {
    description: '`failed`: Meta refused; `invalid`: names nobody; `duplicate`: named in a line before.',
    example: 'blocked',
  })
  status: string;

  @Nested(() => BlockErrorDto, { nullable: true, description: 'Why it failed or is invalid.' })
  error: BlockErrorDto | null;
}

class BulkAnswerDto {
  @ListOf(() => BlockResultDto, {
    maxItems: MAX_BLOCKS_PER_CALL,
    description: 'In the order asked: phones, then user_ids.',
  })
  results: BlockResultDto[];

  @Int({ example: 1 })
  failed: number;

  @Int({ example: 0 })
  invalid: number;

  @Int({ example: 0 })
  duplicates: number;

  @JsonObject({ nullable: true, description: "Meta's answer as it came; null when nobody was left to ask for." })
  meta_response: Record<string, unknown> | null;
}

export class BulkBlockAnswerDto extends BulkAnswerDto {
  @Int({ example: 999 })
  blocked: number;
}

export class BulkUnblockAnswerDto extends BulkAnswerDto {
  @Int({ example: 999 })
  unblocked: number;
}

/** Somebody whom the account has blocked, had, or was refused to block. */
export class BlockedUserDto {
  @Id({ nullable: true, description: "Null for somebody in Meta's list who is not known here yet." })
  id: number | null;

  @Id()
  account_id: number;

  @Id({ nullable: true })
  contact_id: number | null;

  @Phone({ nullable: true, description: 'E.164; null when only a user id is known.' })
  phone_number: string | null;

  @Text({ max: 20, nullable: true, description: 'As Meta names them.', example: '919876500001' })
  wa_id: string | null;

  @Text({ ...USER, nullable: true, example: null })
  user_id: string | null;

  @OneOf(['blocked', 'unblocked', 'failed'], { description: '`failed`: Meta refused, and there is no block.' })
  status: string;

  @Bool({ description: 'Blocked now.', example: true })
  is_active: boolean;

  @Timestamp({ nullable: true, description: 'Of a `failed` one: when it was first tried.' })
  blocked_at: string | null;

  @Text({ min: 0, max: 255, example: 'asha@example.com' })
  blocked_by: string;

  @Text({ min: 0, max: 2_000, example: 'spam' })
  reason: string;

  @Timestamp({ nullable: true, example: null })
  unblocked_at: string | null;

  @Text({ min: 0, max: 255, example: '' })
  unblocked_by: string;

  @Text({ min: 0, max: 2_000, description: "Meta's refusal of the last attempt.", example: '' })
  meta_error: string;
}

export class BlockedUserListDto {
  @ListOf(() => BlockedUserDto)
  blocked_users: BlockedUserDto[];

  @NextCursor()
  next_cursor: string | null;

  @JsonObject({ optional: true, description: "Meta's answer as it came, with `live=true`." })
  meta_response?: Record<string, unknown>;
}

export class BlockEventDto {
  @OneOf(['blocked', 'unblocked', 'block_failed', 'unblock_failed'])
  action: string;

  @OneOf(['api', 'sync'], { description: '`api`: somebody asked for it; `sync`: it was found at Meta.' })
  source: string;

  @Text({ min: 0, max: 255, description: 'blocked_by or unblocked_by of the request.', example: 'asha@example.com' })
  actor: string;

  @Text({ min: 0, max: 2_000, example: 'spam' })
  reason: string;

  @JsonObject({ nullable: true, description: "Meta's refusal.", example: null })
  error: Record<string, unknown> | null;

  @Timestamp()
  at: string;
}

export class BlockedUserHistoryDto extends BlockedUserDto {
  @ListOf(() => BlockEventDto, { description: 'What was done, the last first.' })
  events: BlockEventDto[];
}

export class BlockSyncDto {
  @Int({ description: 'People whom Meta has blocked for this number.', example: 963 })
  synced: number;

  @Int({ description: 'Of them, whom we did not have blocked.', example: 150 })
  added: number;

  @Int({ description: 'Whom we had blocked, and Meta does not.', example: 150 })
  removed: number;

  @Int({ description: 'How often the list changed while it was read, so that it was read anew.', example: 0 })
  restarts: number;
}

export function toBulkBlockAnswer(outcome: BulkOutcome): BulkBlockAnswerDto {
  return { blocked: count(outcome, 'done'), ...toBulkAnswer(outcome, 'blocked') };
}

export function toBulkUnblockAnswer(outcome: BulkOutcome): BulkUnblockAnswerDto {
  return { unblocked: count(outcome, 'done'), ...toBulkAnswer(outcome, 'unblocked') };
}

function toBulkAnswer(outcome: BulkOutcome, done: string): BulkAnswerDto {
  return {
    failed: count(outcome, 'failed'),
    invalid: count(outcome, 'invalid'),
    duplicates: count(outcome, 'duplicate'),
    results: outcome.lines.map(({ input, phone, userId, waId, status, error }) => ({
      input,
      phone,
      user_id: userId,
      wa_id: waId,
      status: status === 'done' ? done : status,
      error,
    })),
    meta_response: outcome.metaResponse,
  };
}

function count({ lines }: BulkOutcome, status: BlockLine['status']): number {
  return lines.filter((line) => line.status === status).length;
}

export function toBlockedUserDto(accountId: number, row: BlockedUserRow): BlockedUserDto {
  return {
    id: row.id,
    account_id: accountId,
    contact_id: row.contactId,
    phone_number: row.phoneNumber,
    wa_id: row.waId || null,
    user_id: row.userId,
    status: row.isActive ? 'blocked' : row.unblockedAt ? 'unblocked' : 'failed',
    is_active: row.isActive,
    blocked_at: row.blockedAt.toISOString(),
    blocked_by: row.blockedBy,
    reason: row.reason,
    unblocked_at: row.unblockedAt?.toISOString() ?? null,
    unblocked_by: row.unblockedBy,
    meta_error: row.metaError,
  };
}

/** Who is in Meta's list is blocked, whatever we have. */
export function toLiveBlockDto(accountId: number, { user, row }: LiveBlock): BlockedUserDto {
  const phone = user.waId === '' ? null : `+${withoutPlus(user.waId)}`;
  const known = row && toBlockedUserDto(accountId, row);
  return {
    id: known?.id ?? null,
    account_id: accountId,
    contact_id: known?.contact_id ?? null,
    phone_number: known?.phone_number ?? phone,
    wa_id: user.waId || null,
    user_id: user.userId || (known?.user_id ?? null),
    status: 'blocked',
    is_active: true,
    blocked_at: known?.is_active ? known.blocked_at : null,
    blocked_by: known?.is_active ? known.blocked_by : '',
    reason: known?.is_active ? known.reason : '',
    unblocked_at: null,
    unblocked_by: '',
    meta_error: known?.meta_error ?? '',
  };
}

export function toBlockedUserHistoryDto(accountId: number, { row, events }: BlockedUserHistory): BlockedUserHistoryDto {
  return { ...toBlockedUserDto(accountId, row), events: events.map(toBlockEventDto) };
}

function toBlockEventDto({ at, ...event }: BlockEventRow): BlockEventDto {
  return { ...event, at: at.toISOString() };
}

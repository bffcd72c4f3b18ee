import { Controller, Get, Query, Req } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import { invalidField } from '../common/app-error.js';
import { Operation } from '../http/operation.js';
import { principalOf, type ParleyRequest } from '../http/principal.js';
import { AuditLogDto, ListAuditLogQuery, toAuditEntryDto } from './audit-log.dto.js';
import { AuditLogService } from './audit-log.service.js';

/** Who changed what. */
@Controller('audit-log')
export class AuditLogController {
  constructor(private readonly log: AuditLogService) {}

  @Get()
  @ApiHeader({
    name: 'X-Account-Id',
    required: false,
    description: 'Only what was done to this account and what is its.',
    schema: { type: 'integer', minimum: 1 },
  })
  @Operation({
    id: 'listAuditLog',
    summary: 'List who changed what, the newest first',
    description:
      'Entries are written in the transaction that makes the change, and never changed. A key that is tied to accounts sees ' +
      'what was done to them and to what is theirs; any other key sees everything, unless the request names an account. ' +
      'Keys that are tied to one account belong to it, other keys to the installation.',
    tag: 'Audit log',
    scope: 'api_keys:write',
    accountScoped: false,
    answers: AuditLogDto,
    errors: ['account_not_found', 'bad_cursor'],
  })
  async list(@Query() query: ListAuditLogQuery, @Req() request: ParleyRequest): Promise<AuditLogDto> {
    const { rows, nextCursor } = await this.log.list(principalOf(request), {
      accountId: namedAccount(request, query),
      action: query.action,
      objectType: query.object_type,
      objectId: query.object_id,
      actorKeyId: query.actor_key_id,
      from: query.from,
      to: query.to,
      cursor: query.cursor,
      limit: query.limit,
    });
    return { audit_log: rows.map(toAuditEntryDto), next_cursor: nextCursor };
  }
}

/** As everywhere, the header wins; unlike elsewhere, no account stands in for one that is not named. */
function namedAccount(request: ParleyRequest, { account_id: accountId }: ListAuditLogQuery): number | null {
  const header = request.headers['x-account-id'];
  if (header === undefined) {
    return accountId ?? null;
  }
  if (typeof header !== 'string' || !/^[1-9]\d{0,15}$/.test(header.trim()) || !Number.isSafeInteger(Number(header))) {
    throw invalidField('X-Account-Id', 'not_int', 'X-Account-Id must be the id of an account.');
  }
  return Number(header);
}

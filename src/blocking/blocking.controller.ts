import { Body, Controller, Delete, Get, Param, Post, Query } from '@nestjs/common';
import { ApiBody } from '@nestjs/swagger';
import { AccountResolver } from '../accounts/account-resolver.js';
import { Config } from '../config/config.js';
import { AccountScopedDto } from '../http/common.dto.js';
import { Operation } from '../http/operation.js';
import { readTarget, readTargetOfPath } from './block-plan.js';
import { BlockSync } from './block-sync.service.js';
import { BlockedList } from './blocked-list.service.js';
import {
  BlockDto,
  BlockedParam,
  BlockedUserHistoryDto,
  BlockedUserListDto,
  BlockSyncDto,
  BulkBlockAnswerDto,
  BulkBlockDto,
  BulkUnblockAnswerDto,
  BulkUnblockDto,
  ListBlockedQuery,
  BlockAnswerDto,
  toBlockedUserDto,
  toBlockedUserHistoryDto,
  toBulkBlockAnswer,
  toBulkUnblockAnswer,
  toLiveBlockDto,
  UnblockDto,
  UnblockQuery,
} from './blocking.dto.js';
import { BlockingService } from './blocking.service.js';

const READ = { tag: 'Blocking', scope: 'blocking:read' } as const;
const WRITE = { tag: 'Blocking', scope: 'blocking:write' } as const;
const REFUSED =
  'When Meta refuses the person, the answer is 422 with Meta’s reason for them in `graph` and what can be done in ' +
  '`what_to_do`; a block that is there stays. When no answer comes it is 504, and nothing changes here: ask again.';

@Controller()
export class BlockingController {
  constructor(
    private readonly accounts: AccountResolver,
    private readonly blocking: BlockingService,
    private readonly list: BlockedList,
    private readonly sync: BlockSync,
    private readonly config: Config,
  ) {}

  @Post('block')
  @Operation({
    ...WRITE,
    id: 'blockUser',
    example: { phone: '+919876500005', reason: 'spam', blocked_by: 'asha@example.com' },
    summary: 'Block a person',
    description: `Meta lets a number block only people who wrote to it within the last 24 hours. ${REFUSED}`,
    answers: BlockAnswerDto,
    errors: ['graph_error', 'graph_outcome_unknown', 'account_credentials_missing'],
  })
  async block(@Body() body: BlockDto): Promise<BlockAnswerDto> {
    const { reason = '', blocked_by: actor = '' } = body;
    const target = readTarget(body, this.config.defaultCountry);
    const meta = await this.blocking.one(await this.accounts.current(), 'block', target, { actor, reason });
    return { status: 'success', meta_response: meta };
  }

  @Delete('unblock')
  @Operation({
    ...WRITE,
    id: 'unblockUser',
    example: { phone: '+919876500005', unblocked_by: 'asha@example.com' },
    summary: 'Unblock a person',
    description: `The person stands in the body or in the query. ${REFUSED}`,
    answers: BlockAnswerDto,
    errors: ['graph_error', 'graph_outcome_unknown', 'account_credentials_missing'],
  })
  @ApiBody({ type: UnblockDto, required: false })
  async unblock(@Body() body: UnblockDto, @Query() query: UnblockDto): Promise<BlockAnswerDto> {
    const asked = { ...query, ...body };
    const target = readTarget(asked, this.config.defaultCountry);
    const act = { actor: asked.unblocked_by ?? '', reason: '' };
    return {
      status: 'success',
      meta_response: await this.blocking.one(await this.accounts.current(), 'unblock', target, act),
    };
  }

  @Post('block/bulk')
  @Operation({
    ...WRITE,
    id: 'blockUsers',
    example: { phones: ['+919876500006', '98765 00007'], reason: 'spam' },
    summary: 'Block up to 1,000 people',
    description: 'One call of Meta’s. Who is refused, invalid or named twice costs only their own line.',
    answers: BulkBlockAnswerDto,
    errors: ['graph_error', 'graph_outcome_unknown', 'account_credentials_missing'],
  })
  async blockMany(@Body() body: BulkBlockDto): Promise<BulkBlockAnswerDto> {
    const { phones = [], user_ids: userIds = [], reason = '', blocked_by: actor = '' } = body;
    const account = await this.accounts.current();
    return toBulkBlockAnswer(await this.blocking.many(account, 'block', { phones, userIds }, { actor, reason }));
  }

  @Post('unblock/bulk')
  @Operation({
    ...WRITE,
    id: 'unblockUsers',
    example: { phones: ['+919876500006', '98765 00007'] },
    summary: 'Unblock up to 1,000 people',
    description: 'One call of Meta’s. Who is refused, invalid or named twice costs only their own line.',
    answers: BulkUnblockAnswerDto,
    errors: ['graph_error', 'graph_outcome_unknown', 'account_credentials_missing'],
  })
  async unblockMany(@Body() body: BulkUnblockDto): Promise<BulkUnblockAnswerDto> {
    const { phones = [], user_ids: userIds = [], unblocked_by: actor = '' } = body;
    const account = await this.accounts.current();
    return toBulkUnblockAnswer(
      await this.blocking.many(account, 'unblock', { phones, userIds }, { actor, reason: '' }),
    );
  }

  @Get('blocked')
  @Operation({
    ...READ,
    id: 'listBlockedUsers',
    summary: 'List who is blocked, the last blocked first',
    description: 'With `live=true` a page of Meta’s own list, in Meta’s order, with what is known of each here.',
    answers: BlockedUserListDto,
    errors: ['bad_cursor', 'graph_error', 'account_credentials_missing'],
  })
  async listBlocked(@Query() query: ListBlockedQuery): Promise<BlockedUserListDto> {
    const account = await this.accounts.current();
    const { history = false, live = false, limit, cursor } = query;
    if (live) {
      const page = await this.list.livePage(account, { limit, cursor });
      return {
        blocked_users: page.rows.map((row) => toLiveBlockDto(account.id, row)),
        next_cursor: page.nextCursor,
        meta_response: page.metaResponse,
      };
    }
    const page = await this.list.page(account.id, { history, limit, cursor });
    return {
      blocked_users: page.rows.map((row) => toBlockedUserDto(account.id, row)),
      next_cursor: page.nextCursor,
    };
  }

  @Post('blocked/sync')
  @Operation({
    ...WRITE,
    id: 'syncBlockedUsers',
    summary: 'Bring the list of blocked people from Meta',
    description:
      'Reads all pages, from the beginning when the list changes meanwhile, and then makes it so here: whom Meta has is ' +
      'blocked, whom Meta no longer has is not. Nothing changes when it cannot be read to its end.',
    answers: BlockSyncDto,
    errors: ['conflict', 'graph_error', 'account_credentials_missing'],
  })
  async syncAll(@Query() _query: AccountScopedDto): Promise<BlockSyncDto> {
    return this.sync.run(await this.accounts.current());
  }

  @Get('blocked/:phone')
  @Operation({
    ...READ,
    id: 'getBlockedUser',
    summary: 'Get a blocked person, with what was done about them',
    answers: BlockedUserHistoryDto,
    errors: ['not_found'],
  })
  async get(@Param() { phone }: BlockedParam, @Query() _query: AccountScopedDto): Promise<BlockedUserHistoryDto> {
    const account = await this.accounts.current();
    const target = readTargetOfPath(phone, this.config.defaultCountry);
    return toBlockedUserHistoryDto(account.id, await this.list.get(account, target));
  }

  @Delete('blocked/:phone')
  @Operation({
    ...WRITE,
    id: 'deleteBlockedUser',
    summary: 'Unblock a person who is or was blocked here',
    description: REFUSED,
    errors: ['not_found', 'graph_error', 'graph_outcome_unknown', 'account_credentials_missing'],
  })
  async remove(@Param() { phone }: BlockedParam, @Query() query: UnblockQuery): Promise<void> {
    const target = readTargetOfPath(phone, this.config.defaultCountry);
    await this.blocking.unblockKnown(await this.accounts.current(), target, query.unblocked_by ?? '');
  }
}

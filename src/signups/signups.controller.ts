import { Body, Controller, Get, Param, Patch, Post, Query } from '@nestjs/common';
import { AccountResolver } from '../accounts/account-resolver.js';
import type { Account } from '../accounts/account.js';
import { AccountScopedDto, IdParam } from '../http/common.dto.js';
import { Operation } from '../http/operation.js';
import { SignupCreation } from './signup-creation.service.js';
import { SignupNumbers } from './signup-numbers.js';
import { SignupSync } from './signup-sync.js';
import {
  CreateSignupDto,
  GetSignupQuery,
  ListSignupsQuery,
  ListSubscribersQuery,
  SignupDto,
  SignupListDto,
  SignupSyncDto,
  SubscriberListDto,
  toSignupChanges,
  toSignupDto,
  toSignupInput,
  toSignupSyncDto,
  toSubscriberDto,
  UpdateSignupDto,
} from './signup.dto.js';
import type { SignupRecord } from './signups.repository.js';
import { SignupsService } from './signups.service.js';

const READ = { tag: 'Signups', scope: 'signups:read' } as const;
const WRITE = { tag: 'Signups', scope: 'signups:write' } as const;
const META_ERRORS = ['graph_error', 'graph_outcome_unknown'] as const;

@Controller('signups')
export class SignupsController {
  constructor(
    private readonly accounts: AccountResolver,
    private readonly signups: SignupsService,
    private readonly creation: SignupCreation,
    private readonly sync: SignupSync,
    private readonly numbers: SignupNumbers,
  ) {}

  @Get()
  @Operation({
    ...READ,
    id: 'listSignups',
    summary: 'List signups, the newest first',
    answers: SignupListDto,
    errors: ['bad_cursor'],
  })
  async list(@Query() query: ListSignupsQuery): Promise<SignupListDto> {
    const account = await this.accounts.current();
    const { q, status, limit, cursor } = query;
    const page = await this.signups.list(account.id, { q, status, limit, cursor });
    return { signups: await this.toDtos(account, page.rows), next_cursor: page.nextCursor };
  }

  @Post()
  @Operation({
    ...WRITE,
    id: 'createSignup',
    example: {
      display_name: 'Spring offers',
      signup_message: 'Sign up for our offers.',
      confirmation_message: 'Thank you. Your code: {{promo_code}}',
      promo_code: 'SPRING10',
      privacy_policy_url: 'https://example.com/privacy',
      tos_accepted: true,
    },
    summary: 'Create a signup at Meta',
    description:
      'Meta’s rules are checked first. `tos_accepted: true` is needed on the first signup of the business, and goes to Meta ' +
      'with that one alone. After `graph_outcome_unknown`, sync or create the same again: what Meta has is found, and no ' +
      'second one is made. `availability` warns where Meta does not offer signups.',
    answers: SignupDto,
    status: 201,
    errors: ['conflict', 'account_credentials_missing', ...META_ERRORS],
  })
  async create(@Body() body: CreateSignupDto): Promise<SignupDto> {
    const account = await this.accounts.current();
    return this.toDto(account, await this.creation.create(account, toSignupInput(body)));
  }

  @Post('sync')
  @Operation({
    ...WRITE,
    id: 'syncSignups',
    summary: 'Bring the signups from Meta',
    description:
      'Reads all pages and every signup. Labels, counts and subscribers stay. Meta cannot delete a signup, so none is ever ' +
      'taken away here either. One that was created without an answer becomes yours.',
    answers: SignupSyncDto,
    errors: ['graph_error', 'account_credentials_missing'],
  })
  async syncAll(@Query() _query: AccountScopedDto): Promise<SignupSyncDto> {
    return toSignupSyncDto(await this.sync.run(await this.accounts.current()));
  }

  @Get(':id')
  @Operation({
    ...READ,
    id: 'getSignup',
    summary: 'Get a signup',
    answers: SignupDto,
    errors: ['not_found', 'graph_error'],
  })
  async get(@Param() { id }: IdParam, @Query() { live }: GetSignupQuery): Promise<SignupDto> {
    const account = await this.accounts.current();
    return this.toDto(account, live ? await this.signups.getLive(account, id) : await this.signups.get(account.id, id));
  }

  @Patch(':id')
  @Operation({
    ...WRITE,
    id: 'updateSignup',
    example: { confirmation_message: 'Thank you. You will hear from us.' },
    summary: 'Change a signup',
    description:
      'Changes the given fields only, at Meta first; Meta hears of what is different and of nothing else. The label is kept ' +
      'here alone, and given to those who come from then on.',
    answers: SignupDto,
    errors: ['not_found', 'conflict', 'signup_privacy_policy_fixed', ...META_ERRORS],
  })
  async update(@Param() { id }: IdParam, @Body() body: UpdateSignupDto): Promise<SignupDto> {
    const account = await this.accounts.current();
    return this.toDto(account, await this.signups.change(account, id, toSignupChanges(body)));
  }

  @Post(':id/disable')
  @Operation({
    ...WRITE,
    id: 'disableSignup',
    summary: 'Disable a signup',
    description: 'Its link shows an error from then on. It can be enabled again.',
    answers: SignupDto,
    errors: ['not_found', 'conflict', ...META_ERRORS],
  })
  async disable(@Param() { id }: IdParam, @Query() _query: AccountScopedDto): Promise<SignupDto> {
    const account = await this.accounts.current();
    return this.toDto(account, await this.signups.setStatus(account, id, 'DISABLED'));
  }

  @Post(':id/enable')
  @Operation({
    ...WRITE,
    id: 'enableSignup',
    summary: 'Enable a signup again',
    answers: SignupDto,
    errors: ['not_found', 'conflict', ...META_ERRORS],
  })
  async enable(@Param() { id }: IdParam, @Query() _query: AccountScopedDto): Promise<SignupDto> {
    const account = await this.accounts.current();
    return this.toDto(account, await this.signups.setStatus(account, id, 'ACTIVE'));
  }

  @Get(':id/subscribers')
  @Operation({
    ...READ,
    id: 'listSignupSubscribers',
    summary: 'List who subscribed by a signup, the newest first',
    answers: SubscriberListDto,
    errors: ['not_found', 'bad_cursor'],
  })
  async listSubscribers(
    @Param() { id }: IdParam,
    @Query() { q, limit, cursor }: ListSubscribersQuery,
  ): Promise<SubscriberListDto> {
    const page = await this.signups.listSubscribers(await this.accounts.current(), id, { q, limit, cursor });
    return { subscribers: page.rows.map(toSubscriberDto), next_cursor: page.nextCursor };
  }

  private async toDto(account: Account, row: SignupRecord): Promise<SignupDto> {
    return toSignupDto(row, account, await this.numbers.visibleTo(this.accounts.principal));
  }

  private async toDtos(account: Account, rows: readonly SignupRecord[]): Promise<SignupDto[]> {
    const numbers = await this.numbers.visibleTo(this.accounts.principal);
    return rows.map((row) => toSignupDto(row, account, numbers));
  }
}

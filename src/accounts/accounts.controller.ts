import { Body, Controller, Delete, Get, Param, Patch, Post, Query, Req } from '@nestjs/common';
import { Config } from '../config/config.js';
import { AccountScopedDto, IdParam } from '../http/common.dto.js';
import { Operation } from '../http/operation.js';
import { principalOf, type ParleyRequest } from '../http/principal.js';
import { AccountVault } from './account-vault.js';
import type { AccountRecord } from './account.entity.js';
import {
  accountChangesOf,
  AccountDto,
  AccountHealthDto,
  AccountListDto,
  AccountsQuery,
  CreateAccountDto,
  toAccountDto,
  toAccountHealthDto,
  UpdateAccountDto,
} from './account.dto.js';
import { AccountResolver } from './account-resolver.js';
import { AccountsService, type NewAccount } from './accounts.service.js';

const READ = { tag: 'Accounts', scope: 'accounts:read', accountScoped: false } as const;
const WRITE = { ...READ, scope: 'accounts:write' } as const;

/** The account that a request without a path means. Apart, because only it needs to be made anew for every request. */
@Controller('accounts/current')
export class CurrentAccountController {
  constructor(
    private readonly resolver: AccountResolver,
    private readonly accounts: AccountsService,
    private readonly vault: AccountVault,
    private readonly config: Config,
  ) {}

  @Get()
  @Operation({
    ...READ,
    accountScoped: true,
    id: 'getCurrentAccount',
    summary: 'The account that requests with these headers act for',
    answers: AccountDto,
    errors: ['account_credentials_missing'],
  })
  async current(@Query() _query: AccountScopedDto): Promise<AccountDto> {
    const { id } = await this.resolver.current();
    return toAccountDto(await this.accounts.get(id, this.resolver.principal), this.vault, this.config);
  }
}

/** The sending numbers and their credentials. */
@Controller('accounts')
export class AccountsController {
  constructor(
    private readonly accounts: AccountsService,
    private readonly vault: AccountVault,
    private readonly config: Config,
  ) {}

  @Get()
  @Operation({
    ...READ,
    id: 'listAccounts',
    summary: 'List accounts',
    description: 'Oldest first. A key that is tied to accounts sees those only.',
    answers: AccountListDto,
    errors: ['bad_cursor'],
  })
  async list(@Query() query: AccountsQuery, @Req() request: ParleyRequest): Promise<AccountListDto> {
    const { rows, nextCursor } = await this.accounts.list(query, principalOf(request));
    return { accounts: rows.map((row) => this.toDto(row)), next_cursor: nextCursor };
  }

  @Post()
  @Operation({
    ...WRITE,
    id: 'createAccount',
    example: {
      name: 'Business B',
      phone_number_id: '106540352242923',
      waba_id: '200000000000001',
      access_token: 'EAAJB0example0token',
    },
    summary: 'Add an account',
    description:
      'Name and picture are read from Meta afterwards; when that fails the account is there, and `profile_error` says why.',
    answers: AccountDto,
    status: 201,
    errors: ['account_exists', 'forbidden'],
  })
  async create(@Body() body: CreateAccountDto, @Req() request: ParleyRequest): Promise<AccountDto> {
    return this.toDto(await this.accounts.create(accountChangesOf(body) as NewAccount, principalOf(request)));
  }

  @Get(':id')
  @Operation({
    ...READ,
    id: 'getAccount',
    summary: 'Get an account',
    answers: AccountDto,
    errors: ['account_not_found'],
  })
  async get(@Param() { id }: IdParam, @Req() request: ParleyRequest): Promise<AccountDto> {
    return this.toDto(await this.accounts.get(id, principalOf(request)));
  }

  @Patch(':id')
  @Operation({
    ...WRITE,
    id: 'updateAccount',
    example: { name: 'Business A' },
    summary: 'Change an account',
    description: 'Changes the given fields only. With new credentials the profile is read from Meta again.',
    answers: AccountDto,
    errors: ['account_not_found', 'account_exists', 'account_managed_by_environment'],
  })
  async update(
    @Param() { id }: IdParam,
    @Body() body: UpdateAccountDto,
    @Req() request: ParleyRequest,
  ): Promise<AccountDto> {
    return this.toDto(await this.accounts.update(id, accountChangesOf(body), principalOf(request)));
  }

  @Delete(':id')
  @Operation({
    ...WRITE,
    id: 'deleteAccount',
    summary: 'Delete an account',
    description: 'Its secrets are wiped and its phone_number_id is free again; its history stays.',
    errors: ['account_not_found', 'account_managed_by_environment', 'account_has_running_campaigns'],
  })
  async remove(@Param() { id }: IdParam, @Req() request: ParleyRequest): Promise<void> {
    await this.accounts.remove(id, principalOf(request));
  }

  @Post(':id/refresh-profile')
  @Operation({
    ...WRITE,
    id: 'refreshAccountProfile',
    summary: 'Read name, picture, quality and limits from Meta again',
    description: 'What Meta refuses is in `profile_error` of the answer.',
    answers: AccountDto,
    errors: ['account_not_found'],
  })
  async refreshProfile(@Param() { id }: IdParam, @Req() request: ParleyRequest): Promise<AccountDto> {
    return this.toDto(await this.accounts.refreshProfile(id, principalOf(request)));
  }

  @Post(':id/rotate-verify-token')
  @Operation({
    ...WRITE,
    id: 'rotateVerifyToken',
    summary: 'Make a new verify token',
    description: 'The old one is refused from here on. Webhooks that are subscribed already go on.',
    answers: AccountDto,
    errors: ['account_not_found'],
  })
  async rotateVerifyToken(@Param() { id }: IdParam, @Req() request: ParleyRequest): Promise<AccountDto> {
    return this.toDto(await this.accounts.rotateVerifyToken(id, principalOf(request)));
  }

  @Get(':id/health')
  @Operation({
    ...READ,
    id: 'getAccountHealth',
    summary: 'Can the account send and receive?',
    description: 'Asks Meta now.',
    answers: AccountHealthDto,
    errors: ['account_not_found'],
  })
  async health(@Param() { id }: IdParam, @Req() request: ParleyRequest): Promise<AccountHealthDto> {
    return toAccountHealthDto(await this.accounts.health(id, principalOf(request)), this.config);
  }

  private toDto(record: AccountRecord): AccountDto {
    return toAccountDto(record, this.vault, this.config);
  }
}

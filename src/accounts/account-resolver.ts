import { Inject, Injectable, Scope } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { AppError, invalidField } from '../common/app-error.js';
import { mayUse, principalOf, type ParleyRequest, type Principal } from '../http/principal.js';
import type { Account } from './account.js';
import { AccountDirectory } from './account-directory.js';
import { noSuchAccount } from './accounts.service.js';

/**
 * The account of this request. Inject it in controllers only: in a service its scope would spread into processors. A
 * handler gets the account once and passes it down.
 */
@Injectable({ scope: Scope.REQUEST })
export class AccountResolver {
  private resolved: Promise<Account> | null = null;

  constructor(
    @Inject(REQUEST) private readonly request: ParleyRequest,
    private readonly directory: AccountDirectory,
  ) {}

  /** Who is asking. */
  get principal(): Principal {
    return principalOf(this.request);
  }

  /**
   * The account that the request names (header, body, query), else the key's default, else the first active account the
   * key may use. A named account is never replaced by another.
   * @throws `404 account_not_found` when it is unknown, inactive or not permitted: the caller cannot tell which
   */
  current(): Promise<Account> {
    this.resolved ??= this.resolve();
    return this.resolved;
  }

  private async resolve(): Promise<Account> {
    const { principal } = this;
    const named = this.named() ?? principal.defaultAccountId;
    if (named === null) {
      const first = (await this.directory.all()).find((account) => account.isActive && mayUse(principal, account.id));
      if (!first) {
        throw noSuchAccount();
      }
      return first;
    }
    if (!mayUse(principal, named)) {
      throw noSuchAccount();
    }
    const account = await this.directory.find(named);
    if (account?.isActive) {
      return account;
    }
    if (await this.directory.isUnusable(named)) {
      throw new AppError(
        'account_credentials_missing',
        'The account has no access token that can be read. Set it again.',
      );
    }
    throw noSuchAccount();
  }

  private named(): number | null {
    const header = this.request.headers['x-account-id'];
    if (header !== undefined) {
      return parseId('X-Account-Id', header);
    }
    for (const part of [this.request.body, this.request.query]) {
      const value = (part as { account_id?: unknown } | null | undefined)?.account_id;
      if (value !== undefined) {
        return parseId('account_id', value);
      }
    }
    return null;
  }
}

function parseId(field: string, value: unknown): number {
  const id = typeof value === 'string' && /^[1-9]\d{0,15}$/.test(value.trim()) ? Number(value) : value;
  if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 1) {
    throw invalidField(field, 'not_int', `${field} must be the id of an account.`);
  }
  return id;
}

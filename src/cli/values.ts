import type { INestApplicationContext } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { AccountsService } from '../accounts/accounts.service.js';
import type { Option, Values } from './command.js';
import { CommandFailed, UsageError } from './context.js';

export const ACCOUNT: Option = { type: 'string', describes: 'id of the account' };

/** @throws UsageError when it is missing */
export function required(values: Values, name: string): string {
  const value = values[name];
  if (typeof value !== 'string' || value === '') {
    throw new UsageError(`--${name} is required.`);
  }
  return value;
}

/** `a, b` → `['a', 'b']`; nothing when it is not given. */
export function list(value: Values[string]): string[] {
  return typeof value === 'string'
    ? value
        .split(',')
        .map((part) => part.trim())
        .filter(Boolean)
    : [];
}

/** @throws UsageError when it is no id */
export function idOf(text: string | undefined, what: string): number {
  const id = Number(text);
  if (!/^\d+$/.test(text ?? '') || !Number.isSafeInteger(id) || id === 0) {
    throw new UsageError(`${what} must be an id, such as 7.`);
  }
  return id;
}

/** @throws UsageError when it is given and no whole number within the bounds */
export function wholeNumber(values: Values, name: string, min: number, max: number): number | undefined {
  const text = values[name];
  if (text === undefined) {
    return undefined;
  }
  const value = Number(text);
  if (text === '' || !Number.isInteger(value) || value < min || value > max) {
    throw new UsageError(`--${name} must be a whole number from ${min} to ${max}.`);
  }
  return value;
}

/** The accounts that `--account` means: that one, or all that are active. */
export async function accountsOf(app: INestApplicationContext, values: Values): Promise<Account[]> {
  const active = (await app.get(AccountsService).freshSnapshot()).filter((account) => account.isActive);
  if (values.account === undefined) {
    return active;
  }
  const id = idOf(String(values.account), '--account');
  const account = active.find((candidate) => candidate.id === id);
  if (!account) {
    throw new CommandFailed('There is no such active account (accounts list shows them).', 'account_not_found');
  }
  return [account];
}

/** The account that `--account` means; it may be left out where there is one alone. */
export async function accountOf(app: INestApplicationContext, values: Values): Promise<Account> {
  const [account, other] = await accountsOf(app, values);
  if (!account) {
    throw new CommandFailed('There is no active account yet (accounts add makes one).', 'account_not_found');
  }
  if (other) {
    throw new UsageError('There are several accounts: say which one with --account ID (accounts list shows them).');
  }
  return account;
}

/** Every page of a list, up to so many rows. */
export async function pagesOf<T>(
  page: (query: { limit: number; cursor?: string }) => Promise<{ rows: T[]; nextCursor: string | null }>,
  atMost = Infinity,
): Promise<T[]> {
  const rows: T[] = [];
  for (let cursor: string | null | undefined; cursor !== null && rows.length < atMost;) {
    const next = await page({ limit: Math.min(200, atMost - rows.length), ...(cursor ? { cursor } : {}) });
    rows.push(...next.rows);
    cursor = next.nextCursor;
  }
  return rows;
}

import { changesBetween, type AuditEntry } from '../audit/audit-trail.js';
import type { AccountRecord } from './account.entity.js';

/** What was given of an account, as far as it is secret. */
interface Given {
  accessToken?: unknown;
  appSecret?: unknown;
}

/** What is written down of an account when it changes; of its secrets only that they changed. */
const TOLD = {
  name: 'name',
  is_active: 'isActive',
  phone_number_id: 'phoneNumberId',
  waba_id: 'wabaId',
  default_catalog_id: 'defaultCatalogId',
  messages_per_second: 'messagesPerSecond',
} as const satisfies Record<string, keyof AccountRecord>;

/** An account was made, changed or deleted, for the audit log. */
export function accountEntry(action: string, accountId: number, changes: Record<string, unknown>): AuditEntry {
  return { action: `account.${action}`, objectType: 'account', objectId: accountId, accountId, changes };
}

/** An account as it is written down. */
export function describeAccount(record: AccountRecord): Record<string, unknown> {
  return Object.fromEntries(Object.entries(TOLD).map(([name, field]) => [name, record[field]]));
}

/** In what an account differs from before, secrets that were given included. */
export function accountDifferences(before: AccountRecord, after: AccountRecord, given: Given): Record<string, unknown> {
  const changed = changesBetween(describeAccount(before), describeAccount(after), Object.keys(TOLD));
  return { ...changed, ...secretsIn(given) };
}

/** Which secrets were given. */
export function secretsIn({ accessToken, appSecret }: Given): Record<string, unknown> {
  return {
    ...(accessToken === undefined ? {} : { access_token: { changed: true } }),
    ...(appSecret === undefined ? {} : { app_secret: { changed: true } }),
  };
}

import { Injectable } from '@nestjs/common';
import { AuditTrail, changesBetween, type AuditEntry } from '../audit/audit-trail.js';
import { currentActor } from '../common/actor.js';
import { AppError, invalidField } from '../common/app-error.js';
import { decodeIdCursor, toPage, type Page } from '../common/page.js';
import { sha256 } from '../common/secret.js';
import { Database, type Queryable, type Tx } from '../database/database.js';
import type { Principal, Scope } from '../http/principal.js';
import { ApiKeyAuthenticator } from './api-key-authenticator.js';
import { generateKey, prefixOf } from './api-key-format.js';
import { ApiKey, ApiKeySecret } from './api-key.entity.js';
import { ApiKeysRepository, type ApiKeyDetails } from './api-keys.repository.js';
import { adminRank, assertMayGrant } from './key-rights.js';

/** What a new key is made of. */
export interface NewApiKey {
  name: string;
  /** All, when left out. */
  scopes?: readonly Scope[];
  /** Empty: all accounts. Left out: those of the asking key. */
  accountIds?: readonly number[];
  defaultAccountId?: number | null;
  expiresAt?: Date | null;
  isActive?: boolean;
}

/** What may be changed of one; only what is given changes. */
export type ApiKeyChanges = Partial<NewApiKey>;

/** A key with its value, which is known only now. */
export type IssuedApiKey = ApiKeyDetails & { key: string };

type Settings = Pick<ApiKeyDetails, 'name' | 'scopes' | 'accountIds' | 'defaultAccountId' | 'expiresAt' | 'isActive'>;

const LIST = 'api_keys';
/** What of a key may change, by the names that the API and the audit log have for it. */
const SETTINGS = {
  name: 'name',
  is_active: 'isActive',
  scopes: 'scopes',
  account_ids: 'accountIds',
  default_account_id: 'defaultAccountId',
  expires_at: 'expiresAt',
} as const satisfies Record<string, keyof Settings>;

/** API keys: made, changed, rotated, removed. `by` is who asks; null is the operator at the command line. */
@Injectable()
export class ApiKeysService {
  constructor(
    private readonly database: Database,
    private readonly repository: ApiKeysRepository,
    private readonly authenticator: ApiKeyAuthenticator,
    private readonly audit: AuditTrail,
  ) {}

  /** A key that is tied to accounts sees the keys that are tied to no others. */
  async list(query: { cursor?: string; limit: number }, by: Principal): Promise<Page<ApiKeyDetails>> {
    const rows = await this.repository.findPage(by.accountIds, decodeIdCursor(LIST, query.cursor), query.limit);
    return toPage(LIST, rows, query.limit, (row) => [row.id]);
  }

  /** Makes a key. Its value is in the answer and nowhere else. */
  async create(input: NewApiKey, by: Principal | null = null): Promise<IssuedApiKey> {
    const settings = merge(
      {
        name: input.name,
        scopes: ['*'],
        accountIds: [...(by?.accountIds ?? [])],
        defaultAccountId: null,
        expiresAt: null,
        isActive: true,
      },
      input,
    );
    assertMayGrant(by, settings);
    const key = generateKey();
    return this.database.transaction(async (tx) => {
      await this.assertAccounts(tx, settings, by);
      const { accountIds, ...columns } = settings;
      const { identifiers } = await tx.manager.insert(ApiKey, { ...columns, prefix: prefixOf(key), ...maker() });
      const id = identifiers[0]!.id as number;
      await this.repository.replaceAccounts(tx, id, accountIds);
      await tx.manager.insert(ApiKeySecret, { apiKeyId: id, secretHash: sha256(key) });
      const made = await this.get(tx, id, by);
      await this.audit.append(tx, [entryOf('api_key.created', [made], described(made))]);
      return { ...made, key };
    });
  }

  /** @throws `409 last_admin_key` when nobody with all rights would be left */
  async update(id: number, changes: ApiKeyChanges, by: Principal | null): Promise<ApiKeyDetails> {
    const updated = await this.database.transaction(async (tx) => {
      const before = await this.getManageable(tx, id, by);
      const settings = merge(before, changes);
      assertMayGrant(by, settings);
      if (changes.accountIds !== undefined || changes.defaultAccountId !== undefined) {
        await this.assertAccounts(tx, settings, by);
      }
      await this.assertAdminRemains(tx, before, settings);
      const { accountIds, ...columns } = settings;
      await tx.manager.update(ApiKey, { id }, columns);
      if (changes.accountIds !== undefined) {
        await this.repository.replaceAccounts(tx, id, accountIds);
      }
      const after = await this.get(tx, id, by);
      const changed = changesBetween(described(before), described(after), Object.keys(SETTINGS));
      if (Object.keys(changed).length > 0) {
        await this.audit.append(tx, [entryOf('api_key.updated', [before, after], changed)]);
      }
      return after;
    });
    this.authenticator.forget();
    return updated;
  }

  /** @throws `409 last_admin_key` when nobody with all rights would be left */
  async remove(id: number, by: Principal | null): Promise<void> {
    await this.database.transaction(async (tx) => {
      const key = await this.getManageable(tx, id, by);
      await this.assertAdminRemains(tx, key, null);
      await tx.manager.delete(ApiKey, { id });
      await this.audit.append(tx, [entryOf('api_key.deleted', [key], described(key))]);
    });
    this.authenticator.forget();
  }

  /** Gives the key a new value; the present one works for `overlapSeconds` more. */
  async rotate(id: number, overlapSeconds: number, by: Principal | null): Promise<IssuedApiKey> {
    const issued = await this.database.transaction(async (tx) => {
      const { prefix } = await this.getManageable(tx, id, by);
      const key = generateKey(prefix);
      await this.repository.endSecrets(tx, id, overlapSeconds);
      await tx.manager.insert(ApiKeySecret, { apiKeyId: id, secretHash: sha256(key) });
      await tx.manager.update(ApiKey, { id }, { prefix: prefixOf(key) });
      const rotated = await this.get(tx, id, by);
      await this.audit.append(tx, [entryOf('api_key.rotated', [rotated], { overlap_s: overlapSeconds })]);
      return { ...rotated, key };
    });
    this.authenticator.forget();
    return issued;
  }

  private async get(tx: Queryable, id: number, by: Principal | null): Promise<ApiKeyDetails> {
    const key = await this.repository.find(tx, id, by?.accountIds ?? []);
    if (!key) {
      throw new AppError('not_found', 'There is no such API key.');
    }
    return key;
  }

  /** The key, when the asking one may change it; nobody else changes any key until the transaction ends. */
  private async getManageable(tx: Tx, id: number, by: Principal | null): Promise<ApiKeyDetails> {
    await this.repository.lockAdministration(tx);
    const key = await this.get(tx, id, by);
    assertMayGrant(by, key);
    return key;
  }

  /** Missing accounts and those of others are told of in the same words. */
  private async assertAccounts(tx: Tx, settings: Settings, by: Principal | null): Promise<void> {
    const { accountIds, defaultAccountId } = settings;
    const existing = await this.repository.existingAccounts(
      tx,
      defaultAccountId === null ? accountIds : [...accountIds, defaultAccountId],
    );
    const mayName = (accountId: number): boolean =>
      existing.has(accountId) && (!by || by.accountIds.length === 0 || by.accountIds.includes(accountId));
    const unknown = accountIds.find((accountId) => !mayName(accountId));
    if (unknown !== undefined) {
      throw invalidField('account_ids', 'account_not_found', `There is no account ${unknown}.`);
    }
    if (defaultAccountId === null) {
      return;
    }
    if (!mayName(defaultAccountId)) {
      throw invalidField('default_account_id', 'account_not_found', `There is no account ${defaultAccountId}.`);
    }
    if (accountIds.length > 0 && !accountIds.includes(defaultAccountId)) {
      throw invalidField('default_account_id', 'not_in_account_ids', 'default_account_id must be one of account_ids.');
    }
  }

  private async assertAdminRemains(tx: Tx, before: ApiKeyDetails, after: Settings | null): Promise<void> {
    const rank = adminRank(before);
    if ((after === null ? 0 : adminRank(after)) >= rank) {
      return;
    }
    if ((await this.repository.countOtherAdmins(tx, before.id, { withExpiring: rank === 1 })) === 0) {
      throw new AppError(
        'last_admin_key',
        'This is the last active key with all scopes and all accounts. Make another one first.',
      );
    }
  }
}

/** Who makes a key, for those who look at it later. */
function maker(): Pick<ApiKey, 'createdBy' | 'createdByKeyId'> {
  const actor = currentActor();
  return actor.type === 'api_key'
    ? { createdBy: actor.name, createdByKeyId: actor.keyId }
    : { createdBy: actor.type, createdByKeyId: null };
}

/** What a key may do, as it is written down. */
function described(key: Settings): Record<string, unknown> {
  return Object.fromEntries(Object.entries(SETTINGS).map(([name, field]) => [name, key[field]]));
}

/**
 * A key of one account is that account's matter, any other the installation's.
 * @param states of the key: before and after, or the only one
 */
function entryOf(action: string, states: readonly ApiKeyDetails[], changes: Record<string, unknown>): AuditEntry {
  const owners = new Set(states.map(({ accountIds }) => (accountIds.length === 1 ? accountIds[0] : null)));
  const [owner = null] = owners;
  const objectId = states[0]?.id ?? null;
  return { action, objectType: 'api_key', objectId, accountId: owners.size === 1 ? owner : null, changes };
}

/** The settings with what was given put in their place. */
function merge(settings: Settings, changes: ApiKeyChanges): Settings {
  const { name, scopes, accountIds, defaultAccountId, expiresAt, isActive } = changes;
  if (scopes?.length === 0) {
    throw invalidField('scopes', 'empty', 'scopes must name at least one scope.');
  }
  if (expiresAt && !(expiresAt.getTime() > Date.now())) {
    throw invalidField('expires_at', 'not_in_future', 'expires_at must be a time in the future.');
  }
  return {
    name: name ?? settings.name,
    scopes: scopes === undefined ? settings.scopes : scopes.includes('*') ? ['*'] : [...new Set(scopes)],
    accountIds: accountIds === undefined ? settings.accountIds : [...new Set(accountIds)],
    defaultAccountId: defaultAccountId === undefined ? settings.defaultAccountId : defaultAccountId,
    expiresAt: expiresAt === undefined ? settings.expiresAt : expiresAt,
    isActive: isActive ?? settings.isActive,
  };
}

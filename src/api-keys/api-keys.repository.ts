import { Injectable } from '@nestjs/common';
import { Database, type Queryable, type Tx } from '../database/database.js';
import type { Scope } from '../http/principal.js';
import type { ApiKey } from './api-key.entity.js';

/** A key with the accounts it is tied to. */
export interface ApiKeyDetails extends ApiKey {
  /** Empty: all accounts. */
  accountIds: number[];
}

/** What the guard needs of a key. */
export interface KeyRights {
  id: number;
  name: string;
  scopes: Scope[];
  defaultAccountId: number | null;
  accountIds: number[];
  /** The secret it was found by; or, when it was found by its id, all that work. */
  secretIds: number[];
}

/** One number, the same for all who change keys. */
const ADMINISTRATION_LOCK = 7_251_902;

const ACCOUNT_IDS = `array(select account_id from api_key_accounts where api_key_id = k.id order by account_id) as "accountIds"`;
const COLUMNS = `k.id, k.name, k.prefix, k.is_active as "isActive", k.scopes, k.default_account_id as "defaultAccountId",
  k.expires_at as "expiresAt", k.last_used_at as "lastUsedAt", k.last_used_ip as "lastUsedIp",
  k.created_by as "createdBy", k.created_by_key_id as "createdByKeyId", k.created_at as "createdAt", k.updated_at as "updatedAt",
  ${ACCOUNT_IDS}`;
/** Tied to accounts, and to none beyond those of $1; when $1 is empty: any key. */
const WITHIN_ACCOUNTS = `(cardinality($1::bigint[]) = 0 or (
  exists (select from api_key_accounts where api_key_id = k.id)
  and not exists (select from api_key_accounts where api_key_id = k.id and account_id <> all($1))))`;

const FIND_RIGHTS = `
select k.id, k.name, k.scopes, k.default_account_id as "defaultAccountId", ${ACCOUNT_IDS}, array[s.id] as "secretIds"
from api_key_secrets s
join api_keys k on k.id = s.api_key_id
where s.secret_hash = $1
  and (s.expires_at is null or s.expires_at > now())
  and k.is_active
  and (k.expires_at is null or k.expires_at > now())`;

const FIND_RIGHTS_OF_KEYS = `
select k.id, k.name, k.scopes, k.default_account_id as "defaultAccountId", ${ACCOUNT_IDS},
  array(
    select s.id from api_key_secrets s
    where s.api_key_id = k.id and (s.expires_at is null or s.expires_at > now())
      and ($2::timestamptz is null or s.created_at <= $2)
    order by s.id
  ) as "secretIds"
from api_keys k
where k.id = any($1::bigint[]) and k.is_active and (k.expires_at is null or k.expires_at > now())`;

const FIND_PAGE = `
select ${COLUMNS} from api_keys k
where ${WITHIN_ACCOUNTS} and ($2::bigint is null or k.id > $2)
order by k.id
limit $3`;

const FIND_ONE = `select ${COLUMNS} from api_keys k where ${WITHIN_ACCOUNTS} and k.id = $2`;

const COUNT_OTHER_ADMINS = `
select count(*) as n from api_keys k
where k.id <> $1 and k.is_active and '*' = any(k.scopes)
  and (k.expires_at is null or ($2 and k.expires_at > now()))
  and not exists (select from api_key_accounts where api_key_id = k.id)`;

const END_SECRETS = `
update api_key_secrets set expires_at = now() + make_interval(secs => $2)
where api_key_id = $1 and (expires_at is null or expires_at > now() + make_interval(secs => $2))`;

// Written from the path of every request, but once a minute: the condition keeps many processes from writing it each.
const TOUCH = `
update api_keys set last_used_at = now(), last_used_ip = $2
where id = $1 and (last_used_at is null or last_used_at < now() - interval '1 minute')`;

/** Keys, their secrets and the accounts they are tied to. */
@Injectable()
export class ApiKeysRepository {
  constructor(private readonly database: Database) {}

  /** The rights of the active, unexpired key that has this hash. */
  async findRights(secretHash: Buffer): Promise<KeyRights | null> {
    const [row] = await this.database.query<KeyRights>(FIND_RIGHTS, [secretHash]);
    return row ?? null;
  }

  /**
   * The rights of those of the keys that are active and unexpired.
   * @param madeUntil only secrets made until then (a timestamp as PostgreSQL writes it) count; null: all
   */
  findRightsOfKeys(ids: readonly number[], madeUntil: string | null): Promise<KeyRights[]> {
    return this.database.query(FIND_RIGHTS_OF_KEYS, [ids, madeUntil]);
  }

  async touch(id: number, ip: string): Promise<void> {
    await this.database.query(TOUCH, [id, ip]);
  }

  /** @param withinAccounts only keys tied to some of these; empty: all keys */
  findPage(withinAccounts: readonly number[], afterId: number | null, limit: number): Promise<ApiKeyDetails[]> {
    return this.database.query(FIND_PAGE, [withinAccounts, afterId, limit + 1]);
  }

  async find(tx: Queryable, id: number, withinAccounts: readonly number[]): Promise<ApiKeyDetails | null> {
    const [row] = await tx.query<ApiKeyDetails>(FIND_ONE, [withinAccounts, id]);
    return row ?? null;
  }

  /** Which key has this secret, active or not, expired or not. */
  async findIdBySecret(tx: Tx, secretHash: Buffer): Promise<number | null> {
    const [row] = await tx.query<{ id: number }>(
      'select api_key_id as id from api_key_secrets where secret_hash = $1',
      [secretHash],
    );
    return row?.id ?? null;
  }

  /** Only one transaction at a time goes on from here: whoever counts admin keys counts what stays true. */
  async lockAdministration(tx: Tx): Promise<void> {
    await tx.query('select pg_advisory_xact_lock($1)', [ADMINISTRATION_LOCK]);
  }

  /** Other active keys with all scopes and all accounts that do not expire, or have not yet. */
  async countOtherAdmins(tx: Tx, id: number, options: { withExpiring: boolean }): Promise<number> {
    const [row] = await tx.query<{ n: number }>(COUNT_OTHER_ADMINS, [id, options.withExpiring]);
    return row?.n ?? 0;
  }

  /**
   * Those of the ids that are accounts. Accounts are a neighbour, which this module may not import; between a key and an
   * account stands a foreign key, and it cannot see that an account was deleted softly.
   */
  async existingAccounts(tx: Queryable, ids: readonly number[]): Promise<Set<number>> {
    const rows = await tx.query<{ id: number }>(
      'select id from accounts where id = any($1::bigint[]) and deleted_at is null',
      [ids],
    );
    return new Set(rows.map((row) => row.id));
  }

  async replaceAccounts(tx: Tx, id: number, accountIds: readonly number[]): Promise<void> {
    await tx.query('delete from api_key_accounts where api_key_id = $1', [id]);
    await tx.query('insert into api_key_accounts (api_key_id, account_id) select $1, unnest($2::bigint[])', [
      id,
      accountIds,
    ]);
  }

  /** Lets the present secrets of a key live for so long, and no longer. */
  async endSecrets(tx: Tx, id: number, afterSeconds: number): Promise<void> {
    await tx.query('delete from api_key_secrets where api_key_id = $1 and expires_at <= now()', [id]);
    await tx.query(END_SECRETS, [id, afterSeconds]);
  }
}

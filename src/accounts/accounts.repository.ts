import { Injectable } from '@nestjs/common';
import { In, IsNull, MoreThan } from 'typeorm';
import { Database, type Tx } from '../database/database.js';
import { AccountRecord } from './account.entity.js';

/** One number, the same for all who sync the account of the environment. */
const ENVIRONMENT_LOCK = 7_251_903;

/** Rows of `accounts`; deleted ones are nobody's business. */
@Injectable()
export class AccountsRepository {
  constructor(private readonly database: Database) {}

  /** Oldest first; that of the environment last, for it is what is taken when there is no other. */
  findAll(): Promise<AccountRecord[]> {
    return this.database.manager.find(AccountRecord, {
      where: { deletedAt: IsNull() },
      order: { managedBy: 'ASC', id: 'ASC' },
    });
  }

  findOfEnvironment(): Promise<AccountRecord | null> {
    return this.database.manager.findOneBy(AccountRecord, { managedBy: 'environment', deletedAt: IsNull() });
  }

  find(id: number): Promise<AccountRecord | null> {
    return this.database.manager.findOneBy(AccountRecord, { id, deletedAt: IsNull() });
  }

  /** @param onlyIds the accounts to choose from; empty: all */
  findPage(onlyIds: readonly number[], afterId: number | null, limit: number): Promise<AccountRecord[]> {
    const ids = onlyIds.filter((id) => afterId === null || id > afterId);
    return this.database.manager.find(AccountRecord, {
      where: {
        deletedAt: IsNull(),
        ...(onlyIds.length > 0 ? { id: In(ids) } : afterId === null ? {} : { id: MoreThan(afterId) }),
      },
      order: { id: 'ASC' },
      take: limit + 1,
    });
  }

  findForUpdate(tx: Tx, id: number): Promise<AccountRecord | null> {
    return tx.manager.findOne(AccountRecord, {
      where: { id, deletedAt: IsNull() },
      lock: { mode: 'pessimistic_write' },
    });
  }

  findForShare(tx: Tx, id: number): Promise<AccountRecord | null> {
    return tx.manager.findOne(AccountRecord, {
      where: { id, deletedAt: IsNull() },
      lock: { mode: 'pessimistic_read' },
    });
  }

  getIn(tx: Tx, id: number): Promise<AccountRecord> {
    return tx.manager.findOneByOrFail(AccountRecord, { id });
  }

  findByPhoneNumberIdForUpdate(tx: Tx, phoneNumberId: string): Promise<AccountRecord | null> {
    return tx.manager.findOne(AccountRecord, {
      where: { phoneNumberId, deletedAt: IsNull() },
      lock: { mode: 'pessimistic_write' },
    });
  }

  /** An id before its row: the ciphertexts of a row are bound to it. */
  async nextId(tx: Tx): Promise<number> {
    const [row] = await tx.query<{ id: number }>(`select nextval(pg_get_serial_sequence('accounts', 'id')) as id`);
    return row!.id;
  }

  /** Only one process at a time goes on from here, until its transaction ends. */
  async lockEnvironment(tx: Tx): Promise<void> {
    await tx.query('select pg_advisory_xact_lock($1)', [ENVIRONMENT_LOCK]);
  }

  /** Accounts of the environment other than the one it names now: they stop, and belong to the API from here on. */
  async releaseAbandoned(tx: Tx, namedPhoneNumberId: string | null): Promise<void> {
    await tx.query(
      `update accounts set managed_by = 'api', is_active = false, updated_at = now()
       where managed_by = 'environment' and deleted_at is null and phone_number_id is distinct from $1`,
      [namedPhoneNumberId],
    );
  }
}

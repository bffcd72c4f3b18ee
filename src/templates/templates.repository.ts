import { Injectable } from '@nestjs/common';
import { Raw } from 'typeorm';
import { AppError } from '../common/app-error.js';
import { containing } from '../common/like.js';
import type { Queryable, Tx } from '../database/database.js';
import { COLUMNS } from './template-columns.js';
import { TemplateRecord } from './template.entity.js';

export interface TemplateFilter {
  accountId: number;
  /** Part of name or body. */
  q?: string | undefined;
  status?: string | undefined;
  category?: string | undefined;
  language?: string | undefined;
  beforeId: number | null;
}

/** Nobody is changing it at Meta just now. */
const notBusy = (): ReturnType<typeof Raw> => Raw((column) => `(${column} is null or ${column} < now())`);

/**
 * The exact language wins, whatever Meta says of it, unless Meta does not have it; then variants of the same language,
 * approved before others and the bare one first; then a draft of the exact language, which only renders.
 */
const FIND_FOR_SEND = `
  select ${COLUMNS} from templates t
  where t.account_id = $1 and t.name = $2 and split_part(t.language, '_', 1) = split_part($3, '_', 1)
    and (t.language = $3 or t.status not in ('DRAFT', 'DELETED'))
  order by (t.language = $3 and t.status not in ('DRAFT', 'DELETED')) desc, (t.status not in ('DRAFT', 'DELETED')) desc,
    (t.status = 'APPROVED') desc, (t.language = split_part($3, '_', 1)) desc, t.language
  limit 1`;

@Injectable()
export class TemplatesRepository {
  async find(q: Queryable, accountId: number, id: number): Promise<TemplateRecord | null> {
    const [row] = await q.query<TemplateRecord>(
      `select ${COLUMNS} from templates t where t.account_id = $1 and t.id = $2`,
      [accountId, id],
    );
    return row ?? null;
  }

  async findByName(q: Queryable, accountId: number, name: string, language: string): Promise<TemplateRecord | null> {
    const [row] = await q.query<TemplateRecord>(
      `select ${COLUMNS} from templates t where t.account_id = $1 and t.name = $2 and t.language = $3`,
      [accountId, name, language],
    );
    return row ?? null;
  }

  async findForSend(q: Queryable, accountId: number, name: string, language: string): Promise<TemplateRecord | null> {
    const [row] = await q.query<TemplateRecord>(FIND_FOR_SEND, [accountId, name, language]);
    return row ?? null;
  }

  async list(q: Queryable, filter: TemplateFilter, limit: number): Promise<TemplateRecord[]> {
    const values: unknown[] = [filter.accountId, limit];
    const bind = (value: unknown): string => `$${values.push(value)}`;
    const where = ['t.account_id = $1'];
    if (filter.q) {
      const pattern = bind(containing(filter.q));
      where.push(`(t.name ilike ${pattern} or t.body_text ilike ${pattern})`);
    }
    for (const column of ['status', 'category', 'language'] as const) {
      const value = filter[column];
      if (value !== undefined) {
        where.push(`t.${column} = ${bind(value)}`);
      }
    }
    if (filter.beforeId !== null) {
      where.push(`t.id < ${bind(filter.beforeId)}`);
    }
    return q.queryDynamic<TemplateRecord>(
      `select ${COLUMNS} from templates t where ${where.join(' and ')} order by t.id desc limit $2`,
      values,
    );
  }

  async listNames(q: Queryable, accountId: number, status: string, limit: number): Promise<string[]> {
    const rows = await q.query<{ name: string }>(
      'select distinct name from templates where account_id = $1 and status = $2 order by name limit $3',
      [accountId, status, limit],
    );
    return rows.map((row) => row.name);
  }

  /** Every language of a name that Meta has or had. */
  async listLanguages(q: Queryable, accountId: number, name: string): Promise<TemplateRecord[]> {
    return q.query<TemplateRecord>(
      `select ${COLUMNS} from templates t where t.account_id = $1 and t.name = $2 and t.status <> 'DRAFT' order by t.id`,
      [accountId, name],
    );
  }

  /** @throws a unique violation when the account has a template of this name and language */
  async insert(tx: Tx, template: Partial<TemplateRecord>): Promise<number> {
    const { identifiers } = await tx.manager.insert(TemplateRecord, template as object);
    return (identifiers[0] as { id: number }).id;
  }

  /** Changes a draft that Meta was not asked to create; false when there is none. */
  async updateDraft(tx: Tx, accountId: number, id: number, changes: Partial<TemplateRecord>): Promise<boolean> {
    const { affected } = await tx.manager.update(
      TemplateRecord,
      {
        accountId,
        id,
        status: 'DRAFT',
        busyUntil: notBusy(),
        creationAskedAt: Raw((column) => `${column} is null`),
      },
      changes as object,
    );
    return affected === 1;
  }

  /** For whoever holds its lease. */
  async update(tx: Tx, accountId: number, id: number, changes: Partial<TemplateRecord>): Promise<void> {
    await tx.manager.update(TemplateRecord, { accountId, id }, changes as object);
  }

  /** @returns false when it is not there, or somebody is changing it at Meta; @throws a foreign key violation when a campaign uses it */
  async remove(tx: Tx, accountId: number, id: number): Promise<boolean> {
    const { affected } = await tx.manager.delete(TemplateRecord, { accountId, id, busyUntil: notBusy() });
    return affected === 1;
  }

  /** One that is DELETED. @throws a foreign key violation when a campaign uses it */
  async removeGone(tx: Tx, accountId: number, id: number): Promise<void> {
    await tx.manager.delete(TemplateRecord, { accountId, id, status: 'DELETED' });
  }

  /** The row, locked. @throws `template_not_found` */
  async lock(tx: Tx, accountId: number, id: number): Promise<TemplateRecord> {
    const [row] = await tx.query<TemplateRecord>(
      `select ${COLUMNS} from templates t where t.account_id = $1 and t.id = $2 for update`,
      [accountId, id],
    );
    if (!row) {
      throw noSuchTemplate();
    }
    return row;
  }

  /** Meta has these no more. @returns those that were not known to be gone */
  async markGone(tx: Tx, accountId: number, ids: readonly number[], at: Date): Promise<TemplateRecord[]> {
    return tx.query<TemplateRecord>(
      `with gone as (
         select id from templates where account_id = $1 and id = any($2::bigint[]) order by id for update
       )
       update templates t set status = 'DELETED', status_at = greatest(t.status_at, $3), creation_asked_at = null,
         rejected_reason = null, rejection_info = null, updated_at = now()
       from gone where t.id = gone.id and t.status <> 'DELETED'
       returning ${COLUMNS}`,
      [accountId, [...ids], at],
    );
  }

  /** Frees an id of Meta's that another row holds: an id that Meta has given out anew, as a restarted simulator does. */
  async freeMetaId(tx: Tx, accountId: number, metaTemplateId: string, exceptId: number): Promise<void> {
    await tx.query(
      `update templates set meta_template_id = null
       where account_id = $1 and meta_template_id = $2 and id <> $3`,
      [accountId, metaTemplateId, exceptId],
    );
  }

  /** Takes the right to change a template at Meta. @returns what to renew and give it back by; null: somebody has it */
  async takeLease(q: Queryable, accountId: number, id: number, seconds: number): Promise<string | null> {
    const [row] = await q.query<{ lease: string }>(
      `update templates set busy_until = clock_timestamp() + make_interval(secs => $3)
       where account_id = $1 and id = $2 and (busy_until is null or busy_until < clock_timestamp())
       returning busy_until::text as lease`,
      [accountId, id, seconds],
    );
    return row?.lease ?? null;
  }

  /** @returns the new lease; null when it was lost */
  async renewLease(q: Queryable, id: number, lease: string, seconds: number): Promise<string | null> {
    const [row] = await q.query<{ lease: string }>(
      `update templates set busy_until = clock_timestamp() + make_interval(secs => $3)
       where id = $1 and busy_until = $2::timestamptz returning busy_until::text as lease`,
      [id, lease, seconds],
    );
    return row?.lease ?? null;
  }

  async giveLeaseBack(q: Queryable, id: number, lease: string): Promise<void> {
    await q.query('update templates set busy_until = null where id = $1 and busy_until = $2::timestamptz', [id, lease]);
  }

  /** Notes, before Meta is asked, that it may have this one from now on; what was heard of an earlier one is of another. */
  async noteAsked(q: Queryable, accountId: number, id: number): Promise<void> {
    await q.query(
      `update templates set creation_asked_at = now(), meta_template_id = null, status_at = null, quality_at = null,
         category_at = null, components_at = null
       where account_id = $1 and id = $2`,
      [accountId, id],
    );
  }
}

export function noSuchTemplate(): AppError {
  return new AppError('template_not_found', 'There is no such template.');
}

import { Injectable } from '@nestjs/common';
import { containing } from '../common/like.js';
import type { Queryable, Tx } from '../database/database.js';
import { columnsOf, json } from '../database/unnest.js';
import type { ParameterFormat, TemplateHeader } from './template.js';
import { TemplateRecord } from './template.entity.js';

/** A template as Meta gives it, read. */
export interface SyncedTemplate {
  metaTemplateId: string;
  name: string;
  language: string;
  category: string;
  status: string;
  parameterFormat: ParameterFormat;
  header: TemplateHeader | null;
  bodyText: string;
  footerText: string;
  buttons: Record<string, unknown>[];
  components: Record<string, unknown>[];
  rejectedReason: string | null;
  qualityScore: string | null;
}

/** What an upsert did to one row. */
export interface UpsertedTemplate {
  isNew: boolean;
  isChanged: boolean;
}

/** A status of Meta's for one template. */
export interface StatusChange {
  accountId: number;
  metaTemplateId: string;
  name: string;
  language: string;
  status: string;
  rejectedReason: string | null;
}

export interface ChangedTemplate {
  id: number;
  accountId: number;
  metaTemplateId: string | null;
  name: string;
  language: string;
  status: string;
  rejectedReason: string | null;
}

export interface TemplateFilter {
  accountId: number;
  /** Part of name or body. */
  q?: string | undefined;
  status?: string | undefined;
  category?: string | undefined;
  language?: string | undefined;
  beforeId: number | null;
}

const COLUMNS = `t.id, t.account_id as "accountId", t.name, t.meta_template_id as "metaTemplateId", t.language, t.category,
  t.status, t.parameter_format as "parameterFormat", t.header, t.body_text as "bodyText", t.footer_text as "footerText",
  t.buttons, t.components, t.rejected_reason as "rejectedReason", t.quality_score as "qualityScore",
  t.synced_at as "syncedAt", t.created_at as "createdAt", t.updated_at as "updatedAt"`;

/** What Meta decides; a row is changed when any of it differs. */
const FROM_META = [
  'meta_template_id',
  'category',
  'status',
  'parameter_format',
  'header',
  'body_text',
  'footer_text',
  'buttons',
  'components',
  'rejected_reason',
  'quality_score',
];

const of = (row: string): string => FROM_META.map((column) => `${row}.${column}`).join(', ');

/** Meta's id was another template's here: an id that Meta has given out anew, as a restarted simulator does. */
const FREE_META_IDS = `
  update templates t set meta_template_id = null
  from unnest($2::text[], $3::text[], $4::text[]) as u (meta_template_id, name, language)
  where t.account_id = $1 and t.meta_template_id = u.meta_template_id and (t.name, t.language) <> (u.name, u.language)`;

const UPSERT = `
  insert into templates as t (account_id, name, language, ${FROM_META.join(', ')}, synced_at)
  select $1, u.*, clock_timestamp()
  from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::jsonb[], $9::text[],
    $10::text[], $11::jsonb[], $12::jsonb[], $13::text[], $14::text[]) as u (name, language, ${FROM_META.join(', ')})
  order by name, language
  on conflict (account_id, name, language) do update set
    ${FROM_META.map((column) => `${column} = excluded.${column}`).join(', ')},
    synced_at = excluded.synced_at,
    updated_at = case when (${of('t')}) is distinct from (${of('excluded')}) then now() else t.updated_at end
  where t.status <> 'DRAFT'
  returning t.xmax = 0 as "isNew", t.xmax <> 0 and t.updated_at = now() as "isChanged"`;

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

  /** @throws a unique violation when the account has a template of this name and language */
  async insert(tx: Tx, template: Partial<TemplateRecord>): Promise<number> {
    const { identifiers } = await tx.manager.insert(TemplateRecord, template as object);
    return (identifiers[0] as { id: number }).id;
  }

  /** Changes a row that still has the status; false when there is none. */
  async update(
    tx: Tx,
    accountId: number,
    id: number,
    status: string,
    changes: Partial<TemplateRecord>,
  ): Promise<boolean> {
    const { affected } = await tx.manager.update(TemplateRecord, { accountId, id, status }, changes as object);
    return affected === 1;
  }

  /** @throws a foreign key violation when a campaign uses it */
  async remove(tx: Tx, accountId: number, id: number): Promise<boolean> {
    const { affected } = await tx.manager.delete(TemplateRecord, { accountId, id });
    return affected === 1;
  }

  /** The database's clock. */
  async now(q: Queryable): Promise<Date> {
    const [row] = await q.query<{ at: Date }>('select clock_timestamp() as at');
    return (row as { at: Date }).at;
  }

  /**
   * Writes what Meta has. A draft that has the name of one of Meta's stays as it is, and is not in the answer.
   * @param templates each name and language, and each id of Meta's, at most once
   */
  async upsert(tx: Tx, accountId: number, templates: readonly SyncedTemplate[]): Promise<UpsertedTemplate[]> {
    await tx.query(FREE_META_IDS, [
      accountId,
      ...columnsOf(
        templates,
        (template) => template.metaTemplateId,
        (template) => template.name,
        (template) => template.language,
      ),
    ]);
    return tx.query<UpsertedTemplate>(UPSERT, [
      accountId,
      ...columnsOf(
        templates,
        (template) => template.name,
        (template) => template.language,
        (template) => template.metaTemplateId,
        (template) => template.category,
        (template) => template.status,
        (template) => template.parameterFormat,
        (template) => json(template.header),
        (template) => template.bodyText,
        (template) => template.footerText,
        (template) => json(template.buttons),
        (template) => json(template.components),
        (template) => template.rejectedReason,
        (template) => template.qualityScore,
      ),
    ]);
  }

  /** Marks what Meta had and has no longer: not seen since, and not changed here since. Drafts are not Meta's. */
  async markDeleted(tx: Tx, accountId: number, notSeenSince: Date): Promise<number> {
    const rows = await tx.query(
      `update templates t set status = 'DELETED', updated_at = now()
       where t.account_id = $1 and t.synced_at < $2 and t.updated_at < $2 and t.status not in ('DRAFT', 'DELETED')
       returning t.id`,
      [accountId, notSeenSince],
    );
    return rows.length;
  }

  /**
   * Sets statuses, found by Meta's id; a row that has none (and is no draft) by name and language.
   * @returns the rows that changed
   */
  async applyStatuses(tx: Tx, changes: readonly StatusChange[]): Promise<ChangedTemplate[]> {
    return tx.query<ChangedTemplate>(
      `with u as (
         select * from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
           as u (account_id, meta_template_id, name, language, status, rejected_reason)
       ), hit as (
         select t.id, u.status, u.rejected_reason
         from u join templates t on t.account_id = u.account_id and (
           t.meta_template_id = u.meta_template_id
           or (t.meta_template_id is null and t.status <> 'DRAFT' and t.name = u.name and t.language = u.language))
         order by t.id for update of t
       )
       update templates t set status = hit.status, rejected_reason = hit.rejected_reason, updated_at = now()
       from hit
       where t.id = hit.id and (t.status, t.rejected_reason) is distinct from (hit.status, hit.rejected_reason)
       returning t.id, t.account_id as "accountId", t.meta_template_id as "metaTemplateId", t.name, t.language, t.status,
         t.rejected_reason as "rejectedReason"`,
      columnsOf(
        changes,
        (change) => change.accountId,
        (change) => change.metaTemplateId,
        (change) => change.name,
        (change) => change.language,
        (change) => change.status,
        (change) => change.rejectedReason,
      ),
    );
  }
}

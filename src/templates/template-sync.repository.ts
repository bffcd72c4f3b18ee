import { Injectable } from '@nestjs/common';
import type { Queryable, Tx } from '../database/database.js';
import { columnsOf, json } from '../database/unnest.js';
import { COLUMNS } from './template-columns.js';
import type { TemplateParts } from './template-parts.js';
import type { TemplateRecord } from './template.entity.js';

/** A template as Meta gives it, read. Which of our files its samples are Meta does not know. */
export interface SyncedTemplate extends Omit<TemplateParts, 'headerMediaId'> {
  metaTemplateId: string;
  name: string;
  language: string;
  status: string;
  components: Record<string, unknown>[];
  rejectedReason: string | null;
  qualityScore: string | null;
  previousCategory: string | null;
  correctCategory: string | null;
}

/** What an upsert did to one row. */
export interface UpsertedTemplate extends TemplateRecord {
  isNew: boolean;
  isChanged: boolean;
  /** Null for a new row. */
  statusBefore: string | null;
  categoryBefore: string | null;
}

/**
 * What Meta's list says may be this much older than the moment it was asked for: its replicas lag, its clock is not ours,
 * and events have whole seconds. An event of these seconds counts as newer than the list.
 */
export const READING_LAG_MS = 5_000;

type Stamp = 'status_at' | 'quality_at' | 'category_at' | 'components_at';

interface MetaColumn {
  type: 'text' | 'jsonb' | 'integer';
  /** When it was last heard of, by Meta's clock; null: it never changes. */
  stamp: Stamp | null;
  of(template: SyncedTemplate): unknown;
}

/** What Meta decides; a row is changed when any of it differs. */
const FROM_META: Record<string, MetaColumn> = {
  meta_template_id: { type: 'text', stamp: null, of: (template) => template.metaTemplateId },
  category: { type: 'text', stamp: 'category_at', of: (template) => template.category },
  previous_category: { type: 'text', stamp: 'category_at', of: (template) => template.previousCategory },
  correct_category: { type: 'text', stamp: 'category_at', of: (template) => template.correctCategory },
  status: { type: 'text', stamp: 'status_at', of: (template) => template.status },
  rejected_reason: { type: 'text', stamp: 'status_at', of: (template) => template.rejectedReason },
  quality_score: { type: 'text', stamp: 'quality_at', of: (template) => template.qualityScore },
  parameter_format: { type: 'text', stamp: 'components_at', of: (template) => template.parameterFormat },
  header: { type: 'jsonb', stamp: 'components_at', of: (template) => json(template.header) },
  body_text: { type: 'text', stamp: 'components_at', of: (template) => template.bodyText },
  footer_text: { type: 'text', stamp: 'components_at', of: (template) => template.footerText },
  buttons: { type: 'jsonb', stamp: 'components_at', of: (template) => json(template.buttons) },
  limited_time_offer: { type: 'jsonb', stamp: 'components_at', of: (template) => json(template.limitedTimeOffer) },
  carousel: { type: 'jsonb', stamp: 'components_at', of: (template) => json(template.carousel) },
  authentication: { type: 'jsonb', stamp: 'components_at', of: (template) => json(template.authentication) },
  examples: { type: 'jsonb', stamp: 'components_at', of: (template) => json(template.examples) },
  components: { type: 'jsonb', stamp: 'components_at', of: (template) => json(template.components) },
  message_send_ttl_seconds: {
    type: 'integer',
    stamp: 'components_at',
    of: (template) => template.messageSendTtlSeconds,
  },
};

const NAMES = Object.keys(FROM_META);
const STAMPS: readonly Stamp[] = ['status_at', 'quality_at', 'category_at', 'components_at'];
/** When what is written was true, by our clock. */
const READ_AT = '$2::timestamptz';

/** Nothing newer was heard. What a draft says is ours, and gives way. */
const isNews = (stamp: Stamp): string => `(t.status = 'DRAFT' or t.${stamp} is null or t.${stamp} <= ${READ_AT})`;

/** Meta returns no ids of ours: the samples of the cards stay, card by card. */
const CAROUSEL = `case when excluded.carousel is null or t.carousel is null then excluded.carousel else (
      select jsonb_agg(case when known.card #> '{header,media_id}' is null or given.card #> '{header}' is null
          or known.card #>> '{header,type}' is distinct from given.card #>> '{header,type}' then given.card
        else jsonb_set(given.card, '{header,media_id}', known.card #> '{header,media_id}') end order by given.place)
      from jsonb_array_elements(excluded.carousel) with ordinality given (card, place)
      left join jsonb_array_elements(t.carousel) with ordinality known (card, place) using (place)) end`;

const valueOf = (name: string): string => {
  const { stamp } = FROM_META[name] as MetaColumn;
  const given = name === 'carousel' ? CAROUSEL : `excluded.${name}`;
  return stamp === null ? given : `case when ${isNews(stamp)} then ${given} else t.${name} end`;
};

/** Meta's id was another template's here: an id that Meta has given out anew, as a restarted simulator does. */
const FREE_META_IDS = `
  update templates t set meta_template_id = null
  from unnest($2::text[], $3::text[], $4::text[]) as u (meta_template_id, name, language)
  where t.account_id = $1 and t.meta_template_id = u.meta_template_id and (t.name, t.language) <> (u.name, u.language)`;

const UPSERT = `
  with u as (
    select * from unnest($3::text[], $4::text[], ${NAMES.map((name, index) => `$${index + 5}::${(FROM_META[name] as MetaColumn).type}[]`).join(', ')})
      as u (name, language, ${NAMES.join(', ')})
  ), known as (
    select t.id, t.status, t.category from templates t join u using (name, language) where t.account_id = $1
  ), written as (
    insert into templates as t (account_id, name, language, ${NAMES.join(', ')}, ${STAMPS.join(', ')}, synced_at)
    select $1, u.*, ${STAMPS.map(() => READ_AT).join(', ')}, clock_timestamp() from u
    order by name, language
    on conflict (account_id, name, language) do update set
      ${NAMES.map((name) => `${name} = ${valueOf(name)}`).join(',\n      ')},
      ${STAMPS.map((stamp) => `${stamp} = greatest(t.${stamp}, excluded.${stamp})`).join(', ')},
      rejection_info = case when ${isNews('status_at')} and excluded.status <> t.status then null else t.rejection_info end,
      category_changes_at = case when ${isNews('category_at')} and excluded.correct_category is null then null
        else t.category_changes_at end,
      header_media_id = case when ${isNews('components_at')} and excluded.header ->> 'type' is distinct from t.header ->> 'type'
        then null else t.header_media_id end,
      creation_asked_at = null,
      synced_at = excluded.synced_at,
      updated_at = case when (${NAMES.map((name) => `t.${name}`).join(', ')})
        is distinct from (${NAMES.map(valueOf).join(', ')}) then now() else t.updated_at end
    where t.status <> 'DRAFT' or t.creation_asked_at is not null
    returning ${COLUMNS}, t.xmax = 0 as "isNew", t.xmax <> 0 and t.updated_at = now() as "isChanged"
  )
  select written.*, known.status as "statusBefore", known.category as "categoryBefore" from written left join known using (id) order by id`;

/** What a sync writes. */
@Injectable()
export class TemplateSyncRepository {
  /** The database's clock. */
  async now(q: Queryable): Promise<Date> {
    const [row] = await q.query<{ at: Date }>('select clock_timestamp() as at');
    return (row as { at: Date }).at;
  }

  /**
   * Writes what Meta has. A draft that has the name of one of Meta's stays as it is and is not in the answer, unless Meta
   * was asked to create it: then it is that one. What was heard after `readAt` stays too.
   * @param templates each name and language, and each id of Meta's, at most once
   * @param askedAt when Meta was asked for them
   */
  async upsert(
    tx: Tx,
    accountId: number,
    templates: readonly SyncedTemplate[],
    askedAt: Date,
  ): Promise<UpsertedTemplate[]> {
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
      readingTime(askedAt),
      ...columnsOf(
        templates,
        (template) => template.name,
        (template) => template.language,
        ...NAMES.map((name) => (FROM_META[name] as MetaColumn).of),
      ),
    ]);
  }

  /** Marks what Meta had and has no longer: not seen since, and not changed here since. Drafts are not Meta's. */
  async markDeleted(tx: Tx, accountId: number, notSeenSince: Date): Promise<TemplateRecord[]> {
    return tx.query<TemplateRecord>(
      `update templates t set status = 'DELETED', status_at = greatest(t.status_at, $3), updated_at = now()
       where t.account_id = $1 and t.synced_at < $2 and t.updated_at < $2 and t.status not in ('DRAFT', 'DELETED')
       returning ${COLUMNS}`,
      [accountId, notSeenSince, readingTime(notSeenSince)],
    );
  }
}

/** From when on, for certain, what Meta answered was true. */
export function readingTime(askedAt: Date): Date {
  return new Date(askedAt.getTime() - READING_LAG_MS);
}

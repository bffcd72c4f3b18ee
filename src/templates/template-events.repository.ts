import { Injectable } from '@nestjs/common';
import type { Tx } from '../database/database.js';
import { columnsOf, json } from '../database/unnest.js';
import { COLUMNS } from './template-columns.js';
import type { TemplateEvent } from './template-events.js';
import type { TemplateRecord } from './template.entity.js';

const LOCK = `
  select ${COLUMNS} from templates t
  where exists (
    select 1 from unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) as u (account_id, meta_template_id, name, language)
    where t.account_id = u.account_id and (
      t.meta_template_id = u.meta_template_id
      or (t.meta_template_id is null and (t.status <> 'DRAFT' or t.creation_asked_at is not null)
        and t.name = u.name and t.language = u.language)))
  order by t.id for update of t`;

const WRITE = `
  update templates t set
    meta_template_id = u.meta_template_id, status = u.status, rejected_reason = u.rejected_reason,
    rejection_info = u.rejection_info, status_at = u.status_at, quality_score = u.quality_score, quality_at = u.quality_at,
    category = u.category, previous_category = u.previous_category, correct_category = u.correct_category,
    category_changes_at = u.category_changes_at, category_at = u.category_at, header = u.header, body_text = u.body_text,
    footer_text = u.footer_text, buttons = u.buttons, components = u.components, examples = u.examples,
    components_at = u.components_at,
    creation_asked_at = null, updated_at = case when u.is_visible then now() else t.updated_at end
  from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::jsonb[], $6::timestamptz[], $7::text[],
    $8::timestamptz[], $9::text[], $10::text[], $11::text[], $12::timestamptz[], $13::timestamptz[], $14::jsonb[],
    $15::text[], $16::text[], $17::jsonb[], $18::jsonb[], $19::jsonb[], $20::timestamptz[], $21::boolean[])
    as u (id, meta_template_id, status, rejected_reason, rejection_info, status_at, quality_score, quality_at, category,
      previous_category, correct_category, category_changes_at, category_at, header, body_text, footer_text, buttons,
      components, examples, components_at, is_visible)
  where t.id = u.id`;

/** What events of Meta's change. */
@Injectable()
export class TemplateEventsRepository {
  /**
   * The templates that events are of, locked: by Meta's id; a row that has none by name and language, unless it is a draft
   * that Meta was never asked to create.
   */
  async lock(tx: Tx, events: readonly TemplateEvent[]): Promise<TemplateRecord[]> {
    return tx.query<TemplateRecord>(
      LOCK,
      columnsOf(
        events,
        (event) => event.accountId,
        (event) => event.metaTemplateId,
        (event) => event.name,
        (event) => event.language,
      ),
    );
  }

  /** @param rows `isVisible`: more than times has changed */
  async write(tx: Tx, rows: readonly { template: TemplateRecord; isVisible: boolean }[]): Promise<void> {
    await tx.query(
      WRITE,
      columnsOf(
        rows,
        ({ template }) => template.id,
        ({ template }) => template.metaTemplateId,
        ({ template }) => template.status,
        ({ template }) => template.rejectedReason,
        ({ template }) => json(template.rejectionInfo),
        ({ template }) => template.statusAt,
        ({ template }) => template.qualityScore,
        ({ template }) => template.qualityAt,
        ({ template }) => template.category,
        ({ template }) => template.previousCategory,
        ({ template }) => template.correctCategory,
        ({ template }) => template.categoryChangesAt,
        ({ template }) => template.categoryAt,
        ({ template }) => json(template.header),
        ({ template }) => template.bodyText,
        ({ template }) => template.footerText,
        ({ template }) => json(template.buttons),
        ({ template }) => json(template.components),
        ({ template }) => json(template.examples),
        ({ template }) => template.componentsAt,
        ({ isVisible }) => isVisible,
      ),
    );
  }
}

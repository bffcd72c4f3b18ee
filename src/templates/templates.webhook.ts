import { Injectable } from '@nestjs/common';
import { isDeepStrictEqual } from 'node:util';
import type { AccountChange, UnreadableItem } from '../accounts/account-change.js';
import type { Tx } from '../database/database.js';
import { TemplateEventsRepository } from './template-events.repository.js';
import { applyEvent, readTemplateEvent, type EventState, type TemplateEvent } from './template-events.js';
import { TemplateNews, type TemplateAspect } from './template-news.js';
import { DRAFT } from './template-status.js';
import type { TemplateRecord } from './template.entity.js';

/** A template that an event changed, for those whose campaigns send it. */
export interface ChangedTemplate {
  id: number;
  accountId: number;
  status: string;
}

const SHOWN: Record<TemplateAspect, readonly (keyof EventState)[]> = {
  status: ['status', 'rejectedReason', 'rejectionInfo'],
  quality: ['qualityScore'],
  category: ['category', 'previousCategory', 'correctCategory', 'categoryChangesAt'],
  components: ['header', 'bodyText', 'footerText', 'buttons', 'components', 'examples'],
};

/** What Meta tells of templates by webhook. */
@Injectable()
export class TemplatesWebhook {
  constructor(
    private readonly repository: TemplateEventsRepository,
    private readonly news: TemplateNews,
  ) {}

  /**
   * Applies changes of Meta’s five template fields in the caller's transaction; each counts by Meta's time, so any order and any
   * repetition end the same. Templates that nobody here has are passed over: the next sync brings them.
   * @returns the templates that changed in anything one can see, and what could not be read
   */
  async handle(
    tx: Tx,
    changes: readonly AccountChange[],
  ): Promise<{ changed: ChangedTemplate[]; errors: UnreadableItem[] }> {
    const errors: UnreadableItem[] = [];
    const events = changes.flatMap((change) => {
      const event = readTemplateEvent(change.account.id, change.change);
      if (!event) {
        errors.push({ change, error: `${change.change.field} does not tell of which template it is, or what` });
      }
      return event ?? [];
    });
    return { changed: await this.apply(tx, events), errors };
  }

  /** As {@link handle}, for events that were read already. */
  async apply(tx: Tx, events: readonly TemplateEvent[]): Promise<ChangedTemplate[]> {
    if (events.length === 0) {
      return [];
    }
    const known = await this.repository.lock(tx, events);
    const after = foldAll(known, events);
    const moved = known.flatMap((before) => {
      const template = after.get(before.id) as TemplateRecord;
      const aspects = aspectsOf(before, template);
      const isConfirmed = !aspects.includes('status') && !isDeepStrictEqual(before.statusAt, template.statusAt);
      return isDeepStrictEqual(before, template)
        ? []
        : [{ template, aspects, isVisible: aspects.length > 0, isConfirmed }];
    });
    if (moved.length === 0) {
      return [];
    }
    await this.repository.write(tx, moved);
    const visible = moved.filter(({ isVisible }) => isVisible);
    await this.news.tell(tx, visible);
    await this.news.confirm(
      tx,
      moved.flatMap(({ template, isConfirmed }) => (isConfirmed ? [template] : [])),
    );
    return visible.map(({ template: { id, accountId, status } }) => ({ id, accountId, status }));
  }
}

function foldAll(known: readonly TemplateRecord[], events: readonly TemplateEvent[]): Map<number, TemplateRecord> {
  const byMetaId = new Map(known.map((template) => [`${template.accountId}\n${template.metaTemplateId}`, template.id]));
  const byName = new Map(
    known
      .filter(({ metaTemplateId }) => metaTemplateId === null)
      .map(({ id, accountId, name, language }) => [`${accountId}\n${name}\n${language}`, id]),
  );
  const after = new Map(known.map((template) => [template.id, template]));
  for (const event of events) {
    const { accountId, metaTemplateId, name, language } = event;
    const key = `${accountId}\n${metaTemplateId}`;
    const id = byMetaId.get(key) ?? byName.get(`${accountId}\n${name}\n${language}`);
    const template = id === undefined ? undefined : after.get(id);
    if (template && id !== undefined) {
      byMetaId.set(key, id);
      const named = { ...template, metaTemplateId, ...(template.status === DRAFT ? { status: 'PENDING' } : {}) };
      after.set(id, { ...applyEvent(named, event), creationAskedAt: null });
    }
  }
  return after;
}

function aspectsOf(before: TemplateRecord, after: TemplateRecord): TemplateAspect[] {
  return (Object.keys(SHOWN) as TemplateAspect[]).filter((aspect) =>
    SHOWN[aspect].some((key) => !isDeepStrictEqual(before[key], after[key])),
  );
}

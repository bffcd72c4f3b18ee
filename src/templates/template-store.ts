import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../audit/audit-trail.js';
import { Database, type Tx } from '../database/database.js';
import { TemplateNews, type TemplateAspect } from './template-news.js';
import { readingTime, TemplateSyncRepository, type SyncedTemplate } from './template-sync.repository.js';
import type { TemplateRecord } from './template.entity.js';
import { TemplatesRepository } from './templates.repository.js';

/** What Meta made of what it was sent. */
export type Submitted = Partial<TemplateRecord> &
  Pick<TemplateRecord, 'metaTemplateId' | 'components' | 'status' | 'category'> & { metaTemplateId: string };

/** What an event of Meta's may change of a template. */
const TOLD_BY_EVENTS = [
  'status',
  'rejectedReason',
  'rejectionInfo',
  'qualityScore',
  'category',
  'previousCategory',
  'correctCategory',
  'categoryChangesAt',
  'header',
  'bodyText',
  'footerText',
  'buttons',
  'components',
  'examples',
] as const satisfies readonly (keyof TemplateRecord)[];

/** Writes down what Meta answered. */
@Injectable()
export class TemplateStore {
  constructor(
    private readonly database: Database,
    private readonly repository: TemplatesRepository,
    private readonly synced: TemplateSyncRepository,
    private readonly news: TemplateNews,
    private readonly audit: AuditTrail,
  ) {}

  now(): Promise<Date> {
    return this.synced.now(this.database);
  }

  /**
   * Meta took it. An event that came in while Meta answered counts as newer than the answer.
   * @param asked what was known when Meta was asked, and when that was
   */
  async submitted(
    accountId: number,
    id: number,
    asked: { at: Date; statusAt: Date | null; categoryAt: Date | null },
    answer: Submitted,
  ): Promise<TemplateRecord> {
    return this.database.transaction(async (tx) => {
      const before = await this.repository.lock(tx, accountId, id);
      const readAt = readingTime(asked.at);
      const { status, category, ...rest } = answer;
      await this.repository.freeMetaId(tx, accountId, answer.metaTemplateId, id);
      await this.repository.update(tx, accountId, id, {
        ...rest,
        ...(isSame(before.statusAt, asked.statusAt)
          ? { status, statusAt: later(before.statusAt, readAt), rejectedReason: null, rejectionInfo: null }
          : {}),
        ...(isSame(before.categoryAt, asked.categoryAt)
          ? { category, categoryAt: later(before.categoryAt, readAt) }
          : {}),
        componentsAt: later(before.componentsAt, readAt),
        creationAskedAt: null,
        syncedAt: new Date(),
      });
      await this.notePushed(tx, before);
      return this.told(tx, before);
    });
  }

  /** Meta is found to have it, or to have changed it, after an answer of its was lost. */
  async pushed(accountId: number, id: number): Promise<void> {
    await this.database.transaction(async (tx) => {
      await this.notePushed(tx, await this.repository.lock(tx, accountId, id));
    });
  }

  private notePushed(tx: Tx, { id, accountId, name, language }: TemplateRecord): Promise<void> {
    return this.audit.append(tx, [
      { action: 'template.pushed', objectType: 'template', objectId: id, accountId, changes: { name, language } },
    ]);
  }

  /**
   * Meta did not create it: it is what it was. An event that came in meanwhile was of somebody else's template of the same
   * name and language, and may have been taken for news of this one.
   */
  async refused(accountId: number, was: TemplateRecord): Promise<void> {
    await this.database.transaction(async (tx) => {
      const before = await this.repository.lock(tx, accountId, was.id);
      const told = Object.fromEntries(TOLD_BY_EVENTS.map((key) => [key, was[key]]));
      const times = { statusAt: null, qualityAt: null, categoryAt: null, componentsAt: null };
      await this.repository.update(tx, accountId, was.id, {
        creationAskedAt: null,
        ...(before.creationAskedAt === null
          ? { ...told, ...times, metaTemplateId: null }
          : { updatedAt: was.updatedAt }),
      });
      await this.told(tx, before);
    });
  }

  /** What is ours alone. */
  async keep(
    accountId: number,
    id: number,
    changes: Pick<TemplateRecord, 'headerMediaId' | 'carousel'>,
  ): Promise<TemplateRecord> {
    return this.database.transaction(async (tx) => {
      await this.repository.update(tx, accountId, id, changes);
      return this.repository.lock(tx, accountId, id);
    });
  }

  /** The row becomes what Meta has. */
  async adopt(accountId: number, id: number, found: SyncedTemplate): Promise<TemplateRecord> {
    const askedAt = await this.now();
    return this.database.transaction(async (tx) => {
      const before = await this.repository.lock(tx, accountId, id);
      await this.synced.upsert(tx, accountId, [found], askedAt);
      return this.told(tx, before);
    });
  }

  private async told(tx: Tx, before: TemplateRecord): Promise<TemplateRecord> {
    const template = await this.repository.lock(tx, before.accountId, before.id);
    const aspects: TemplateAspect[] = [
      ...(template.status === before.status ? [] : (['status'] as const)),
      ...(template.category === before.category ? [] : (['category'] as const)),
    ];
    if (aspects.length > 0) {
      await this.news.tell(tx, [{ template, aspects }]);
    }
    return template;
  }
}

function isSame(a: Date | null, b: Date | null): boolean {
  return a?.getTime() === b?.getTime();
}

function later(a: Date | null, b: Date): Date {
  return a !== null && a > b ? a : b;
}

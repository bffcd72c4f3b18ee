import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { requireWaba } from '../accounts/require-waba.js';
import { AppError } from '../common/app-error.js';
import { Database } from '../database/database.js';
import { TemplatesApi, type MetaTemplate, type WabaAccount } from '../meta/api/templates.js';
import { readingProblem } from '../meta/graph-problem.js';
import { TemplateNews, type TemplateAspect } from './template-news.js';
import { readTemplate } from './template-reading.js';
import { TemplateSyncRepository, type SyncedTemplate, type UpsertedTemplate } from './template-sync.repository.js';

export interface SyncResult {
  /** Templates of Meta's that are as Meta has them now. */
  synced: number;
  created: number;
  updated: number;
  /** Rows that Meta had and has no longer; they stay, with status DELETED. */
  removed: number;
  /** Templates of Meta's whose name and language a local draft holds; the draft stays as it is. */
  skipped: number;
  /** Their names, each with its language as `name/language`. */
  skippedNames: string[];
}

/** Why an account without a WABA has none. */
export const OF_WABA = 'templates belong to the WABA';
/** A WABA has at most 6,000 templates, a page a hundred; more pages than this is a paging that does not end. */
const MAX_PAGES = 200;
/** Meta: a cursor it no longer knows; begin without one. */
const BAD_CURSOR = 131_059;
const MAX_NAMES = 100;

/** Brings the templates of an account from Meta. */
@Injectable()
export class TemplateSync {
  constructor(
    private readonly database: Database,
    private readonly repository: TemplateSyncRepository,
    private readonly api: TemplatesApi,
    private readonly news: TemplateNews,
  ) {}

  /**
   * Reads every page and writes each as it comes; what was written before a failure stays, for it is true. Drafts are not
   * touched, but one that Meta was asked to create without an answer becomes what Meta has. What Meta no longer has is
   * marked DELETED, not removed, because campaigns and messages name it; it comes back to life when Meta has it again.
   * @throws `account_credentials_missing` when the account has no `waba_id`; `graph_error` with Meta's words
   */
  async run(account: Account): Promise<SyncResult> {
    const waba = requireWaba(account, OF_WABA);
    const startedAt = await this.repository.now(this.database);
    const skipped = new Set<string>();
    const result = { synced: 0, created: 0, updated: 0, removed: 0 };
    for await (const page of this.pages(waba)) {
      const templates = distinct(page.flatMap((template) => readTemplate(template) ?? []));
      const rows = await this.write(account.id, templates, startedAt);
      const written = new Set(rows.map(keyOf));
      templates.map(keyOf).forEach((key) => (written.has(key) ? skipped.delete(key) : skipped.add(key)));
      result.synced += rows.length;
      result.created += rows.filter((row) => row.isNew).length;
      result.updated += rows.filter((row) => row.isChanged).length;
    }
    result.removed = await this.markGone(account.id, startedAt);
    return { ...result, skipped: skipped.size, skippedNames: [...skipped].slice(0, MAX_NAMES) };
  }

  private write(
    accountId: number,
    templates: SyncedTemplate[],
    askedAt: Date,
  ): ReturnType<TemplateSyncRepository['upsert']> {
    return this.database.transaction(async (tx) => {
      const rows = await this.repository.upsert(tx, accountId, templates, askedAt);
      const moved = rows.map((template) => ({ template, aspects: aspectsOf(template) }));
      await this.news.tell(
        tx,
        moved.filter(({ aspects }) => aspects.length > 0),
      );
      return rows;
    });
  }

  private markGone(accountId: number, startedAt: Date): Promise<number> {
    return this.database.transaction(async (tx) => {
      const gone = await this.repository.markDeleted(tx, accountId, startedAt);
      await this.news.tell(
        tx,
        gone.map((template) => ({ template, aspects: ['status'] })),
      );
      return gone.length;
    });
  }

  private async *pages(account: WabaAccount): AsyncGenerator<MetaTemplate[]> {
    let after: string | null = null;
    let restarts = 0;
    for (let page = 1; page <= MAX_PAGES; page += 1) {
      const answer = await this.api.list(account, after);
      if (!answer.ok) {
        const { failure } = answer;
        if (failure.code === BAD_CURSOR && restarts === 0) {
          restarts += 1;
          after = null;
          continue;
        }
        // To read again does no harm, so a lost answer is not the riddle it is for a send.
        throw readingProblem(failure);
      }
      yield answer.body.templates;
      if (answer.body.after === null || answer.body.after === after) {
        return;
      }
      after = answer.body.after;
    }
    throw new AppError('graph_error', `Meta's list of templates did not end after ${MAX_PAGES} pages.`);
  }
}

/** A list that moves while it is paged may name a template twice; one statement can write a row once. */
function distinct(templates: SyncedTemplate[]): SyncedTemplate[] {
  const byName = new Map(templates.map((template) => [keyOf(template), template]));
  return [...new Map([...byName.values()].map((template) => [template.metaTemplateId, template])).values()];
}

/** What of a template that was known is new to those who listen. */
function aspectsOf({ status, statusBefore, category, categoryBefore }: UpsertedTemplate): TemplateAspect[] {
  return [
    ...(statusBefore === null || statusBefore === status ? [] : (['status'] as const)),
    ...(categoryBefore === null || categoryBefore === category ? [] : (['category'] as const)),
  ];
}

function keyOf({ name, language }: { name: string; language: string }): string {
  return `${name}/${language}`;
}

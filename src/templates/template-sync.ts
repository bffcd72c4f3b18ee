import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { AppError } from '../common/app-error.js';
import { Database } from '../database/database.js';
import { TemplatesApi, type MetaTemplate } from '../meta/api/templates.js';
import type { GraphAccount } from '../meta/graph-client.js';
import { graphProblem } from '../meta/graph-problem.js';
import { fromComponents } from './template-definition.js';
import { reasonOf } from './template-status.js';
import { TemplatesRepository, type SyncedTemplate } from './templates.repository.js';

export interface SyncResult {
  /** Templates of Meta's that are as Meta has them now. */
  synced: number;
  created: number;
  updated: number;
  /** Rows that Meta had and has no longer; they stay, with status DELETED. */
  removed: number;
  /** Templates of Meta's whose name and language a local draft holds; the draft stays as it is. */
  skipped: number;
}

/** A WABA has at most 6,000 templates, a page a hundred; more pages than this is a paging that does not end. */
const MAX_PAGES = 200;

/** Brings the templates of an account from Meta. */
@Injectable()
export class TemplateSync {
  constructor(
    private readonly database: Database,
    private readonly repository: TemplatesRepository,
    private readonly api: TemplatesApi,
  ) {}

  /**
   * Reads every page and writes each as it comes; what was written before a failure stays, for it is true. Drafts are not
   * touched. What Meta no longer has is marked DELETED, not removed, because campaigns and messages name it; it comes back
   * to life when Meta has it again.
   * @throws `account_credentials_missing` when the account has no `waba_id`; `graph_error` with Meta's words
   */
  async run(account: Account): Promise<SyncResult> {
    const { wabaId } = account;
    if (!wabaId) {
      throw new AppError(
        'account_credentials_missing',
        'Set the waba_id of the account: templates belong to the WABA.',
      );
    }
    const startedAt = await this.repository.now(this.database);
    const result: SyncResult = { synced: 0, created: 0, updated: 0, removed: 0, skipped: 0 };
    for await (const page of this.pages({ ...account, wabaId })) {
      const templates = distinct(page.flatMap(readTemplate));
      const rows = await this.database.transaction((tx) => this.repository.upsert(tx, account.id, templates));
      result.synced += rows.length;
      result.created += rows.filter((row) => row.isNew).length;
      result.updated += rows.filter((row) => row.isChanged).length;
      result.skipped += templates.length - rows.length;
    }
    result.removed = await this.database.transaction((tx) => this.repository.markDeleted(tx, account.id, startedAt));
    return result;
  }

  private async *pages(account: GraphAccount & { wabaId: string }): AsyncGenerator<MetaTemplate[]> {
    let after: string | null = null;
    for (let page = 1; page <= MAX_PAGES; page += 1) {
      const answer = await this.api.list(account, after);
      if (!answer.ok) {
        // To read again does no harm, so a lost answer is not the riddle it is for a send.
        const { failure } = answer;
        throw graphProblem(failure.kind === 'ambiguous' ? { ...failure, kind: 'transient', retryable: true } : failure);
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

/** One of Meta's templates as a row, or nothing when it lacks what identifies it. */
function readTemplate(template: MetaTemplate): SyncedTemplate[] {
  const { id, name, language } = template;
  if (!id || !name || !language) {
    return [];
  }
  const components = Array.isArray(template.components) ? template.components : [];
  return [
    {
      metaTemplateId: String(id),
      name,
      language,
      category: template.category ?? '',
      status: (template.status ?? 'PENDING').toUpperCase(),
      parameterFormat: template.parameter_format?.toUpperCase() === 'NAMED' ? 'NAMED' : 'POSITIONAL',
      ...fromComponents(components),
      components,
      rejectedReason: reasonOf(template.rejected_reason),
      qualityScore: template.quality_score?.score ?? null,
    },
  ];
}

/** A list that moves while it is paged may name a template twice; one statement can write a row once. */
function distinct(templates: SyncedTemplate[]): SyncedTemplate[] {
  const byName = new Map(templates.map((template) => [`${template.name}\n${template.language}`, template]));
  return [...new Map([...byName.values()].map((template) => [template.metaTemplateId, template])).values()];
}

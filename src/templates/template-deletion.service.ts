import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { requireWaba } from '../accounts/require-waba.js';
import { AuditTrail } from '../audit/audit-trail.js';
import { invalidField } from '../common/app-error.js';
import { Database } from '../database/database.js';
import { isForeignKeyViolation } from '../database/pg-error.js';
import { TemplatesApi, type WabaAccount } from '../meta/api/templates.js';
import { graphProblem } from '../meta/graph-problem.js';
import { TemplateLeases } from './template-leases.js';
import { TemplateNews } from './template-news.js';
import { TemplateStore } from './template-store.js';
import { readingTime } from './template-sync.repository.js';
import { OF_WABA } from './template-sync.js';
import type { TemplateRecord } from './template.entity.js';
import { TemplatesRepository } from './templates.repository.js';
import { TemplatesService } from './templates.service.js';

const MAY_BE_GONE = 'Meta did not answer, so it may have deleted the template. Delete it again, or sync, to find out.';

/** Templates that are to go from Meta too. */
@Injectable()
export class TemplateDeletionService {
  constructor(
    private readonly database: Database,
    private readonly repository: TemplatesRepository,
    private readonly templates: TemplatesService,
    private readonly leases: TemplateLeases,
    private readonly api: TemplatesApi,
    private readonly store: TemplateStore,
    private readonly news: TemplateNews,
    private readonly audit: AuditTrail,
  ) {}

  /**
   * Deletes a template, here alone or at Meta too: this language, or all that Meta has of the name. What campaigns name
   * stays here, as DELETED. Drafts in other languages stay.
   * @throws `template_not_found`; `template_in_use` when it is to go here alone; `graph_error` with Meta's words, and nothing
   *   has changed; `graph_outcome_unknown`; `conflict` while it is being pushed
   */
  async remove(account: Account, id: number, where: { onMeta: boolean; allLanguages: boolean }): Promise<void> {
    if (where.allLanguages && !where.onMeta) {
      throw invalidField('all_languages', 'needs_on_meta', 'all_languages goes with on_meta=true');
    }
    const isGone = where.onMeta && (await this.removeEverywhere(requireWaba(account, OF_WABA), id, where.allLanguages));
    if (!isGone) {
      await this.templates.remove(account.id, id);
    }
  }

  /** @returns false when Meta has nothing of it */
  private removeEverywhere(account: Account & WabaAccount, id: number, allLanguages: boolean): Promise<boolean> {
    return this.leases.hold(account.id, id, async () => {
      const template = await this.templates.read(account.id, id);
      const metaTemplateId = await this.metaIdOf(account, template);
      if (metaTemplateId === null && !allLanguages) {
        return false;
      }
      await this.removeAtMeta(account, template, allLanguages ? null : metaTemplateId);
      const { name } = template;
      const others = allLanguages ? await this.repository.listLanguages(this.database, account.id, name) : [];
      await this.forget(account.id, [...new Set([id, ...others.map((other) => other.id)])]);
      return true;
    });
  }

  /** A push whose answer was lost may have given it one. */
  private async metaIdOf(account: WabaAccount, template: TemplateRecord): Promise<string | null> {
    const { metaTemplateId, creationAskedAt, name, language } = template;
    if (metaTemplateId !== null || creationAskedAt === null) {
      return metaTemplateId;
    }
    const found = await this.api.find(account, name, language);
    if (!found.ok) {
      throw graphProblem(found.failure, {}, MAY_BE_GONE);
    }
    return found.body === null ? null : String(found.body.id);
  }

  private async removeAtMeta(
    account: WabaAccount,
    { name, language }: TemplateRecord,
    metaTemplateId: string | null,
  ): Promise<void> {
    const answer = await this.api.delete(account, name, metaTemplateId);
    if (answer.ok) {
      return;
    }
    // Meta refuses to delete what it does not have; what is not there is what was asked for. Without an id, any language is.
    const isRefusal = answer.failure.kind === 'recipient' || answer.failure.kind === 'template';
    const look = isRefusal ? await this.api.find(account, name, metaTemplateId && language) : null;
    if (!look?.ok || look.body !== null) {
      throw graphProblem(answer.failure, {}, MAY_BE_GONE);
    }
  }

  private async forget(accountId: number, ids: readonly number[]): Promise<void> {
    const at = await this.store.now();
    // All of them at once first: should we die in between, nothing here is said to be sendable that is not.
    await this.database.transaction(async (tx) => {
      const gone = await this.repository.markGone(tx, accountId, ids, readingTime(at));
      await this.news.tell(
        tx,
        gone.map((template) => ({ template, aspects: ['status'] })),
      );
      await this.audit.append(
        tx,
        ids.map((id) => ({
          action: 'template.deleted',
          objectType: 'template',
          objectId: id,
          accountId,
          changes: { on_meta: true },
        })),
      );
    });
    for (const id of ids) {
      await this.database
        .transaction((tx) => this.repository.removeGone(tx, accountId, id))
        .catch((error: unknown) => {
          if (!isForeignKeyViolation(error)) {
            throw error;
          }
        });
    }
  }
}

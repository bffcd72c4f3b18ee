import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { requireWaba } from '../accounts/require-waba.js';
import { AppError } from '../common/app-error.js';
import { Database } from '../database/database.js';
import { TemplatesApi, type MetaTemplate, type MetaTemplateChanges, type WabaAccount } from '../meta/api/templates.js';
import type { GraphResult } from '../meta/graph-client.js';
import { graphProblem, readingProblem } from '../meta/graph-problem.js';
import {
  changed,
  CONTENT,
  contentOf,
  isAsSubmitted,
  isOther,
  requireChangeable,
  requireEditable,
  requireLimits,
  ttlOf,
} from './template-changes.js';
import { toComponents } from './template-components.js';
import { requirePushable } from './template-definition.js';
import { TemplateLeases } from './template-leases.js';
import type { TemplateInput } from './template-parts.js';
import { readTemplate } from './template-reading.js';
import { TemplateSamples } from './template-samples.js';
import { APPROVED, DELETED, DRAFT, PAUSED, PENDING } from './template-status.js';
import { TemplateStore } from './template-store.js';
import { OF_WABA } from './template-sync.js';
import type { SyncedTemplate } from './template-sync.repository.js';
import type { TemplateRecord } from './template.entity.js';
import { TemplatesRepository } from './templates.repository.js';
import { TemplatesService } from './templates.service.js';

const MAY_EXIST =
  'Meta did not answer, so it may have the template. Push it again, or sync, to find out: neither makes a second one.';
const MAY_BE_CHANGED = 'Meta did not answer, so the change may have been made. Get or sync the template to find out.';

/** Templates on their way to Meta. One at a time speaks with Meta of a template. */
@Injectable()
export class TemplatePushService {
  constructor(
    private readonly database: Database,
    private readonly repository: TemplatesRepository,
    private readonly templates: TemplatesService,
    private readonly leases: TemplateLeases,
    private readonly samples: TemplateSamples,
    private readonly api: TemplatesApi,
    private readonly store: TemplateStore,
  ) {}

  /**
   * Submits a draft (or one that Meta has no longer) for review; one that Meta has is submitted again as it is.
   * @throws `validation_failed` for what Meta is certain to refuse; `graph_error` with Meta's words, and nothing has changed;
   *   `graph_outcome_unknown`: the next push or sync finds what Meta has; `conflict` in any other status
   */
  async push(account: Account, id: number): Promise<TemplateRecord> {
    const waba = requireWaba(account, OF_WABA);
    return this.leases.hold(account.id, id, async () => {
      const template = await this.templates.read(account.id, id);
      if (template.status === DRAFT || template.status === DELETED) {
        return this.create(waba, template);
      }
      requireEditable(template);
      requirePushable(template);
      return this.submit(account, template, template, {
        ...(template.status === APPROVED ? {} : { category: template.category }),
        components: await this.componentsOf(account, template),
        ...ttlOf(template),
      });
    });
  }

  /**
   * Changes the given fields: of a draft here alone, of a template that Meta has at Meta too, so that what is here never
   * differs from what is sent.
   * @throws as {@link push} and `TemplatesService.updateDraft` do
   */
  async change(account: Account, id: number, changes: Partial<TemplateInput>): Promise<TemplateRecord> {
    const { status } = await this.templates.read(account.id, id);
    if (status === DRAFT) {
      return this.templates.updateDraft(account, id, changes);
    }
    return this.leases.hold(account.id, id, async () => {
      const before = await this.templates.read(account.id, id);
      requireEditable(before);
      requireChangeable(before, changes);
      const { after, isOtherContent } = changed(before, changes);
      await this.samples.check(account, after);
      const edits: MetaTemplateChanges = {
        ...(isOther(before, after, ['category']) ? { category: after.category } : {}),
        ...(isOther(before, after, ['messageSendTtlSeconds']) ? ttlOf(after) : {}),
      };
      if (isOtherContent) {
        requirePushable(after);
        edits.components = await this.componentsOf(account, after);
      } else if (edits.category !== undefined || edits.message_send_ttl_seconds !== undefined) {
        requireLimits(after);
      }
      return Object.keys(edits).length > 0
        ? this.submit(account, before, after, edits)
        : this.store.keep(account.id, id, { headerMediaId: after.headerMediaId, carousel: after.carousel });
    });
  }

  /**
   * Ends a pause that Meta does not end by itself.
   * @throws `conflict` for a template that is not paused; `graph_error`, `graph_outcome_unknown`
   */
  async unpause(account: Account, id: number): Promise<TemplateRecord> {
    return this.leases.hold(account.id, id, async () => {
      const template = await this.templates.read(account.id, id);
      const { status, metaTemplateId } = template;
      if (status !== PAUSED || metaTemplateId === null) {
        throw new AppError('conflict', `This template is ${status}, not ${PAUSED}.`);
      }
      return this.tell(
        account,
        template,
        template,
        () => this.api.unpause(account, metaTemplateId),
        (found) => found.status === APPROVED,
        APPROVED,
      );
    });
  }

  private async create(account: Account & WabaAccount, template: TemplateRecord): Promise<TemplateRecord> {
    const { id, name, language, creationAskedAt } = template;
    if (creationAskedAt !== null) {
      const found = await this.findAtMeta(account, template);
      if (found) {
        return this.adoptPushed(account.id, id, found);
      }
    }
    requirePushable(template);
    const components = await this.componentsOf(account, template);
    const askedAt = await this.store.now();
    // Durable before Meta is asked: whatever happens to us from here on, the next push or sync looks at Meta first.
    await this.repository.noteAsked(this.database, account.id, id);
    const answer = await this.api.create(account, {
      name,
      language,
      category: template.category,
      parameter_format: template.parameterFormat,
      components,
      ...ttlOf(template),
    });
    if (answer.ok) {
      const { id: metaTemplateId, status, category } = answer.body;
      const asked = { at: askedAt, statusAt: null, categoryAt: null };
      return this.store.submitted(account.id, id, asked, {
        metaTemplateId,
        components,
        status: (status ?? PENDING).toUpperCase(),
        category: category ?? template.category,
      });
    }
    if (answer.failure.kind === 'ambiguous') {
      throw graphProblem(answer.failure, {}, MAY_EXIST);
    }
    if (creationAskedAt !== null) {
      // An earlier request that was lost on its way may have come to Meta only now: then this one is the duplicate.
      const late = await this.findAtMeta(account, template);
      if (late) {
        return this.adoptPushed(account.id, id, late);
      }
    }
    await this.store.refused(account.id, template);
    throw graphProblem(answer.failure, {}, MAY_EXIST);
  }

  /** What an earlier push came to, whose answer was lost. */
  private async adoptPushed(accountId: number, id: number, found: SyncedTemplate): Promise<TemplateRecord> {
    const adopted = await this.store.adopt(accountId, id, found);
    await this.store.pushed(accountId, id);
    return adopted;
  }

  /** @param after what it is to be; @param edits what of it Meta is told */
  private submit(
    account: Account,
    before: TemplateRecord,
    after: TemplateRecord,
    edits: MetaTemplateChanges,
  ): Promise<TemplateRecord> {
    const edited = { ...after, components: edits.components ?? after.components };
    return this.tell(
      account,
      before,
      edited,
      () => this.api.edit(account, before.metaTemplateId as string, edits),
      (found) => isAsSubmitted(found, edited) && (isOther(before, after, CONTENT) || found.status === PENDING),
      PENDING,
    );
  }

  /**
   * Changes what Meta has.
   * @param isDone tells it from what Meta has, when the answer was lost
   * @param otherwise the status, when Meta does not tell
   */
  private async tell(
    account: Account,
    before: TemplateRecord,
    after: TemplateRecord,
    change: () => Promise<GraphResult<unknown>>,
    isDone: (found: SyncedTemplate) => boolean,
    otherwise: string,
  ): Promise<TemplateRecord> {
    const metaTemplateId = before.metaTemplateId as string;
    const asked = { at: await this.store.now(), statusAt: before.statusAt, categoryAt: before.categoryAt };
    const answer = await change();
    if (!answer.ok && answer.failure.kind !== 'ambiguous') {
      throw graphProblem(answer.failure, {}, MAY_BE_CHANGED);
    }
    const reading = await this.api.get(account, metaTemplateId);
    const found = reading.ok ? readTemplate(reading.body) : null;
    if (!answer.ok) {
      // Whether it was done or not: what Meta has now is what is sent.
      const present = found && (await this.store.adopt(account.id, before.id, found));
      if (present && isDone(found)) {
        await this.store.pushed(account.id, before.id);
        return present;
      }
      throw graphProblem(answer.failure, {}, MAY_BE_CHANGED);
    }
    const isMetas = found !== null && after.category === 'AUTHENTICATION';
    return this.store.submitted(account.id, before.id, asked, {
      ...contentOf(after),
      // Meta writes the text of these itself, in their language.
      ...(isMetas
        ? { bodyText: found.bodyText, footerText: found.footerText, components: found.components }
        : { components: after.components }),
      metaTemplateId,
      status: found?.status ?? otherwise,
      category: found?.category ?? after.category,
    });
  }

  private async componentsOf(account: Account, template: TemplateRecord): Promise<Record<string, unknown>[]> {
    return toComponents(template, await this.samples.upload(account, template));
  }

  private async findAtMeta(
    account: WabaAccount,
    { name, language }: TemplateRecord,
  ): Promise<ReturnType<typeof readTemplate>> {
    const answer = await this.api.find(account, name, language);
    if (!answer.ok) {
      throw readingProblem(answer.failure);
    }
    const found: MetaTemplate | null = answer.body;
    return found && readTemplate(found);
  }
}

import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { AuditTrail } from '../audit/audit-trail.js';
import { AppError, invalidField } from '../common/app-error.js';
import { decodeIdCursor, toPage, type Page } from '../common/page.js';
import { Database, type Queryable, type Tx } from '../database/database.js';
import { isForeignKeyViolation, violatedUniqueKey } from '../database/pg-error.js';
import { Together } from '../database/together.js';
import { toTemplateColumns } from './template-definition.js';
import { beingChanged } from './template-leases.js';
import type { TemplateInput } from './template-parts.js';
import { previewTemplate, type TemplatePreview } from './template-preview.js';
import { TemplateSamples } from './template-samples.js';
import { APPROVED, DRAFT } from './template-status.js';
import type { Template, TemplateParams } from './template.js';
import type { TemplateRecord } from './template.entity.js';
import { noSuchTemplate, TemplatesRepository, type TemplateFilter } from './templates.repository.js';

const LIST = 'templates';

interface TemplateName {
  accountId: number;
  name: string;
  language: string;
}

/** Templates as they are here, and drafts, of which Meta hears nothing. */
@Injectable()
export class TemplatesService {
  /** Who sends the same template at the same time shares one look. */
  private readonly finding = new Together((asked: readonly TemplateName[]) => {
    const found = new Map<string, Promise<Template | null>>();
    return Promise.all(
      asked.map(({ accountId, name, language }) => {
        const key = JSON.stringify([name, language]);
        const template = found.get(key) ?? this.repository.findForSend(this.database, accountId, name, language);
        found.set(key, template);
        return template;
      }),
    );
  });

  constructor(
    private readonly database: Database,
    private readonly repository: TemplatesRepository,
    private readonly samples: TemplateSamples,
    private readonly audit: AuditTrail,
  ) {}

  get(q: Queryable, accountId: number, id: number): Promise<Template | null> {
    return this.repository.find(q, accountId, id);
  }

  /** The template of exactly this name and language. */
  findByName(q: Queryable, accountId: number, name: string, language: string): Promise<Template | null> {
    return this.repository.findByName(q, accountId, name, language);
  }

  /**
   * The template to send when this language of it is asked for. Where Meta does not have that one, another variant of the
   * same language stands in (for `en_GB`: `en`, `en_US` …), an approved one before others.
   */
  findForSend(accountId: number, name: string, language: string): Promise<Template | null> {
    return this.finding.run(accountId, { accountId, name, language });
  }

  /** Names of templates one can send with, in alphabetical order. */
  listApprovedNames(accountId: number, limit: number): Promise<string[]> {
    return this.repository.listNames(this.database, accountId, APPROVED, limit);
  }

  async list(
    accountId: number,
    query: Omit<TemplateFilter, 'accountId' | 'beforeId'> & { limit: number; cursor?: string | undefined },
  ): Promise<Page<TemplateRecord>> {
    const { limit, cursor, ...filter } = query;
    const rows = await this.repository.list(
      this.database,
      { ...filter, accountId, beforeId: decodeIdCursor(LIST, cursor) },
      limit + 1,
    );
    return toPage(LIST, rows, limit, (row) => [row.id]);
  }

  /** @throws `template_not_found` */
  async require(q: Queryable, accountId: number, id: number): Promise<TemplateRecord> {
    const template = await this.repository.find(q, accountId, id);
    if (!template) {
      throw noSuchTemplate();
    }
    return template;
  }

  read(accountId: number, id: number): Promise<TemplateRecord> {
    return this.require(this.database, accountId, id);
  }

  /** What a person would get who is sent the template with these values. */
  async preview(accountId: number, id: number, params: TemplateParams): Promise<TemplatePreview> {
    return previewTemplate(await this.read(accountId, id), params);
  }

  /**
   * Makes a draft, which Meta hears nothing of.
   * @throws `validation_failed` by Meta's rules; `template_exists` when name and language are taken
   */
  async createDraft(account: Account, input: TemplateInput): Promise<TemplateRecord> {
    const values = toTemplateColumns(input);
    await this.samples.check(account, input);
    return this.writing(() =>
      this.database.transaction(async (tx) => {
        const id = await this.repository.insert(tx, { ...values, accountId: account.id, status: DRAFT });
        return this.require(tx, account.id, id);
      }),
    );
  }

  /**
   * Changes a draft; the given fields only.
   * @throws `template_not_found`, `template_exists`; `conflict` while it is being pushed, or when nobody knows whether Meta
   *   has it
   */
  async updateDraft(account: Account, id: number, changes: Partial<TemplateInput>): Promise<TemplateRecord> {
    const given = await this.read(account.id, id);
    await this.samples.check(account, { ...given, ...changes });
    return this.writing(() =>
      this.database.transaction(async (tx) => {
        // Every column is written: what another request changes at the same time must not be undone.
        const before = await this.repository.lock(tx, account.id, id);
        if (!(await this.repository.updateDraft(tx, account.id, id, toTemplateColumns({ ...before, ...changes })))) {
          throw notADraft(before);
        }
        return this.require(tx, account.id, id);
      }),
    );
  }

  /**
   * Forgets a template here; one that Meta has comes back with the next sync.
   * @throws `template_not_found`; `template_in_use` when a campaign names it
   */
  async remove(accountId: number, id: number): Promise<void> {
    try {
      if (!(await this.database.transaction((tx) => this.removeIn(tx, accountId, id)))) {
        await this.read(accountId, id);
        throw beingChanged();
      }
    } catch (error) {
      if (isForeignKeyViolation(error)) {
        throw new AppError('template_in_use', 'A campaign uses this template.');
      }
      throw error;
    }
  }

  private async removeIn(tx: Tx, accountId: number, id: number): Promise<boolean> {
    const isGone = await this.repository.remove(tx, accountId, id);
    if (isGone) {
      await this.audit.append(tx, [
        {
          action: 'template.deleted',
          objectType: 'template',
          objectId: id,
          accountId,
          changes: { on_meta: false },
        },
      ]);
    }
    return isGone;
  }

  private async writing<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (violatedUniqueKey(error) === 'templates_account_id_name_language_key') {
        throw new AppError('template_exists', 'The account has a template of this name and language.');
      }
      if (isForeignKeyViolation(error)) {
        throw invalidField('header.media_id', 'not_found', 'header.media_id names no file of the media library');
      }
      throw error;
    }
  }
}

function notADraft({ status, creationAskedAt, busyUntil }: TemplateRecord): AppError {
  if (status !== DRAFT) {
    return new AppError('conflict', `Only a draft can be changed here alone, and this template is ${status}.`);
  }
  return creationAskedAt !== null && (busyUntil?.getTime() ?? 0) < Date.now()
    ? new AppError(
        'conflict',
        'Meta did not answer when this template was pushed and may have it. Push it again, or sync, to find out.',
      )
    : beingChanged();
}

import { Injectable } from '@nestjs/common';
import { AppError, invalidFields } from '../common/app-error.js';
import { decodeIdCursor, toPage, type Page } from '../common/page.js';
import { Database, type Queryable, type Tx } from '../database/database.js';
import { isForeignKeyViolation, violatedUniqueKey } from '../database/pg-error.js';
import { Outbox } from '../outbox/outbox.js';
import { checkParts, toComponents, type TemplateParts } from './template-definition.js';
import { APPROVED, DRAFT, reasonOf, statusAfter } from './template-status.js';
import { variablesOf, type Template } from './template.js';
import type { TemplateRecord } from './template.entity.js';
import { TemplatesRepository, type StatusChange, type TemplateFilter } from './templates.repository.js';

/** One change of Meta's `message_template_status_update`. */
export interface TemplateStatusEvent {
  accountId: number;
  metaTemplateId: string;
  name: string;
  language: string;
  /** As Meta writes it: APPROVED, PAUSED, FLAGGED, … */
  event: string;
  reason: string | null;
}

/** What a draft is made of. */
export interface DraftInput extends TemplateParts {
  name: string;
  language: string;
}

const LIST = 'templates';

@Injectable()
export class TemplatesService {
  constructor(
    private readonly database: Database,
    private readonly repository: TemplatesRepository,
    private readonly outbox: Outbox,
  ) {}

  get(q: Queryable, accountId: number, id: number): Promise<Template | null> {
    return this.repository.find(q, accountId, id);
  }

  /** The template one sends with: name and language together are one template. */
  findByName(q: Queryable, accountId: number, name: string, language: string): Promise<Template | null> {
    return this.repository.findByName(q, accountId, name, language);
  }

  /** Names of templates one can send with, in alphabetical order. */
  listApprovedNames(accountId: number, limit: number): Promise<string[]> {
    return this.repository.listNames(this.database, accountId, APPROVED, limit);
  }

  /**
   * Applies what Meta says of templates, in the caller's transaction; of several events for one template the last counts.
   * Events that change no status (FLAGGED, unknown ones) and templates we do not have are passed over. Applying a batch
   * again changes nothing.
   * @returns the templates whose status or rejection reason changed
   */
  async applyStatusEvents(
    tx: Tx,
    events: readonly TemplateStatusEvent[],
  ): Promise<{ id: number; accountId: number; status: string }[]> {
    const changes = new Map<string, StatusChange>();
    for (const { event, reason, ...template } of events) {
      const status = statusAfter(event);
      if (status !== null) {
        const key = `${template.accountId}\n${template.metaTemplateId}`;
        changes.set(key, { ...template, status, rejectedReason: reasonOf(reason) });
      }
    }
    if (changes.size === 0) {
      return [];
    }
    const changed = await this.repository.applyStatuses(tx, [...changes.values()]);
    await this.outbox.append(
      tx,
      changed.map((template) => ({
        type: 'template.status' as const,
        accountId: template.accountId,
        subjectId: template.id,
        payload: {
          id: template.id,
          meta_template_id: template.metaTemplateId,
          name: template.name,
          language: template.language,
          status: template.status,
          rejected_reason: template.rejectedReason,
        },
      })),
    );
    return changed.map(({ id, accountId, status }) => ({ id, accountId, status }));
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

  /**
   * Makes a draft, which Meta hears nothing of.
   * @throws `validation_failed` by Meta's rules; `template_exists` when name and language are taken
   */
  async createDraft(accountId: number, input: DraftInput): Promise<TemplateRecord> {
    const values = toColumns(input);
    return this.writing(() =>
      this.database.transaction(async (tx) => {
        const id = await this.repository.insert(tx, { ...values, accountId, status: DRAFT });
        return this.require(tx, accountId, id);
      }),
    );
  }

  /**
   * Changes a draft; the given fields only.
   * @throws `template_not_found`, `template_exists`; `conflict` for a template that Meta has, for it would no longer be
   *   what Meta sends
   */
  async updateDraft(accountId: number, id: number, changes: Partial<DraftInput>): Promise<TemplateRecord> {
    return this.writing(() =>
      this.database.transaction(async (tx) => {
        const before = await this.require(tx, accountId, id);
        if (!(await this.repository.update(tx, accountId, id, DRAFT, toColumns({ ...before, ...changes })))) {
          throw new AppError('conflict', `Only a draft can be changed here, and this template is ${before.status}.`);
        }
        return this.require(tx, accountId, id);
      }),
    );
  }

  /**
   * Forgets a template here; one that Meta has comes back with the next sync.
   * @throws `template_not_found`; `template_in_use` when a campaign names it
   */
  async remove(accountId: number, id: number): Promise<void> {
    try {
      if (!(await this.database.transaction((tx) => this.repository.remove(tx, accountId, id)))) {
        throw noSuchTemplate();
      }
    } catch (error) {
      if (isForeignKeyViolation(error)) {
        throw new AppError('template_in_use', 'A campaign uses this template.');
      }
      throw error;
    }
  }

  private async writing<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (violatedUniqueKey(error) === 'templates_account_id_name_language_key') {
        throw new AppError('template_exists', 'The account has a template of this name and language.');
      }
      throw error;
    }
  }
}

function toColumns(input: DraftInput): Partial<TemplateRecord> {
  const { name, language, category, parameterFormat, header, bodyText, footerText, buttons } = input;
  const parts: TemplateParts = { category, parameterFormat, header, bodyText, footerText, buttons };
  const errors = checkParts(parts, variablesOf(parts));
  if (errors.length > 0) {
    throw invalidFields(errors);
  }
  return { name, language, ...parts, components: toComponents(parts) };
}

function noSuchTemplate(): AppError {
  return new AppError('template_not_found', 'There is no such template.');
}

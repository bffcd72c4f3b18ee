import { Injectable } from '@nestjs/common';
import { GraphClient, type GraphAccount, type GraphResult } from '../graph-client.js';
import { ambiguous } from '../graph-error.js';

/** Templates belong to the WABA. */
export type WabaAccount = GraphAccount & { wabaId: string };

/** A template as Meta gives it. Components stay Meta's own objects. */
export interface MetaTemplate {
  id: string;
  name: string;
  language: string;
  status: string;
  category: string;
  previous_category?: string;
  /** What Meta takes it for, when that is another category. */
  correct_category?: string;
  parameter_format?: string;
  components?: Record<string, unknown>[];
  message_send_ttl_seconds?: number;
  rejected_reason?: string;
  quality_score?: { score?: string };
}

/** What Meta takes of a new template. */
export interface NewMetaTemplate {
  name: string;
  language: string;
  category: string;
  parameter_format: string;
  components: Record<string, unknown>[];
  message_send_ttl_seconds?: number;
}

/** What of a template can be changed; components are replaced as a whole. */
export type MetaTemplateChanges = Partial<
  Pick<NewMetaTemplate, 'category' | 'components' | 'message_send_ttl_seconds'>
>;

interface TemplatesPage {
  data: MetaTemplate[];
  paging?: { cursors?: { after?: string }; next?: string };
}

const PAGE_SIZE = 100;
/** Names that contain the one that is looked for, in one language: more than so many pages of them there are not. */
const MAX_PAGES = 20;
const FIELDS = [
  'id',
  'name',
  'language',
  'status',
  'category',
  'previous_category',
  'correct_category',
  'parameter_format',
  'components',
  'message_send_ttl_seconds',
  'rejected_reason',
  'quality_score',
].join(',');
const LABEL = 'message_templates';

/** Source: Meta's reference, `/{WABA_ID}/message_templates` and the template node. */
@Injectable()
export class TemplatesApi {
  constructor(private readonly graph: GraphClient) {}

  /** One page; `after` of the last page is null (Meta ends a list by leaving out `paging.next`). */
  async list(
    account: WabaAccount,
    after: string | null,
    filter: { name?: string; language?: string } = {},
  ): Promise<GraphResult<{ templates: MetaTemplate[]; after: string | null }>> {
    const result = await this.graph.call<TemplatesPage>(account, {
      method: 'GET',
      path: pathOf(account),
      query: { fields: FIELDS, limit: PAGE_SIZE, ...filter, ...(after === null ? {} : { after }) },
      label: LABEL,
    });
    if (!result.ok) {
      return result;
    }
    const next = result.body.paging?.next ? (result.body.paging.cursors?.after ?? null) : null;
    return { ok: true, body: { templates: result.body.data ?? [], after: next } };
  }

  /** The template of exactly this name and language (with a null language: of any), or null. */
  async find(account: WabaAccount, name: string, language: string | null): Promise<GraphResult<MetaTemplate | null>> {
    const filter = { name, ...(language === null ? {} : { language }) };
    let after: string | null = null;
    for (let page = 1; page <= MAX_PAGES; page += 1) {
      const answer = await this.list(account, after, filter);
      if (!answer.ok) {
        return answer;
      }
      const found = answer.body.templates.find(
        (template) => template.name === name && (language === null || template.language === language),
      );
      if (found || answer.body.after === null || answer.body.after === after) {
        return { ok: true, body: found ?? null };
      }
      after = answer.body.after;
    }
    return { ok: true, body: null };
  }

  get(account: GraphAccount, metaTemplateId: string): Promise<GraphResult<MetaTemplate>> {
    return this.graph.call(account, {
      method: 'GET',
      path: encodeURIComponent(metaTemplateId),
      query: { fields: FIELDS },
      label: 'message_template',
    });
  }

  /** Submits a template for review. Status and category are what Meta makes of it. A 2xx without an id is `ambiguous`. */
  async create(
    account: WabaAccount,
    template: NewMetaTemplate,
  ): Promise<GraphResult<{ id: string; status?: string; category?: string }>> {
    const result = await this.graph.call<{ id?: unknown; status?: string; category?: string }>(account, {
      method: 'POST',
      path: pathOf(account),
      body: template,
      label: LABEL,
    });
    if (!result.ok) {
      return result;
    }
    const { id, status, category } = result.body;
    return typeof id === 'string' || typeof id === 'number'
      ? { ok: true, body: { id: String(id), status, category } }
      : { ok: false, failure: ambiguous('Meta answered 200 without the id of a template.', 200) };
  }

  /** Changes a template that is approved, rejected or paused; Meta reviews it again. */
  edit(account: GraphAccount, metaTemplateId: string, changes: MetaTemplateChanges): Promise<GraphResult<unknown>> {
    return this.succeeding(account, {
      method: 'POST',
      path: encodeURIComponent(metaTemplateId),
      body: changes,
      label: 'message_template',
    });
  }

  /** Ends a pause. */
  unpause(account: GraphAccount, metaTemplateId: string): Promise<GraphResult<unknown>> {
    return this.succeeding(account, {
      method: 'POST',
      path: `${encodeURIComponent(metaTemplateId)}/unpause`,
      label: 'message_template',
    });
  }

  /** Deletes one language, or with a null id every language of the name. */
  delete(account: WabaAccount, name: string, metaTemplateId: string | null): Promise<GraphResult<unknown>> {
    return this.succeeding(account, {
      method: 'DELETE',
      path: pathOf(account),
      query: { ...(metaTemplateId === null ? {} : { hsm_id: metaTemplateId }), name },
      label: LABEL,
    });
  }

  /** A 2xx that does not say "success" leaves open what was done. */
  private async succeeding(
    account: GraphAccount,
    request: Parameters<GraphClient['call']>[1],
  ): Promise<GraphResult<unknown>> {
    const result = await this.graph.call<{ success?: unknown; id?: unknown }>(account, request);
    if (result.ok && result.body.success !== true && result.body.id === undefined) {
      return { ok: false, failure: ambiguous('Meta answered 200 without saying that it was done.', 200) };
    }
    return result;
  }
}

function pathOf(account: WabaAccount): string {
  return `${encodeURIComponent(account.wabaId)}/message_templates`;
}

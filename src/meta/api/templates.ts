import { Injectable } from '@nestjs/common';
import { GraphClient, type GraphAccount, type GraphResult } from '../graph-client.js';

/** A template as Meta gives it. Components stay Meta's own objects. */
export interface MetaTemplate {
  id: string;
  name: string;
  language: string;
  status: string;
  category: string;
  parameter_format?: string;
  components?: Record<string, unknown>[];
  rejected_reason?: string;
  quality_score?: { score?: string };
}

interface TemplatesPage {
  data: MetaTemplate[];
  paging?: { cursors?: { after?: string }; next?: string };
}

const PAGE_SIZE = 100;
const FIELDS = 'id,name,language,status,category,parameter_format,components,rejected_reason,quality_score';

/** Source: Meta's reference, `/{WABA_ID}/message_templates`. */
@Injectable()
export class TemplatesApi {
  constructor(private readonly graph: GraphClient) {}

  /** One page; `after` of the last page is null (Meta ends a list by leaving out `paging.next`). */
  async list(
    account: GraphAccount & { wabaId: string },
    after: string | null,
  ): Promise<GraphResult<{ templates: MetaTemplate[]; after: string | null }>> {
    const result = await this.graph.call<TemplatesPage>(account, {
      method: 'GET',
      path: `${encodeURIComponent(account.wabaId)}/message_templates`,
      query: { fields: FIELDS, limit: PAGE_SIZE, ...(after === null ? {} : { after }) },
      label: 'message_templates',
    });
    if (!result.ok) {
      return result;
    }
    const next = result.body.paging?.next ? (result.body.paging.cursors?.after ?? null) : null;
    return { ok: true, body: { templates: result.body.data ?? [], after: next } };
  }
}

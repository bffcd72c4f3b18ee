import { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { GraphClient, type GraphAccount, type GraphResult } from '../graph-client.js';
import { ambiguous } from '../graph-error.js';
import type { WabaAccount } from './templates.js';

type Json = Record<string, unknown>;

/** A flow as Meta gives it. */
export interface MetaFlow {
  id: string;
  name: string;
  status: string;
  categories?: unknown;
  validation_errors?: unknown;
  json_version?: unknown;
  endpoint_uri?: unknown;
  /** Whether it can be sent, and what stands in the way. */
  health_status?: unknown;
  preview?: { preview_url?: unknown; expires_at?: unknown };
}

/** What Meta takes of a new flow, which is a draft. */
export interface NewMetaFlow {
  name: string;
  categories: readonly string[];
  endpoint_uri?: string;
  /** The flow whose JSON it begins with. */
  clone_flow_id?: string;
}

export type MetaFlowChanges = Partial<Pick<NewMetaFlow, 'name' | 'categories' | 'endpoint_uri'>>;

interface FlowsPage {
  data: MetaFlow[];
  paging?: { cursors?: { after?: string }; next?: string };
}

const PAGE_SIZE = 100;
/** More pages than this is a paging that does not end. */
const MAX_PAGES = 100;
const FIELDS = 'id,name,status,categories,validation_errors,json_version,endpoint_uri,health_status';
const LIST = 'flows';
const NODE = 'flow';

/** Source: Meta's reference of the Flows API. */
@Injectable()
export class FlowsApi {
  constructor(private readonly graph: GraphClient) {}

  /** One page; `after` of the last page is null (Meta ends a list by leaving out `paging.next`). */
  async list(
    account: WabaAccount,
    after: string | null,
  ): Promise<GraphResult<{ flows: MetaFlow[]; after: string | null }>> {
    const result = await this.graph.call<FlowsPage>(account, {
      method: 'GET',
      path: pathOf(account),
      query: { fields: FIELDS, limit: PAGE_SIZE, ...(after === null ? {} : { after }) },
      label: LIST,
    });
    if (!result.ok) {
      return result;
    }
    const next = result.body.paging?.next ? (result.body.paging.cursors?.after ?? null) : null;
    return { ok: true, body: { flows: result.body.data ?? [], after: next } };
  }

  /** The flow of exactly this name, or null: a name is given once in a WABA. */
  async find(account: WabaAccount, name: string): Promise<GraphResult<MetaFlow | null>> {
    let after: string | null = null;
    for (let page = 1; page <= MAX_PAGES; page += 1) {
      const answer = await this.list(account, after);
      if (!answer.ok) {
        return answer;
      }
      const found = answer.body.flows.find((flow) => flow.name === name);
      if (found || answer.body.after === null || answer.body.after === after) {
        return { ok: true, body: found ?? null };
      }
      after = answer.body.after;
    }
    return { ok: true, body: null };
  }

  get(account: GraphAccount, metaFlowId: string): Promise<GraphResult<MetaFlow>> {
    return this.graph.call(account, {
      method: 'GET',
      path: encodeURIComponent(metaFlowId),
      query: { fields: FIELDS },
      label: NODE,
    });
  }

  /** Where the flow can be looked at in a browser, by whoever has the address. @param renew lets older addresses end */
  preview(account: GraphAccount, metaFlowId: string, renew: boolean): Promise<GraphResult<MetaFlow>> {
    return this.graph.call(account, {
      method: 'GET',
      path: encodeURIComponent(metaFlowId),
      query: { fields: `preview.invalidate(${renew})` },
      label: NODE,
    });
  }

  /** Creates a draft. A 2xx without an id is `ambiguous`. */
  async create(
    account: WabaAccount,
    flow: NewMetaFlow,
  ): Promise<GraphResult<{ id: string; validationErrors: Json[] | null }>> {
    const result = await this.graph.call<{ id?: unknown; validation_errors?: unknown }>(account, {
      method: 'POST',
      path: pathOf(account),
      body: flow,
      label: LIST,
    });
    if (!result.ok) {
      return result;
    }
    const { id, validation_errors } = result.body;
    return typeof id === 'string' || typeof id === 'number'
      ? { ok: true, body: { id: String(id), validationErrors: objectsOf(validation_errors) } }
      : { ok: false, failure: ambiguous('Meta answered 200 without the id of a flow.', 200) };
  }

  /** Changes name, categories or endpoint. */
  update(account: GraphAccount, metaFlowId: string, changes: MetaFlowChanges): Promise<GraphResult<unknown>> {
    return this.succeeding(account, {
      method: 'POST',
      path: encodeURIComponent(metaFlowId),
      body: changes,
      label: NODE,
    });
  }

  /** Gives a draft its JSON. Meta keeps it also when it finds faults in it, and names them. */
  async upload(
    account: GraphAccount,
    metaFlowId: string,
    flowJson: string,
  ): Promise<GraphResult<{ validationErrors: Json[] }>> {
    const bytes = Buffer.from(flowJson);
    const result = await this.graph.call<{ success?: unknown; validation_errors?: unknown }>(account, {
      method: 'POST',
      path: `${encodeURIComponent(metaFlowId)}/assets`,
      form: {
        fields: { name: 'flow.json', asset_type: 'FLOW_JSON' },
        file: {
          stream: Readable.from([bytes]),
          size: bytes.length,
          filename: 'flow.json',
          mimeType: 'application/json',
        },
      },
      label: 'flow_assets',
    });
    if (!result.ok) {
      return result;
    }
    const { success, validation_errors } = result.body;
    const validationErrors = objectsOf(validation_errors);
    return success === true || validationErrors !== null
      ? { ok: true, body: { validationErrors: validationErrors ?? [] } }
      : { ok: false, failure: ambiguous('Meta answered 200 without saying that it has the JSON.', 200) };
  }

  publish(account: GraphAccount, metaFlowId: string): Promise<GraphResult<unknown>> {
    return this.succeeding(account, {
      method: 'POST',
      path: `${encodeURIComponent(metaFlowId)}/publish`,
      label: NODE,
    });
  }

  deprecate(account: GraphAccount, metaFlowId: string): Promise<GraphResult<unknown>> {
    return this.succeeding(account, {
      method: 'POST',
      path: `${encodeURIComponent(metaFlowId)}/deprecate`,
      label: NODE,
    });
  }

  delete(account: GraphAccount, metaFlowId: string): Promise<GraphResult<unknown>> {
    return this.succeeding(account, { method: 'DELETE', path: encodeURIComponent(metaFlowId), label: NODE });
  }

  /** A 2xx that does not say "success" leaves open what was done. */
  private async succeeding(
    account: GraphAccount,
    request: Parameters<GraphClient['call']>[1],
  ): Promise<GraphResult<unknown>> {
    const result = await this.graph.call<{ success?: unknown }>(account, request);
    if (result.ok && result.body.success !== true) {
      return { ok: false, failure: ambiguous('Meta answered 200 without saying that it was done.', 200) };
    }
    return result;
  }
}

/** The objects of a list; null where there is no list. */
export function objectsOf(value: unknown): Json[] | null {
  return Array.isArray(value)
    ? value.filter((item): item is Json => typeof item === 'object' && item !== null && !Array.isArray(item))
    : null;
}

function pathOf(account: WabaAccount): string {
  return `${encodeURIComponent(account.wabaId)}/flows`;
}

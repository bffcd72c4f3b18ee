import { wireJson } from '../webhooks/wire.js';
import { now } from '../state/clock.js';
import type { StoredTemplate } from '../state/templates.js';
import type { Json } from '../validation/check.js';
import { readComponents, readDefinition, ttlOf } from '../validation/template-definition.js';
import type { World } from '../world.js';
import { paramsOf, picked, type GraphCall } from './call.js';
import { badParam, templateRule, unknownObject } from './graph-error.js';
import { pageOf } from './paging.js';
import { respondJson } from './respond.js';

const DEFAULT_FIELDS =
  'id,name,language,status,category,parameter_format,components,rejected_reason,message_send_ttl_seconds';
/** Meta: what filters a list of templates. */
const FILTERS = ['name', 'status', 'category', 'language', 'content', 'name_or_content'];
const EDITABLE = ['APPROVED', 'REJECTED', 'PAUSED'];

/** `/{WABA}/message_templates`. Meta: README §B.1. */
export function handleTemplates(call: GraphCall): void {
  const { world, id, token, method, query, url, response } = call;
  const waba = world.registry.waba(id, token);
  if (waba === undefined) {
    throw unknownObject(method, id);
  }
  switch (method) {
    case 'GET': {
      const found = world.templates.of(waba.id).filter((stored) => matches(stored, query));
      const fields = query.get('fields') ?? DEFAULT_FIELDS;
      const page = pageOf(found, query, url);
      const data = (page.data as StoredTemplate[]).map((stored) => picked(asReturned(stored), fields));
      respondJson(response, { ...page, data });
      return;
    }
    case 'POST':
      create(call, waba.id);
      return;
    case 'DELETE':
      remove(call, waba.id);
      return;
    default:
      throw unknownObject(method, id);
  }
}

/** `/{TEMPLATE_ID}`; false when the id is no template's. */
export function handleTemplate(call: GraphCall): boolean {
  const { world, id, method, query, response } = call;
  const stored = world.templates.findById(id);
  if (stored === undefined) {
    return false;
  }
  if (method === 'GET') {
    respondJson(response, picked(asReturned(stored), query.get('fields') ?? DEFAULT_FIELDS));
    return true;
  }
  if (method !== 'POST') {
    throw unknownObject(method, id);
  }
  edit(world, stored, paramsOf(call));
  respondJson(response, { success: true, id, category: stored.template.category });
  return true;
}

/** `POST /{TEMPLATE_ID}/unpause`. */
export function handleUnpause(call: GraphCall): void {
  const stored = call.world.templates.findById(call.id);
  if (stored === undefined) {
    throw unknownObject(call.method, call.id);
  }
  if (stored.template.status === 'PAUSED') {
    setStatus(call.world, stored, 'APPROVED', 'NONE', 'UNPAUSED');
  }
  respondJson(call.response, { success: true });
}

/** Changes the status of a template and reports it, as Meta does. */
export function setStatus(
  world: World,
  stored: StoredTemplate,
  status: string,
  reason = 'NONE',
  event: string = status,
): void {
  world.templates.change(stored, { status });
  const { id, name, language, category } = stored.template;
  const value =
    `{"event":${wireJson(event)},"message_template_id":${id},"message_template_name":${wireJson(name)},` +
    `"message_template_language":${wireJson(language)},"reason":${wireJson(reason)},` +
    `"message_template_category":${wireJson(category)}}`;
  const time = Math.floor(now() / 1000);
  const body =
    `{"object":"whatsapp_business_account","entry":[{"id":"${stored.wabaId}","time":${time},` +
    `"changes":[{"value":${value},"field":"message_template_status_update"}]}]}`;
  world.delivery.enqueue({ updates: 1, attempts: 0, body: () => body, acknowledged: () => undefined });
}

function create(call: GraphCall, wabaId: string): void {
  const { world, response } = call;
  const definition = readDefinition(paramsOf(call));
  if (world.templates.find(wabaId, definition.name, definition.language) !== undefined) {
    throw templateRule(
      2388024,
      'Content in this language already exists',
      `There is already ${definition.language} content for this template.`,
    );
  }
  const stored = world.templates.add(wabaId, definition);
  approveLater(world, stored);
  respondJson(response, { id: stored.template.id, status: 'PENDING', category: stored.template.category });
}

function approveLater(world: World, stored: StoredTemplate): void {
  world.later(world.config.template_approval_ms, () => {
    if (world.templates.findById(stored.template.id) === stored && stored.template.status === 'PENDING') {
      setStatus(world, stored, 'APPROVED');
    }
  });
}

/** Meta: category, components and TTL only; all components are replaced; an approved category stays. */
function edit(world: World, stored: StoredTemplate, params: Json): void {
  const { template } = stored;
  if (!EDITABLE.includes(template.status)) {
    throw templateRule(2388039, 'Template status cannot be changed', `A ${template.status} template cannot be edited.`);
  }
  const category = typeof params.category === 'string' ? params.category.toUpperCase() : template.category;
  if (category !== template.category && template.status === 'APPROVED') {
    throw templateRule(2388025, 'Category cannot change', 'The category of an approved template cannot be changed.');
  }
  const components =
    params.components === undefined
      ? template.components
      : readComponents(params.components, category, template.parameter_format === 'NAMED');
  world.templates.change(stored, {
    category,
    components,
    status: 'PENDING',
    ...ttlOf(params.message_send_ttl_seconds, category),
  });
  approveLater(world, stored);
}

/** Meta: by name all languages go; `hsm_id` with the name takes one, `hsm_ids` up to a hundred. */
function remove(call: GraphCall, wabaId: string): void {
  const { world, response } = call;
  const params = paramsOf(call);
  const ids = idsOf(params);
  const name = typeof params.name === 'string' ? params.name : undefined;
  if (name === undefined && ids === undefined) {
    throw badParam('The parameter name is required.');
  }
  const found = world.templates
    .of(wabaId)
    .filter(({ template }) => (ids === undefined ? template.name === name : ids.includes(template.id)));
  if (found.length === 0) {
    throw templateRule(2593002, 'Message Template Not Found', 'The template to delete does not exist.');
  }
  found.forEach((stored) => world.templates.remove(stored));
  respondJson(response, { success: true });
}

function idsOf({ hsm_id, hsm_ids }: Json): string[] | undefined {
  if (hsm_id !== undefined) {
    return [String(hsm_id)];
  }
  if (hsm_ids === undefined) {
    return undefined;
  }
  const ids: unknown = typeof hsm_ids === 'string' ? hsm_ids.replace(/[[\]"\s]/g, '').split(',') : hsm_ids;
  if (!Array.isArray(ids) || ids.length > 100) {
    throw badParam('Param hsm_ids must be an array of at most 100 ids.');
  }
  return ids.map(String);
}

function matches({ template }: StoredTemplate, query: URLSearchParams): boolean {
  const content = JSON.stringify(template.components).toLowerCase();
  return FILTERS.every((filter) => {
    const wanted = query.get(filter)?.toLowerCase();
    if (wanted === undefined || wanted === '') {
      return true;
    }
    switch (filter) {
      case 'name':
        return template.name.includes(wanted);
      case 'content':
        return content.includes(wanted);
      case 'name_or_content':
        return template.name.includes(wanted) || content.includes(wanted);
      default:
        return wanted.split(',').includes(template[filter as 'status' | 'category' | 'language'].toLowerCase());
    }
  });
}

function asReturned({ template }: StoredTemplate): Json {
  return {
    ...template,
    rejected_reason: template.rejected_reason ?? 'NONE',
    quality_score: { score: 'UNKNOWN', date: Math.floor(now() / 1000) },
  };
}

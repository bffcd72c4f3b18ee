import { now } from '../state/clock.js';
import type { StoredTemplate } from '../state/templates.js';
import { isJson, type Json } from '../validation/check.js';
import { readComponents, readDefinition, ttlOf } from '../validation/template-definition.js';
import { reportTemplate } from '../webhooks/template-events.js';
import type { World } from '../world.js';
import { paramsOf, picked, type GraphCall } from './call.js';
import { delayed } from './delayed.js';
import { badParam, GraphError, templateRule, unknownObject } from './graph-error.js';
import { pageOf } from './paging.js';
import { asGraphError, respondError, respondJson } from './respond.js';

const DEFAULT_FIELDS =
  'id,name,language,status,category,previous_category,parameter_format,components,rejected_reason,message_send_ttl_seconds';
const DAY_MS = 24 * 60 * 60 * 1000;
/** Meta: what filters a list of templates. */
const FILTERS = ['name', 'status', 'category', 'language', 'content', 'name_or_content'];
const EDITABLE = ['APPROVED', 'REJECTED', 'PAUSED'];
/** How the type of a file begins that such a header shows. */
const MIME_OF_HEADER: Record<string, string> = {
  IMAGE: 'image/',
  VIDEO: 'video/',
  GIF: 'video/',
  DOCUMENT: 'application/pdf',
};

/** `/{WABA}/message_templates`. Meta: README §B.1. */
export function handleTemplates(call: GraphCall): void {
  const { world, id, token, method, query, url, response } = call;
  const waba = world.registry.waba(id, token);
  if (waba === undefined) {
    throw unknownObject(method, id);
  }
  switch (method) {
    case 'GET': {
      if (query.has('after') && world.config.templates.bad_cursors > 0) {
        world.config.templates.bad_cursors -= 1;
        throw new GraphError(131059);
      }
      const found = world.templates.of(waba.id).filter((stored) => matches(stored, query));
      const fields = query.get('fields') ?? DEFAULT_FIELDS;
      const page = pageOf(found, query, url);
      const data = (page.data as StoredTemplate[]).map((stored) => picked(asReturned(world, stored), fields));
      respondJson(response, { ...page, data });
      return;
    }
    case 'POST':
      changing(call, () => create(call, waba.id));
      return;
    case 'DELETE':
      changing(call, () => remove(call, waba.id));
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
    respondJson(response, picked(asReturned(world, stored), query.get('fields') ?? DEFAULT_FIELDS));
    return true;
  }
  if (method !== 'POST') {
    throw unknownObject(method, id);
  }
  changing(call, () => {
    edit(world, stored, paramsOf(call));
    return { success: true, id, category: stored.template.category };
  });
  return true;
}

/** Answers what a change came to, unless the answer, or the request before it, is to get lost. */
function changing(call: GraphCall, change: () => Json): void {
  const { templates } = call.world.config;
  if (templates.lose_requests > 0) {
    templates.lose_requests -= 1;
    call.request.socket.destroy();
    return;
  }
  const answer = outcomeOf(change);
  if (templates.lose_answers > 0 && !(answer instanceof GraphError)) {
    templates.lose_answers -= 1;
    call.request.socket.destroy();
    return;
  }
  delayed(call.world, () => {
    if (answer instanceof GraphError) {
      respondError(call.response, answer);
    } else {
      respondJson(call.response, answer);
    }
  });
}

function outcomeOf(change: () => Json): Json | GraphError {
  try {
    return change();
  } catch (error) {
    return asGraphError(error);
  }
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
  world.templates.change(stored, { status, rejected_reason: status === 'REJECTED' ? reason : undefined });
  reportTemplate(world, stored, 'message_template_status_update', {
    event,
    reason,
    message_template_category: stored.template.category,
  });
}

function create(call: GraphCall, wabaId: string): Json {
  const { world } = call;
  const definition = readDefinition(paramsOf(call));
  const { name, language } = definition;
  if (world.templates.find(wabaId, name, language) !== undefined) {
    throw templateRule(
      2388024,
      'Content in this language already exists',
      `There is already ${language} content for this template. You can create a new template and try again.`,
    );
  }
  if (world.config.templates.block_deleted_names && world.templates.isBlocked(wabaId, name, language)) {
    throw templateRule(
      2388023,
      'Message template language is being deleted',
      `New ${language} content can't be added while the existing ${language} content is being deleted. Try again in 4 weeks.`,
    );
  }
  checkHandles(world, definition.components);
  const category = world.config.templates.category || definition.category;
  const stored = world.templates.add(wabaId, { ...definition, category });
  decideLater(world, stored);
  return { id: stored.template.id, status: 'PENDING', category };
}

function decideLater(world: World, stored: StoredTemplate): void {
  world.later(world.config.template_approval_ms, () => {
    const { verdict, rejected_reason } = world.config.templates;
    const isWaiting = world.templates.findById(stored.template.id) === stored && stored.template.status === 'PENDING';
    if (isWaiting && verdict !== 'PENDING') {
      setStatus(world, stored, verdict, verdict === 'REJECTED' ? rejected_reason : 'NONE');
    }
  });
}

/** Meta: a sample is a handle of the resumable upload, of a file that such a header can show. */
function checkHandles(world: World, components: readonly Json[]): void {
  for (const { type, format, example, cards } of components) {
    if (String(type).toUpperCase() === 'HEADER' && isJson(example) && Array.isArray(example.header_handle)) {
      const file = world.media.byHandle(String((example.header_handle as unknown[])[0]));
      if (file === undefined || !file.mime.startsWith(MIME_OF_HEADER[String(format).toUpperCase()] ?? '?')) {
        throw templateRule(
          2388273,
          'Invalid header sample',
          'The header_handle is not one of the resumable upload API, or its file does not go with the format.',
        );
      }
    }
    for (const card of Array.isArray(cards) ? cards.filter(isJson) : []) {
      checkHandles(world, Array.isArray(card.components) ? card.components.filter(isJson) : []);
    }
  }
}

/** Meta: category, components and TTL only; all components are replaced; an approved category stays. */
function edit(world: World, stored: StoredTemplate, params: Json): void {
  const { template } = stored;
  if (!EDITABLE.includes(template.status)) {
    throw templateRule(2388039, 'Template status cannot be changed', `A ${template.status} template cannot be edited.`);
  }
  const { limit_edits } = world.config.templates;
  if (limit_edits && template.status === 'APPROVED' && now() - stored.editedAt < DAY_MS) {
    throw templateRule(
      2388025,
      'Template can be edited only once in 24 hours',
      'This message template has been edited too often. Try again tomorrow.',
    );
  }
  const fixed = Object.keys(params).filter((key) => ['name', 'language', 'parameter_format'].includes(key));
  if (fixed.length > 0) {
    throw badParam(`Param ${fixed[0]} cannot be changed.`);
  }
  const category = typeof params.category === 'string' ? params.category.toUpperCase() : template.category;
  if (category !== template.category && template.status === 'APPROVED') {
    throw templateRule(2388025, 'Category cannot change', 'The category of an approved template cannot be changed.');
  }
  const components =
    params.components === undefined
      ? template.components
      : readComponents(params.components, category, template.parameter_format === 'NAMED');
  if (params.components !== undefined) {
    checkHandles(world, components);
  }
  stored.editedAt = now();
  world.templates.change(stored, {
    category,
    components,
    status: 'PENDING',
    rejected_reason: undefined,
    ...ttlOf(params.message_send_ttl_seconds, category),
  });
  decideLater(world, stored);
}

/** Meta: by name all languages go; `hsm_id` with the name takes one, `hsm_ids` up to a hundred. */
function remove(call: GraphCall, wabaId: string): Json {
  const { world } = call;
  const params = paramsOf(call);
  const ids = idsOf(params);
  const name = typeof params.name === 'string' ? params.name : undefined;
  if (name === undefined && ids === undefined) {
    throw badParam('The parameter name is required.');
  }
  const found = world.templates
    .of(wabaId)
    .filter(
      ({ template }) =>
        (ids === undefined || ids.includes(template.id)) && (name === undefined || template.name === name),
    );
  if (found.length === 0) {
    throw templateRule(2593002, 'Message Template Not Found', 'The template to delete does not exist.');
  }
  if (found.some(({ template }) => template.status === 'DISABLED')) {
    throw templateRule(2388039, 'Template status cannot be changed', 'A disabled template cannot be deleted.');
  }
  found.forEach((stored) => world.templates.remove(stored));
  return { success: true };
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

function asReturned(world: World, { template }: StoredTemplate): Json {
  return {
    ...template,
    components: template.components.map((each) => withUrls(world, each)),
    rejected_reason: template.rejected_reason ?? 'NONE',
    quality_score: { score: template.quality_score ?? 'UNKNOWN', date: Math.floor(now() / 1000) },
  };
}

/** Meta: a `header_handle` comes back as the address of the file. */
function withUrls(world: World, component: Json): Json {
  const { example, cards } = component;
  const handles = isJson(example) && Array.isArray(example.header_handle) ? (example.header_handle as unknown[]) : null;
  return {
    ...component,
    ...(handles === null
      ? {}
      : {
          example: {
            ...(example as Json),
            header_handle: handles.map((handle) => {
              const file = world.media.byHandle(String(handle));
              return file === undefined ? handle : world.media.url(file, world.ownUrl);
            }),
          },
        }),
    ...(Array.isArray(cards)
      ? {
          cards: cards.filter(isJson).map((card) => ({
            ...card,
            components: Array.isArray(card.components)
              ? card.components.filter(isJson).map((each) => withUrls(world, each))
              : card.components,
          })),
        }
      : {}),
  };
}

import type { ServerResponse } from 'node:http';
import { now } from '../state/clock.js';
import type { StoredFlow } from '../state/flows.js';
import type { Json } from '../validation/check.js';
import { asksEndpoint, validateFlowJson, versionOf } from '../validation/flow-json.js';
import { reportFlow, setFlowStatus } from '../webhooks/flow-events.js';
import type { World } from '../world.js';
import { paramsOf, picked, type GraphCall } from './call.js';
import { delayed } from './delayed.js';
import { badParam, GraphError, unknownObject } from './graph-error.js';
import { readForm } from './multipart.js';
import { pageOf } from './paging.js';
import { asGraphError, respond, respondError, respondJson } from './respond.js';

const DEFAULT_FIELDS = 'id,name,status,categories,validation_errors';
const CATEGORIES =
  'SIGN_UP SIGN_IN APPOINTMENT_BOOKING LEAD_GENERATION CONTACT_US CUSTOMER_SUPPORT SURVEY SHOPPING OTHER'.split(' ');
const CREATE_KEYS = ['name', 'categories', 'endpoint_uri', 'clone_flow_id', 'flow_json', 'publish', 'access_token'];
const UPDATE_KEYS = ['name', 'categories', 'endpoint_uri', 'application_id', 'access_token'];
const MAX_NAME = 200;
const MAX_FILE = 10 * 1024 * 1024;

/** `/{WABA}/flows`. Meta: Flows API page. */
export function handleFlows(call: GraphCall): void {
  const { world, id, token, method, query, url, response } = call;
  const waba = world.registry.waba(id, token);
  if (waba === undefined) {
    throw unknownObject(method, id);
  }
  if (method === 'GET') {
    const page = pageOf(world.flows.of(waba.id), query, url);
    const data = (page.data as StoredFlow[]).map((flow) => shown(world, flow, query.get('fields')));
    respondJson(response, { ...page, data });
    return;
  }
  changing(call, () => create(call, waba.id));
}

/** `/{FLOW}`; false when the id is no flow's. */
export function handleFlow(call: GraphCall): boolean {
  const { world, id, method, query, response } = call;
  const flow = world.flows.find(id);
  if (flow === undefined) {
    if (world.flows.wasRemoved(id)) {
      throw unknownObject(method, id);
    }
    return false;
  }
  switch (method) {
    case 'GET':
      respondJson(response, shown(world, flow, query.get('fields')));
      return true;
    case 'POST':
      changing(call, () => update(world, flow, paramsOf(call)));
      return true;
    case 'DELETE':
      changing(call, () => remove(world, flow));
      return true;
    default:
      throw unknownObject(method, id);
  }
}

/** `/{FLOW}/assets`: a form with the file. */
export function handleFlowAssets(call: GraphCall): void {
  const flow = flowOf(call);
  if (call.method === 'GET') {
    const data =
      flow.json === ''
        ? []
        : [
            {
              name: 'flow.json',
              asset_type: 'FLOW_JSON',
              download_url: `${call.world.ownUrl}/whatsapp_business/flow?id=${flow.id}`,
            },
          ];
    respondJson(call.response, { data });
    return;
  }
  changing(call, () => upload(call, flow));
}

/** The file of a flow, at the address that its assets name. */
export function handleFlowDownload(world: World, response: ServerResponse, query: URLSearchParams): void {
  const json = world.flows.find(query.get('id') ?? '')?.json ?? '';
  respond(response, json === '' ? 404 : 200, json, 'application/json');
}

/** `POST /{FLOW}/publish`. */
export function handleFlowPublish(call: GraphCall): void {
  const flow = flowOf(call);
  changing(call, () => {
    refuseUnpublishable(flow);
    setFlowStatus(call.world, flow, 'PUBLISHED');
    return { success: true };
  });
}

/** `POST /{FLOW}/deprecate`. */
export function handleFlowDeprecate(call: GraphCall): void {
  const flow = flowOf(call);
  changing(call, () => {
    if (flow.status === 'DRAFT') {
      throw refusal(
        139003,
        "Can't deprecate unpublished Flow",
        'Only published Flows can be deprecated. Delete drafts instead.',
      );
    }
    if (flow.status === 'DEPRECATED') {
      throw refusal(139003, 'Flow is already deprecated', 'The Flow is deprecated already.');
    }
    setFlowStatus(call.world, flow, 'DEPRECATED');
    return { success: true };
  });
}

function flowOf({ world, id, method }: GraphCall): StoredFlow {
  const flow = world.flows.find(id);
  if (flow === undefined) {
    throw unknownObject(method, id);
  }
  return flow;
}

function create(call: GraphCall, wabaId: string): Json {
  const { world } = call;
  const params = readParams(call, CREATE_KEYS);
  const name = nameOf(params.name);
  const categories = categoriesOf(params.categories);
  if (world.flows.findByName(wabaId, name) !== undefined) {
    throw refusal(100, 'Flow name is not unique', 'Flow name should be unique within one WhatsApp Business Account.');
  }
  const source = params.clone_flow_id === undefined ? undefined : world.flows.find(String(params.clone_flow_id));
  if (params.clone_flow_id !== undefined && source?.wabaId !== wabaId) {
    throw refusal(100, 'Flow with specified ID does not exist', 'The Flow to clone was not found in your account.');
  }
  const flow = world.flows.add(wabaId, {
    name,
    categories,
    endpointUri: params.endpoint_uri === undefined ? (source?.endpointUri ?? '') : endpointOf(params.endpoint_uri),
    json: source?.json ?? '',
    validationErrors: source?.validationErrors ?? [],
  });
  if (typeof params.flow_json === 'string') {
    flow.json = params.flow_json;
    flow.validationErrors = validateFlowJson(params.flow_json);
  }
  reportFlow(world, flow, {
    event: 'FLOW_STATUS_CHANGE',
    message: `${name} has been created with DRAFT status`,
    new_status: 'DRAFT',
  });
  return {
    id: flow.id,
    success: true,
    ...(params.flow_json === undefined ? {} : { validation_errors: flow.validationErrors }),
  };
}

/** Meta: name, categories and endpoint of what is not deprecated. */
function update(world: World, flow: StoredFlow, given: Json): Json {
  const params = onlyKnown(given, UPDATE_KEYS);
  if (flow.status === 'DEPRECATED') {
    throw refusal(139001, "Flow can't be updated", 'You attempted to update a Flow that is deprecated.');
  }
  const name = params.name === undefined ? flow.name : nameOf(params.name);
  const namesake = world.flows.findByName(flow.wabaId, name);
  if (namesake !== undefined && namesake !== flow) {
    throw refusal(100, 'Flow name is not unique', 'Flow name should be unique within one WhatsApp Business Account.');
  }
  const categories = params.categories === undefined ? flow.categories : categoriesOf(params.categories);
  const endpointUri = params.endpoint_uri === undefined ? flow.endpointUri : endpointOf(params.endpoint_uri);
  Object.assign(flow, { name, categories, endpointUri });
  return { success: true };
}

function upload(call: GraphCall, flow: StoredFlow): Json {
  const form = readForm(call.bytes, call.request.headers['content-type'] ?? '');
  const field = (name: string): string => form.get(name)?.bytes.toString() ?? '';
  if (field('asset_type') !== 'FLOW_JSON') {
    throw badParam('Param asset_type must be one of {FLOW_JSON}.');
  }
  if (field('name') !== 'flow.json') {
    throw badParam('Param name must be flow.json.');
  }
  const file = form.get('file');
  if (file === undefined || file.bytes.length === 0) {
    throw badParam('The parameter file is required.');
  }
  if (file.bytes.length > MAX_FILE) {
    throw badParam('The file must have at most 10 MB.');
  }
  if (flow.status !== 'DRAFT') {
    throw refusal(139001, "Flow can't be updated", 'You attempted to update a published Flow. Clone it instead.');
  }
  flow.json = file.bytes.toString('utf8');
  flow.validationErrors = validateFlowJson(flow.json);
  return { success: true, validation_errors: flow.validationErrors };
}

function remove(world: World, flow: StoredFlow): Json {
  if (flow.status !== 'DRAFT') {
    throw refusal(
      139004,
      "Can't delete published Flow",
      'You attempted to delete a published Flow. Deprecate it instead.',
    );
  }
  world.flows.remove(flow);
  return { success: true };
}

function refuseUnpublishable(flow: StoredFlow): void {
  if (flow.status !== 'DRAFT') {
    throw refusal(139002, 'Publishing Flow in invalid state', 'Only draft Flows can be published.');
  }
  if (flow.json === '' || flow.validationErrors.length > 0) {
    throw refusal(
      139002,
      'Publishing Flow with validation errors',
      'You attempted to publish a Flow with validation errors. Fix them and try again.',
    );
  }
  if (asksEndpoint(flow.json) && flow.endpointUri === '') {
    throw refusal(
      139002,
      "Can't publish without endpoint_uri",
      'The Flow has no endpoint_uri: set it before publishing.',
    );
  }
}

function readParams(call: GraphCall, keys: readonly string[]): Json {
  return onlyKnown(paramsOf(call), keys);
}

function onlyKnown(params: Json, keys: readonly string[]): Json {
  const unknown = Object.keys(params).find((key) => !keys.includes(key));
  if (unknown !== undefined) {
    throw badParam(`Unexpected key "${unknown.slice(0, 60)}" on param "flow".`);
  }
  return params;
}

function nameOf(given: unknown): string {
  if (typeof given !== 'string' || given.trim() === '' || given.length > MAX_NAME) {
    throw badParam(`Param name must be a string of 1 to ${MAX_NAME} characters.`);
  }
  return given;
}

/** Meta: a list, or its JSON in a form. */
function categoriesOf(given: unknown): string[] {
  let list: unknown = given;
  if (typeof given === 'string') {
    try {
      list = JSON.parse(given);
    } catch {
      list = undefined;
    }
  }
  if (!Array.isArray(list) || list.length === 0) {
    throw badParam('Param categories must be a non-empty array.');
  }
  const unknown: unknown = list.find((category: unknown) => !CATEGORIES.includes(String(category)));
  if (unknown !== undefined) {
    throw badParam(
      `Param categories[0] must be one of {${CATEGORIES.join(', ')}} - got "${String(unknown).slice(0, 60)}".`,
    );
  }
  return list.map(String);
}

function endpointOf(given: unknown): string {
  if (typeof given !== 'string' || !/^https?:\/\/[^\s/]/i.test(given)) {
    throw refusal(100, 'Invalid Endpoint URI', 'Provide a valid URL.');
  }
  return given;
}

/** Meta: the sentence stands in `error_user_title`, what to do in `error_user_msg`. */
function refusal(code: number, title: string, message: string): GraphError {
  return new GraphError(code, '', {
    http: 400,
    message: code === 100 ? 'Invalid parameter' : `(#${code}) ${title}`,
    userTitle: title,
    userMessage: message,
    withoutData: true,
  });
}

function shown(world: World, flow: StoredFlow, fields: string | null): Json {
  const asked = fields ?? DEFAULT_FIELDS;
  const isRenewed = /preview\.invalidate\(true\)/.test(asked);
  const wantsPreview = /(^|,)\s*preview/.test(asked);
  const preview = wantsPreview ? world.flows.previewOf(flow, isRenewed, now()) : undefined;
  return picked(
    {
      id: flow.id,
      name: flow.name,
      status: flow.status,
      categories: flow.categories,
      validation_errors: flow.validationErrors,
      json_version: versionOf(flow.json),
      ...(asksEndpoint(flow.json) ? { data_api_version: '3.0' } : {}),
      ...(flow.endpointUri === '' ? {} : { endpoint_uri: flow.endpointUri, data_channel_uri: flow.endpointUri }),
      health_status: healthOf(flow),
      ...(preview === undefined
        ? {}
        : {
            preview: {
              preview_url: `https://business.facebook.com/wa/manage/flows/${flow.id}/preview/?token=${preview.token}`,
              expires_at: new Date(preview.expiresAt).toISOString().replace(/\.\d+Z$/, '+0000'),
            },
          }),
    },
    asked.replace(/preview\.invalidate\((true|false)\)/, 'preview'),
  );
}

function healthOf(flow: StoredFlow): Json {
  const can_send_message =
    flow.status === 'BLOCKED' ? 'BLOCKED' : flow.status === 'THROTTLED' ? 'LIMITED' : 'AVAILABLE';
  const errors =
    can_send_message === 'AVAILABLE'
      ? {}
      : {
          errors: [
            {
              error_code: 131000,
              error_description: `The flow is ${flow.status}.`,
              possible_solution: 'Repair the endpoint of the flow.',
            },
          ],
        };
  return {
    can_send_message,
    entities: [
      { entity_type: 'FLOW', id: flow.id, can_send_message, ...errors },
      { entity_type: 'WABA', id: flow.wabaId, can_send_message: 'AVAILABLE' },
    ],
  };
}

/** Answers what a change came to, unless the answer, or the request before it, is to get lost. */
function changing(call: GraphCall, change: () => Json): void {
  const { flows } = call.world.config;
  if (flows.lose_requests > 0) {
    flows.lose_requests -= 1;
    call.request.socket.destroy();
    return;
  }
  const answer = outcomeOf(flows.refuse_with === 0 ? change : refuseAll(call.world));
  if (flows.lose_answers > 0 && !(answer instanceof GraphError)) {
    flows.lose_answers -= 1;
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

function refuseAll({ config }: World): () => Json {
  return () => {
    throw config.flows.refuse_with === 139000
      ? refusal(139000, 'Blocked By Integrity', 'An issue with integrity was found in your account.')
      : new GraphError(config.flows.refuse_with);
  };
}

function outcomeOf(change: () => Json): Json | GraphError {
  try {
    return change();
  } catch (error) {
    return asGraphError(error);
  }
}

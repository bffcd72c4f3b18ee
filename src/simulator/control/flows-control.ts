import { Fields } from '../fields.js';
import { respondJson } from '../graph/respond.js';
import type { StoredFlow } from '../state/flows.js';
import { isJson, type Json } from '../validation/check.js';
import { validateFlowJson } from '../validation/flow-json.js';
import { changeJson, post } from '../webhooks/envelope.js';
import { reportFlow, setFlowStatus } from '../webhooks/flow-events.js';
import { inboundItems, messagesValue, readInbound } from '../webhooks/inbound.js';
import type { World } from '../world.js';
import { bodyOf, refuse, type ControlCall } from './call.js';

const STATUSES = ['DRAFT', 'PUBLISHED', 'DEPRECATED', 'BLOCKED', 'THROTTLED'] as const;
const MAX_TIMES = 1_000;
const KEYS = [
  'wamid',
  'from',
  'user_id',
  'flow_token',
  'reply_to',
  'response',
  'response_json',
  'phone_number_id',
  'timestamp',
];

/** `GET /__simulate/flows`: what Meta has, by WABA. */
export function getFlows({ world, response }: ControlCall): void {
  const byWaba: Record<string, Json[]> = {};
  for (const flow of world.flows.all()) {
    (byWaba[flow.wabaId] ??= []).push(visible(flow));
  }
  respondJson(response, byWaba);
}

/** `PUT /__simulate/flows/{name}`: adds or alters one, as somebody does in Meta's own tools. */
export function putFlow(call: ControlCall): void {
  const { world, response, name } = call;
  const body = bodyOf(call);
  if (body === undefined) {
    return;
  }
  const fields = new Fields(body);
  const wabaId = fields.text('waba_id') ?? [...world.registry.wabas.keys()][0] ?? '';
  const status = fields.has('status') ? fields.word('status', STATUSES, 'DRAFT') : undefined;
  const newName = fields.text('name');
  const endpointUri = fields.text('endpoint_uri');
  const json = fields.object('flow_json');
  const isRemoved = fields.flag('remove') ?? false;
  const isTold = fields.flag('notify') ?? true;
  const categories = fields.value('categories');
  if (wabaId === '') {
    fields.problem('no WABA is known yet: give waba_id');
  }
  const faults = fields.faults();
  if (faults.length > 0) {
    refuse(response, faults);
    return;
  }
  world.registry.waba(wabaId, '');
  const known = world.flows.findByName(wabaId, name);
  const flow = known ?? world.flows.add(wabaId, { name, categories: ['OTHER'] });
  if (isRemoved) {
    world.flows.remove(flow);
    respondJson(response, visible(flow));
    return;
  }
  flow.name = newName ?? flow.name;
  flow.endpointUri = endpointUri ?? flow.endpointUri;
  flow.categories = Array.isArray(categories) ? categories.map(String) : flow.categories;
  if (json !== undefined) {
    flow.json = JSON.stringify(json, null, 2);
    flow.validationErrors = validateFlowJson(flow.json);
  }
  if (status !== undefined && status !== flow.status) {
    if (isTold) {
      setFlowStatus(world, flow, status);
    } else {
      flow.status = status;
    }
  }
  respondJson(response, visible(flow));
}

/** `POST /__simulate/flow-event`: what Meta tells of a flow. */
export function postFlowEvent(call: ControlCall): void {
  const { world, response } = call;
  const body = bodyOf(call);
  if (body === undefined) {
    return;
  }
  const fields = new Fields(body);
  const id = fields.text('flow_id') ?? '';
  const event = fields.text('event') ?? 'FLOW_STATUS_CHANGE';
  const value = fields.object('value') ?? {};
  const time = fields.seconds('time');
  const duplicate = fields.whole('duplicate', 0, 0, MAX_TIMES);
  const isUnchanged = fields.flag('unchanged') ?? false;
  const flow = world.flows.find(id);
  if (flow === undefined) {
    fields.problem('flow_id is unknown');
  }
  const faults = fields.faults();
  if (faults.length > 0 || flow === undefined) {
    refuse(response, faults);
    return;
  }
  const facts = { event, message: `${event} of ${flow.name}`, ...value };
  if (event === 'FLOW_STATUS_CHANGE' && typeof value.new_status === 'string' && !isUnchanged) {
    flow.status = value.new_status;
  }
  for (let copy = 0; copy <= duplicate; copy += 1) {
    reportFlow(world, flow, facts, time);
  }
  respondJson(response, visible(flow));
}

/**
 * `POST /__simulate/flow-completion`: people complete flows. One, or several as `completions`; each by the wamid of the message that
 * opened it, or by who they are and the token they bring.
 */
export function postFlowCompletion(call: ControlCall): void {
  const { world, response } = call;
  const body = bodyOf(call);
  if (body === undefined) {
    return;
  }
  const { completions, times, shuffle, per_post, ...single } = body;
  const fields = new Fields({ times, shuffle, per_post });
  const copies = fields.whole('times', 1, 1, MAX_TIMES);
  const isShuffled = fields.flag('shuffle') ?? false;
  const perPost = fields.whole('per_post', 1, 1, MAX_TIMES);
  const given = completions === undefined ? [single] : completions;
  if (!Array.isArray(given) || !given.every(isJson)) {
    refuse(response, ['completions must be a list of objects']);
    return;
  }
  const read = given.map((one) => readCompletion(world, one));
  const faults = [...fields.faults(), ...read.flatMap((one) => ('faults' in one ? one.faults : []))];
  if (faults.length > 0) {
    refuse(response, [...new Set(faults)]);
    return;
  }
  const made = read.flatMap((one) => ('faults' in one ? [] : [one.make()]));
  const posts = made.flatMap(({ number, change }) => Array.from({ length: copies }, () => ({ number, change })));
  const inOrder = isShuffled ? world.random.shuffle(posts) : posts;
  for (const group of grouped(inOrder, perPost)) {
    post(world, group.number, group.changes, { duplicate: 0, perPost });
  }
  respondJson(response, { wamids: made.map(({ wamid }) => wamid) });
}

interface Made {
  number: NonNullable<World['registry']['firstNumber']>;
  change: string;
  wamid: string;
}

/** Neighbours of one number share a post. */
function grouped(made: readonly Omit<Made, 'wamid'>[], size: number): { number: Made['number']; changes: string[] }[] {
  const groups: { number: Made['number']; changes: string[] }[] = [];
  for (const { number, change } of made) {
    const last = groups.at(-1);
    if (last !== undefined && last.number === number && last.changes.length < size) {
      last.changes.push(change);
    } else {
      groups.push({ number, changes: [change] });
    }
  }
  return groups;
}

function readCompletion(world: World, given: Json): { faults: string[] } | { make: () => Made } {
  const unknown = Object.keys(given).filter((key) => !KEYS.includes(key));
  const { wamid, response = {}, response_json, phone_number_id, timestamp, ...rest } = given;
  const send = typeof wamid === 'string' ? world.flows.sendOf(wamid) : undefined;
  if (wamid !== undefined && send === undefined) {
    return { faults: [`no flow was sent with ${String(wamid)}`, ...unknown.map((key) => `unknown key ${key}`)] };
  }
  const id = send?.numberId ?? phone_number_id;
  const number = id === undefined ? world.registry.firstNumber : world.registry.number(String(id), '');
  const fields = new Fields({
    type: 'nfm_reply',
    ...(send === undefined
      ? {}
      : {
          ...(send.waId === '' ? { user_id: send.userId } : { from: send.waId }),
          flow_token: send.flowToken,
          reply_to: wamid,
        }),
    ...rest,
    ...(timestamp === undefined ? {} : { timestamp }),
    ...(response_json === undefined ? { response } : { nfm_reply: { response_json } }),
  });
  const request = readInbound(fields);
  const faults = [...unknown.map((key) => `unknown key ${key}`), ...fields.faults()];
  if (faults.length > 0 || number === undefined || 'value' in request) {
    return { faults: faults.length > 0 ? faults : ['no number is known yet: give phone_number_id'] };
  }
  return {
    make: () => {
      const items = inboundItems(world, number, request);
      const change = changeJson(number, 'messages', messagesValue(items, 'messages'));
      return { number, change, wamid: items[0]?.sent.wamid ?? '' };
    },
  };
}

function visible(flow: StoredFlow): Json {
  return {
    id: flow.id,
    name: flow.name,
    status: flow.status,
    categories: flow.categories,
    endpoint_uri: flow.endpointUri,
    json: flow.json,
    validation_errors: flow.validationErrors,
  };
}

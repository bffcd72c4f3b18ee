import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { respond, respondJson } from '../graph/respond.js';
import { displayNumber, type BusinessNumber, type NumberChanges } from '../state/registry.js';
import { now } from '../state/clock.js';
import { mergeConfig, visibleConfig } from '../state/config.js';
import { Random } from '../state/random.js';
import { isJson, type Json } from '../validation/check.js';
import { inboundProblems, sendInbound } from '../webhooks/inbound.js';
import { InboundProblem } from '../webhooks/inbound-content.js';
import { wireJson } from '../webhooks/wire.js';
import type { World } from '../world.js';
import { ledgerMessages, ledgerSummary } from './ledger-api.js';
import { page } from './page.js';
import { allTemplates, putTemplate } from './templates-control.js';

/** One call of the control plane. */
interface ControlCall {
  readonly world: World;
  readonly response: ServerResponse;
  readonly bytes: Buffer;
  readonly query: URLSearchParams;
  /** The last part of the path where it names something. */
  readonly name: string;
}

type Handler = (call: ControlCall) => void | Promise<void>;

const ROUTES: Record<string, Handler> = {
  'GET config': ({ world, response }) => respondJson(response, visibleConfig(world.config)),
  'PUT config': putConfig,
  'POST inbound': postInbound,
  'POST webhook': postWebhook,
  'POST verify': postVerify,
  'GET ledger': ({ world, response }) => respondJson(response, ledgerSummary(world)),
  'GET ledger/messages': ({ world, response, query }) => ledgerMessages(world, response, query),
  'DELETE ledger': ({ world, response }) => {
    world.clearLedger();
    respondJson(response, { success: true });
  },
  'GET templates': ({ world, response }) => respondJson(response, allTemplates(world)),
  'PUT templates/*': putTemplates,
  'GET numbers': ({ world, response }) =>
    respondJson(response, { numbers: [...world.registry.numbers.values()].map(numberFacts) }),
  'PUT numbers/*': putNumber,
};

const NUMBER_KEYS = [
  'waba_id',
  'display_phone_number',
  'country_code',
  'verified_name',
  'quality_rating',
  'status',
  'messages_per_second',
];

/** Answers `/` and `/__simulate/…`. No token is asked for: the simulator belongs on a loopback address. */
export async function routeControl(
  world: World,
  response: ServerResponse,
  method: string,
  bytes: Buffer,
  path: string,
  search: string,
): Promise<void> {
  if (path === '/') {
    respond(response, 200, page(world), 'text/plain; charset=utf-8');
    return;
  }
  const [, , group = '', name = ''] = path.split('/');
  const exact = `${method} ${group}${name === '' ? '' : `/${name}`}`;
  const handler = ROUTES[exact] ?? ROUTES[`${method} ${group}/*`];
  if (handler === undefined || (name === '' && exact !== `${method} ${group}`)) {
    refuse(response, [`no such control call: ${method} ${path}`], 404);
    return;
  }
  await handler({ world, response, bytes, query: new URLSearchParams(search), name: decodeURIComponent(name) });
}

function putConfig({ world, response, bytes }: ControlCall): void {
  const body = bodyOf(bytes, response);
  if (body === undefined) {
    return;
  }
  const problems = mergeConfig(world.config, body);
  if (problems.length > 0) {
    refuse(response, problems);
    return;
  }
  if (body.seed !== undefined) {
    world.random = new Random(world.config.seed);
  }
  if (isJson(body.faults) && body.faults.error_windows !== undefined) {
    world.windowsSetAt = now();
  }
  world.delivery.pump();
  respondJson(response, visibleConfig(world.config));
}

function postInbound({ world, response, bytes }: ControlCall): void {
  const body = bodyOf(bytes, response);
  if (body === undefined) {
    return;
  }
  const problems = inboundProblems(body);
  const id = body.phone_number_id;
  const number = typeof id === 'string' ? world.registry.number(id, '') : world.registry.firstNumber;
  if (number === undefined) {
    problems.push(id === undefined ? 'no number is known yet: give phone_number_id' : 'phone_number_id is unknown');
  }
  if (world.config.callback_url === '') {
    problems.push('callback_url is not set: PUT /__simulate/config {"callback_url":"http://…"}');
  }
  if (problems.length > 0 || number === undefined) {
    refuse(response, problems);
    return;
  }
  try {
    const messages = sendInbound(world, number, body);
    respondJson(response, { wamid: messages[0]?.wamid, phone_number_id: number.id, messages });
  } catch (error) {
    if (!(error instanceof InboundProblem)) {
      throw error;
    }
    refuse(response, [error.message]);
  }
}

async function postWebhook({ world, response, bytes, query }: ControlCall): Promise<void> {
  const body = bodyOf(bytes, response);
  if (body === undefined) {
    return;
  }
  const isRaw = body.object !== undefined;
  if (!isRaw && (typeof body.field !== 'string' || !isJson(body.value))) {
    refuse(response, ['give a raw webhook body, or "field" and "value"']);
    return;
  }
  const signed = query.get('signature') ?? 'good';
  if (signed !== 'good' && signed !== 'bad' && signed !== 'none') {
    refuse(response, ['signature must be good, bad or none']);
    return;
  }
  await relay(world, response, () => world.delivery.postNow(wireJson(isRaw ? body : enveloped(world, body)), signed));
}

function enveloped(world: World, { field, value, waba_id }: Json): Json {
  const id = typeof waba_id === 'string' ? waba_id : (world.registry.firstNumber?.wabaId ?? '0');
  // Meta: `time` is absent for message-like fields.
  const isAccountField = typeof field === 'string' && !['messages', 'user_preferences', 'calls'].includes(field);
  const time = isAccountField ? { time: Math.floor(now() / 1000) } : {};
  return { object: 'whatsapp_business_account', entry: [{ id, ...time, changes: [{ value, field }] }] };
}

async function postVerify({ world, response, bytes }: ControlCall): Promise<void> {
  const body = bodyOf(bytes, response);
  if (body === undefined) {
    return;
  }
  if (typeof body.verify_token !== 'string') {
    refuse(response, ['verify_token must be a string']);
    return;
  }
  const challenge = randomBytes(8).toString('hex');
  const token = body.verify_token;
  await relay(world, response, async () => {
    const answer = await world.delivery.verify(token, challenge);
    return { ...answer, verified: answer.status === 200 && answer.body === challenge };
  });
}

async function relay(world: World, response: ServerResponse, call: () => Promise<object>): Promise<void> {
  if (world.config.callback_url === '') {
    refuse(response, ['callback_url is not set']);
    return;
  }
  try {
    respondJson(response, await call());
  } catch (error) {
    refuse(response, [`the receiver did not answer: ${String(error)}`], 502);
  }
}

function putTemplates({ world, response, bytes, name }: ControlCall): void {
  const body = bodyOf(bytes, response);
  if (body === undefined) {
    return;
  }
  const { problems, templates } = putTemplate(world, name, body);
  if (problems.length > 0) {
    refuse(response, problems);
    return;
  }
  respondJson(response, { templates });
}

function putNumber({ world, response, bytes, name }: ControlCall): void {
  const body = bodyOf(bytes, response);
  if (body === undefined) {
    return;
  }
  const problems = Object.keys(body)
    .filter((key) => !NUMBER_KEYS.includes(key))
    .map((key) => `unknown key ${key}`);
  const { messages_per_second: perSecond, ...changes } = body;
  const wrong = Object.keys(changes).filter((key) => typeof changes[key] !== 'string');
  problems.push(...wrong.map((key) => `${key} must be a string`));
  if (problems.length === 0 && perSecond !== undefined) {
    problems.push(...mergeConfig(world.config, { numbers: { [name]: { messages_per_second: perSecond } } }));
  }
  if (!/^\d{1,20}$/.test(name)) {
    problems.push('the phone number id must be digits');
  }
  if (problems.length > 0) {
    refuse(response, problems);
    return;
  }
  respondJson(response, numberFacts(world.registry.setNumber(name, changes as NumberChanges)));
}

function numberFacts(number: BusinessNumber): Json {
  return {
    id: number.id,
    waba_id: number.wabaId,
    display_phone_number: displayNumber(number),
    country_code: number.countryCode,
    verified_name: number.verifiedName,
    quality_rating: number.qualityRating,
    status: number.status,
  };
}

/** The JSON object of a call; an empty body counts as `{}`. Undefined after it was refused. */
function bodyOf(bytes: Buffer, response: ServerResponse): Json | undefined {
  if (bytes.length === 0) {
    return {};
  }
  try {
    const body: unknown = JSON.parse(bytes.toString('utf8'));
    if (isJson(body)) {
      return body;
    }
  } catch {
    // Told to the caller below, like any other body that is no object.
  }
  refuse(response, ['the body must be a JSON object']);
  return undefined;
}

function refuse(response: ServerResponse, problems: string[], status = 400): void {
  respondJson(response, { error: problems.join('; '), problems }, status);
}

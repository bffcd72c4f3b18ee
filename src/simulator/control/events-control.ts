import { randomBytes } from 'node:crypto';
import { Fields } from '../fields.js';
import { respondJson } from '../graph/respond.js';
import { now } from '../state/clock.js';
import type { BusinessNumber } from '../state/registry.js';
import { isJson, type Json } from '../validation/check.js';
import { readAccountEvent, sendAccountEvent } from '../webhooks/account-event.js';
import { readEcho, sendEchoes } from '../webhooks/echo.js';
import { readHistory, sendHistory } from '../webhooks/history.js';
import { readInbound, sendInbound } from '../webhooks/inbound.js';
import { readPreference, sendPreference } from '../webhooks/preference.js';
import { readSignup, sendSignup } from '../webhooks/signup.js';
import { readStandby, sendStandby } from '../webhooks/standby.js';
import { readStateSync, sendStateSync } from '../webhooks/state-sync.js';
import { wireJson } from '../webhooks/wire.js';
import type { World } from '../world.js';
import { bodyOf, refuse, type ControlCall, type ControlHandler } from './call.js';

/** Meta: `time` is absent from the entries of message-like fields. */
const WITHOUT_TIME =
  /^(messages|user_preferences|calls|history|standby|messaging_handovers|automatic_events|smb_|group_)/;

/** Reads a call, sends what it asks for from or to one number, and answers what was sent. */
function event<T>(
  read: (fields: Fields) => T,
  send: (world: World, number: BusinessNumber, request: T) => Json,
): ControlHandler {
  return (call) => {
    const { world, response } = call;
    const body = bodyOf(call);
    if (body === undefined) {
      return;
    }
    const fields = new Fields(body);
    const number = numberOf(world, fields);
    const request = read(fields);
    if (world.config.callback_url === '') {
      fields.problem('callback_url is not set: PUT /__simulate/config {"callback_url":"http://…"}');
    }
    const faults = fields.faults();
    if (faults.length > 0 || number === undefined) {
      refuse(response, faults);
      return;
    }
    respondJson(response, { ...send(world, number, request), phone_number_id: number.id });
  };
}

/** The number of a call: the named one, else the first that is known. */
function numberOf(world: World, fields: Fields): BusinessNumber | undefined {
  const id = fields.text('phone_number_id');
  const number = id === undefined ? world.registry.firstNumber : world.registry.number(id, '');
  if (number === undefined) {
    fields.problem(id === undefined ? 'no number is known yet: give phone_number_id' : 'phone_number_id is unknown');
  }
  return number;
}

export const postInbound = event(readInbound, (world, number, request) => {
  const messages = sendInbound(world, number, request);
  return { wamid: messages[0]?.wamid, messages };
});

export const postEcho = event(readEcho, (world, number, request) => {
  const messages = sendEchoes(world, number, request);
  return { wamid: messages[0]?.wamid, messages };
});

export const postHistory = event(readHistory, (world, number, request) => ({ ...sendHistory(world, number, request) }));

export const postStandby = event(readStandby, (world, number, request) => {
  const wamids = sendStandby(world, number, request);
  return { wamid: wamids[0], wamids };
});

export const postPreference = event(readPreference, (world, number, request) => {
  sendPreference(world, number, request);
  return { success: true };
});

export const postSignup = event(readSignup, sendSignup);

export const postStateSync = event(readStateSync, (world, number, request) => {
  sendStateSync(world, number, request);
  return { success: true };
});

export const postAccountEvent = event(readAccountEvent, (world, number, request) => {
  sendAccountEvent(world, number, request);
  return { success: true };
});

/** Relays any webhook. The messages in it count as written from then on. */
export async function postWebhook(call: ControlCall): Promise<void> {
  const { world, response, query } = call;
  const body = bodyOf(call);
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
  const webhook = isRaw ? body : enveloped(world, body);
  rememberMessages(world, webhook);
  await relay(world, call, () => world.delivery.postNow(wireJson(webhook), signed));
}

/** Meta's handshake when a callback URL is set. */
export async function postVerify(call: ControlCall): Promise<void> {
  const { world, response } = call;
  const body = bodyOf(call);
  if (body === undefined) {
    return;
  }
  if (typeof body.verify_token !== 'string') {
    refuse(response, ['verify_token must be a string']);
    return;
  }
  const challenge = randomBytes(8).toString('hex');
  const token = body.verify_token;
  await relay(world, call, async () => {
    const answer = await world.delivery.verify(token, challenge);
    return { ...answer, verified: answer.status === 200 && answer.body === challenge };
  });
}

function enveloped(world: World, { field, value, waba_id }: Json): Json {
  const id = typeof waba_id === 'string' ? waba_id : (world.registry.firstNumber?.wabaId ?? '0');
  const time = WITHOUT_TIME.test(String(field)) ? {} : { time: Math.floor(now() / 1000) };
  return { object: 'whatsapp_business_account', entry: [{ id, ...time, changes: [{ value, field }] }] };
}

function rememberMessages(world: World, webhook: Json): void {
  const values = objectsIn(webhook.entry)
    .flatMap((entry) => objectsIn(entry.changes))
    .map((change) => change.value)
    .filter(isJson);
  for (const value of values) {
    for (const [key, isFromCustomer] of [
      ['messages', true],
      ['message_echoes', false],
    ] as const) {
      for (const message of objectsIn(value[key])) {
        world.messages.remember(String(message.id), {
          isFromCustomer,
          numberId: isJson(value.metadata) ? String(value.metadata.phone_number_id ?? '') : '',
          waId: String(message.from ?? ''),
          userId: String(message.from_user_id ?? ''),
          type: String(message.type),
          media: undefined,
        });
      }
    }
  }
}

function objectsIn(value: unknown): Json[] {
  return Array.isArray(value) ? value.filter(isJson) : [];
}

async function relay(world: World, { response }: ControlCall, call: () => Promise<object>): Promise<void> {
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

import { isUserId, Users } from '../state/users.js';
import type { BusinessNumber } from '../state/registry.js';
import { isJson, type Json } from '../validation/check.js';
import type { World } from '../world.js';
import { inboundContent } from './inbound-content.js';
import { wireJson } from './wire.js';

/** What `POST /__simulate/inbound` takes. */
export const INBOUND_KEYS = [
  'from',
  'user_id',
  'name',
  'username',
  'text',
  'type',
  'phone_number_id',
  'message',
  'count',
  'senders',
  'reply_to',
  'caption',
  'filename',
  'mime_type',
  'media_base64',
  'location',
  'contacts',
  'reaction',
  'button',
  'button_reply',
  'list_reply',
  'nfm_reply',
] as const;

/** One message sent to the receiver. */
export interface SentInbound {
  wamid: string;
  from: string;
  user_id: string;
}

const DEFAULT_FROM = '919876500001';
const MAX_COUNT = 100_000;
const PER_POST = 25;

/** What is wrong with a request for inbound messages; empty when nothing is. */
export function inboundProblems(body: Json): string[] {
  const unknown = Object.keys(body).filter((key) => !(INBOUND_KEYS as readonly string[]).includes(key));
  const problems = unknown.map((key) => `unknown key ${key}`);
  if (body.from !== undefined && (typeof body.from !== 'string' || !/^\+?[1-9]\d{6,14}$/.test(body.from))) {
    problems.push('from must be an international phone number');
  }
  if (body.user_id !== undefined && (typeof body.user_id !== 'string' || !isUserId(body.user_id))) {
    problems.push('user_id must look like IN.1234567890');
  }
  for (const key of ['name', 'username', 'text', 'type', 'phone_number_id', 'reply_to', 'caption', 'media_base64']) {
    if (body[key] !== undefined && typeof body[key] !== 'string') {
      problems.push(`${key} must be a string`);
    }
  }
  for (const key of ['count', 'senders']) {
    const value = body[key] ?? 1;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > MAX_COUNT) {
      problems.push(`${key} must be a whole number from 1 to ${MAX_COUNT}`);
    }
  }
  if (body.message !== undefined && !isJson(body.message)) {
    problems.push('message must be a raw message object');
  }
  return problems;
}

/** Sends messages from customers to a number. The body has no problems. */
export function sendInbound(world: World, number: BusinessNumber, body: Json): SentInbound[] {
  const count = (body.count as number | undefined) ?? 1;
  const senders = (body.senders as number | undefined) ?? 1;
  const sent: SentInbound[] = [];
  let changes: string[] = [];
  for (let index = 0; index < count; index++) {
    const sender = senderOf(world, body, index % senders);
    const { change, wamid } = changeOf(world, number, body, sender);
    changes.push(change);
    sent.push({ wamid, from: sender.waId, user_id: sender.userId });
    if (changes.length === PER_POST || index === count - 1) {
      enqueue(world, number, changes);
      changes = [];
    }
  }
  return sent;
}

function senderOf(world: World, body: Json, offset: number): { waId: string; userId: string; name: string } {
  const isHidden = body.from === undefined && body.user_id !== undefined;
  const first = ((body.from as string | undefined) ?? DEFAULT_FROM).replace(/\D/g, '');
  const waId = isHidden ? '' : String(BigInt(first) + BigInt(offset));
  const known = world.users.byWaId(waId);
  const given = offset === 0 ? (body.user_id as string | undefined) : undefined;
  const derived = world.config.webhooks.user_ids && waId !== '' ? Users.derivedUserId(waId) : '';
  const userId = given ?? known?.userId ?? derived;
  const user = {
    waId,
    userId,
    name: (body.name as string | undefined) ?? known?.name ?? `Customer ${(waId || userId).slice(-4)}`,
    username: (body.username as string | undefined) ?? known?.username ?? '',
  };
  world.users.meet(user);
  return user;
}

function changeOf(
  world: World,
  number: BusinessNumber,
  body: Json,
  { waId, userId, name }: { waId: string; userId: string; name: string },
): { change: string; wamid: string } {
  const wamid = world.wamids.inbound(world.inboundCount++, waId === '' ? userId : waId);
  world.users.wrote(number.id, waId === '' ? userId : waId);
  const username = (body.username as string | undefined) ?? '';
  const contact = {
    profile: { name, ...(username === '' ? {} : { username }) },
    ...(waId === '' ? {} : { wa_id: waId }),
    ...(userId === '' ? {} : { user_id: userId }),
  };
  const raw = isJson(body.message) ? body.message : undefined;
  const message = {
    ...(typeof body.reply_to === 'string' && body.type !== 'reaction'
      ? { context: { from: number.digits, id: body.reply_to } }
      : {}),
    ...(waId === '' ? {} : { from: waId }),
    ...(userId === '' ? {} : { from_user_id: userId }),
    id: wamid,
    timestamp: String(Math.floor(Date.now() / 1000)),
    ...(raw ?? inboundContent(world, number, body)),
  };
  const value = {
    messaging_product: 'whatsapp',
    metadata: { display_phone_number: number.digits, phone_number_id: number.id },
    contacts: [contact],
    messages: [message],
  };
  const shownId = typeof raw?.id === 'string' ? raw.id : wamid;
  return { change: wireJson({ value, field: 'messages' }), wamid: shownId };
}

function enqueue(world: World, number: BusinessNumber, changes: string[]): void {
  const body = `{"object":"whatsapp_business_account","entry":[{"id":"${number.wabaId}","changes":[${changes.join(',')}]}]}`;
  world.delivery.enqueue({
    updates: changes.length,
    attempts: 0,
    body: () => body,
    acknowledged: () => undefined,
  });
}

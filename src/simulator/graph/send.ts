import type { IncomingMessage, ServerResponse } from 'node:http';
import { magicOf, type Magic } from '../magic-numbers.js';
import { now } from '../state/clock.js';
import { hash53 } from '../state/hash.js';
import { isAccepted, type NewRow, type Outcome, type PRICING } from '../state/ledger.js';
import type { BusinessNumber } from '../state/registry.js';
import { isJson, type Json } from '../validation/check.js';
import { checkMessage, isMessageType, refuseUserIdFor, type CheckedMessage } from '../validation/message.js';
import type { World } from '../world.js';
import { addresseeOf, groupAddressee, type Addressee } from './addressee.js';
import { answerSend } from './answer-send.js';
import { isBlocked } from './blocking-rules.js';
import { delayed } from './delayed.js';
import { flowTokenOf, refuseFlow } from './flow-sends.js';
import { drawOutcome, outcomeOfSpecial, refuseInErrorWindow } from './faults.js';
import { badParam, GraphError, unknownObject } from './graph-error.js';
import { markAsRead } from './read-receipt.js';
import { asGraphError, respondError } from './respond.js';
import { failCodeOf, refuseTooManyToOne, type Arrival } from './send-rules.js';

/** `POST /{PHONE_NUMBER_ID}/messages` and `/marketing_messages`. The hot path: everything here is synchronous. */
export function handleSend(
  world: World,
  request: IncomingMessage,
  response: ServerResponse,
  phoneNumberId: string,
  token: string,
  bytes: Buffer,
  isMarketingApi: boolean,
): void {
  const number = world.registry.number(phoneNumberId, token);
  if (number === undefined) {
    throw unknownObject('POST', phoneNumberId);
  }
  const body = parse(bytes);
  if (body.status !== undefined && body.type === undefined) {
    markAsRead(world, number, response, body);
    return;
  }
  const arrival = { at: now(), number, isMarketingApi };
  noteArrival(arrival);
  try {
    send(world, request, response, arrival, body);
  } catch (error) {
    const refusal = asGraphError(error);
    noteRefusal(world, arrival, body, refusal.code);
    delayed(world, () => respondError(response, refusal));
  }
}

function parse(bytes: Buffer): Json {
  let body: unknown;
  try {
    body = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw badParam('The request body is not valid JSON.');
  }
  if (!isJson(body)) {
    throw badParam('The request body must be a JSON object.');
  }
  return body;
}

function send(world: World, request: IncomingMessage, response: ServerResponse, arrival: Arrival, body: Json): void {
  const { number } = arrival;
  refuseInErrorWindow(world);
  refuseAboveRate(world, arrival);
  if (number.status !== 'CONNECTED') {
    throw new GraphError(133010);
  }
  if (number.refusesWith !== 0) {
    throw new GraphError(number.refusesWith);
  }
  const isGroup = body.recipient_type === 'group';
  const addressee = isGroup ? groupAddressee(body.to) : addresseeOf(body, number, world);
  const message = checkMessage(body, contextFor(world, number));
  if (arrival.isMarketingApi && message.template?.template.category !== 'MARKETING') {
    throw new GraphError(message.template === undefined ? 131055 : 134100);
  }
  if (addressee.waId === '') {
    refuseUserIdFor(message.template);
  }
  if (isBlocked(world, number, addressee)) {
    throw new GraphError(130403);
  }
  const magic = magicOf(addressee.waId);
  if (magic?.kind === 'refuse') {
    throw new GraphError(magic.code);
  }
  refuseTooManyToOne(world, arrival, addressee, message);
  refuseFlow(world, number, body);
  const special = magic?.kind === 'special' ? magic.name : undefined;
  const outcome = special === undefined ? drawOutcome(world) : outcomeOfSpecial(special);
  const code = failCodeOf(world, number, addressee, message, body, magic);
  const sequence = world.ledger.add(rowOf(arrival, addressee, message, body, outcome, code));
  if (isAccepted(outcome)) {
    accept(world, arrival, sequence, message, body, { outcome, code, special });
    const flowToken = flowTokenOf(body);
    if (flowToken !== undefined) {
      const { waId, userId } = addressee;
      const wamid = world.wamids.outbound(sequence, waId === '' ? userId : waId);
      world.flows.remember(wamid, { numberId: number.id, waId, userId, flowToken });
    }
  }
  answerSend(world, request, response, {
    outcome,
    sequence,
    addressee,
    messageStatus: messageStatusOf(arrival, message, magic),
    isGroup,
  });
}

/** Meta: above the number's throughput 130429, and the message is not accepted. */
function refuseAboveRate(world: World, { number, at }: Arrival): void {
  const { config } = world;
  const limit = config.numbers[number.id]?.messages_per_second ?? config.messages_per_second;
  if (number.accepted.countAt(at) >= limit) {
    throw new GraphError(130429, undefined, { http: config.rate_limit_http });
  }
}

function contextFor(world: World, number: BusinessNumber): Parameters<typeof checkMessage>[1] {
  const { templates, media, config, catalogs } = world;
  return {
    findTemplate: (name, language) =>
      templates.find(number.wabaId, name, language) ??
      (number.isLinked ? undefined : templates.findAnywhere(name, language)),
    media: {
      find: (id) => media.find(id),
      isChecked: config.check_media_ids,
      unknownIdCode: config.media.unknown_id_code,
    },
    products: {
      has: (catalogId, retailerId) => {
        const known = catalogs
          .all()
          .filter(({ id, wabaId }) => (catalogId === null ? wabaId === number.wabaId : id === catalogId));
        return known.length === 0 ? undefined : known.some(({ products }) => products.has(retailerId));
      },
    },
  };
}

function accept(
  world: World,
  { number, at }: Arrival,
  sequence: number,
  message: CheckedMessage,
  body: Json,
  { outcome, code, special }: { outcome: Outcome; code: number; special: Parameters<typeof outcomeOfSpecial>[0] },
): void {
  number.accepted.add(at);
  number.counts.accepted++;
  if (outcome === 'swallowed_silent') {
    return;
  }
  const isVoice = message.type === 'audio' && isJson(body.audio) && body.audio.voice === true;
  const isReaction = message.type === 'reaction';
  world.statuses.schedule({ sequence, failCode: code, special, isReaction, isVoice });
}

function rowOf(
  { at, number }: Arrival,
  { waId, userId }: Addressee,
  message: CheckedMessage,
  body: Json,
  outcome: Outcome,
  code: number,
): NewRow {
  const category = (message.template?.template.category ?? 'service').toLowerCase();
  return {
    arrivedAt: at,
    number: number.index,
    waId,
    userId,
    type: message.type,
    template: message.template?.template.name ?? '',
    pricing: category as (typeof PRICING)[number],
    callbackData: message.callbackData,
    outcome,
    code,
    content: message.template?.contentHash ?? hash53(JSON.stringify(body[message.type])),
  };
}

/** Meta: only templates under pacing and marketing messages carry a `message_status`; here every template does. */
function messageStatusOf({ isMarketingApi }: Arrival, message: CheckedMessage, magic: Magic | undefined): string {
  if (message.template === undefined && !isMarketingApi) {
    return '';
  }
  return magic?.kind === 'special' && magic.name === 'held' ? 'held_for_quality_assessment' : 'accepted';
}

function noteArrival({ number, at }: Arrival): void {
  const { counts } = number;
  number.arrivals.add(at);
  counts.total++;
  counts.firstArrival = counts.firstArrival === 0 ? at : counts.firstArrival;
  counts.lastArrival = at;
}

function noteRefusal(world: World, { number, at }: Arrival, body: Json, code: number): void {
  number.counts.refused++;
  const { to, recipient, type, biz_opaque_callback_data: data } = body;
  const digits = typeof to === 'string' ? to.replace(/\D/g, '').slice(0, 15) : '';
  world.ledger.add({
    arrivedAt: at,
    number: number.index,
    waId: digits,
    userId: typeof recipient === 'string' ? recipient.slice(0, 60) : '',
    type: isMessageType(type) ? type : '',
    template: '',
    pricing: 'service',
    callbackData: typeof data === 'string' ? data.slice(0, 512) : '',
    outcome: 'refused',
    code,
    content: 0,
  });
}

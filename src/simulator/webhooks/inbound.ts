import { errorOf, webhookError } from '../error-codes.js';
import type { Fields } from '../fields.js';
import type { BusinessNumber } from '../state/registry.js';
import type { Json } from '../validation/check.js';
import type { World } from '../world.js';
import { changeJson, post, readPosting, type Posting } from './envelope.js';
import { INBOUND_TYPES, readBareValue, readContent } from './inbound-content.js';
import { readContext, type MakeContext } from './inbound-context.js';
import type { MakeContent } from './occasion.js';
import { contactOf, partyOf } from './person-json.js';
import { meet, readWho, type Who } from './who.js';

/** Messages from customers as they are to be sent. */
export interface InboundRequest {
  readonly who: Who;
  readonly count: number;
  readonly senders: number;
  readonly timestamp: number | undefined;
  readonly wamid: string | undefined;
  readonly isShuffled: boolean;
  readonly isTogether: boolean;
  readonly posting: Posting;
  /** Codes of errors that stand beside the messages. */
  readonly errorCodes: readonly number[];
  readonly content: MakeContent;
  readonly context: MakeContext;
}

/** A webhook about the number and no message of it. */
export interface BareRequest {
  readonly value: Json;
  readonly count: number;
  readonly posting: Posting;
}

/** One message sent to the receiver. */
export interface SentMessage {
  wamid: string;
  from: string;
  user_id: string;
  timestamp: number;
  media?: Json;
}

/** One message of a webhook, with the entry of `contacts` that goes with it. */
export interface MessageItem {
  readonly message: Json;
  readonly contact: Json | undefined;
  readonly sent: SentMessage;
}

const MAX_COUNT = 100_000;
const BARE_TYPES = ['errors', 'user_actions'];
const CHANGES_PERSON = ['user_changed_number', 'user_changed_user_id', 'system'];

/** Reads a call of `POST /__simulate/inbound`. What is wrong is noted in the fields. */
export function readInbound(fields: Fields): InboundRequest | BareRequest {
  const type = String(fields.value('type') ?? 'text');
  const posting = readPosting(fields);
  const count = fields.whole('count', 1, 1, MAX_COUNT);
  const who = readWho(fields);
  if (BARE_TYPES.includes(type)) {
    return { value: readBareValue(fields, type), count, posting };
  }
  const wamid = fields.text('wamid');
  if (count > 1 && (wamid !== undefined || CHANGES_PERSON.includes(type))) {
    fields.problem(wamid === undefined ? `type ${type} goes with a count of 1` : 'wamid goes with a count of 1');
  }
  return {
    who,
    count,
    senders: fields.whole('senders', 1, 1, MAX_COUNT),
    timestamp: fields.seconds('timestamp'),
    wamid,
    isShuffled: fields.flag('shuffle') ?? false,
    isTogether: fields.flag('together') ?? false,
    errorCodes: readErrorCodes(fields),
    posting,
    content: readContent(fields, INBOUND_TYPES),
    context: readContext(fields),
  };
}

/** Sends what was read without a fault, and answers what was sent, in the order it was written. */
export function sendInbound(
  world: World,
  number: BusinessNumber,
  request: InboundRequest | BareRequest,
): SentMessage[] {
  if ('value' in request) {
    const change = changeJson(number, 'messages', request.value);
    post(world, number, new Array<string>(request.count).fill(change), request.posting);
    return [];
  }
  const items = inboundItems(world, number, request);
  const sent = items.map((item) => item.sent);
  const inOrder = request.isShuffled ? world.random.shuffle(items) : items;
  const groups = request.isTogether ? inGroups(inOrder, request.posting.perPost) : inOrder.map((item) => [item]);
  const errors = request.errorCodes.map((code) => webhookError({ ...errorOf(code), code }));
  const changes = groups.map((group) =>
    changeJson(number, 'messages', {
      ...messagesValue(group, 'messages'),
      ...(errors.length === 0 ? {} : { errors }),
    }),
  );
  // Messages of one change are one change of one post.
  const perPost = request.isTogether ? 1 : request.posting.perPost;
  post(world, number, changes, { ...request.posting, perPost });
  return sent;
}

function readErrorCodes(fields: Fields): number[] {
  const given = fields.value('value_errors') ?? [];
  if (!Array.isArray(given) || !given.every(Number.isInteger)) {
    fields.problem('value_errors must be a list of codes');
    return [];
  }
  return given as number[];
}

/** Makes the messages of a request; nothing leaves yet. */
export function inboundItems(world: World, number: BusinessNumber, request: InboundRequest): MessageItem[] {
  const { count, senders, isShuffled } = request;
  const now = Math.floor(Date.now() / 1000);
  const start = request.timestamp ?? (isShuffled ? now - count + 1 : now);
  const step = request.timestamp !== undefined || isShuffled ? 1 : 0;
  return Array.from({ length: count }, (_, index) =>
    inboundItem(world, number, request, index, index % senders, start + index * step),
  );
}

/** `value` with several messages. Meta: contacts are a list of their own, in no order that one could rely on. */
export function messagesValue(items: readonly MessageItem[], key: 'messages' | 'message_echoes'): Json {
  const contacts = new Map(
    items.flatMap(({ contact }) => (contact === undefined ? [] : [[JSON.stringify(contact), contact]])),
  );
  return {
    ...(contacts.size === 0 ? {} : { contacts: [...contacts.values()].reverse() }),
    [key]: items.map(({ message }) => message),
  };
}

export function inGroups<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}

function inboundItem(
  world: World,
  number: BusinessNumber,
  request: InboundRequest,
  index: number,
  offset: number,
  timestamp: number,
): MessageItem {
  const { person, shown } = meet(world, number, request.who, offset);
  const occasion = { world, number, person, shown, index };
  const made = world.inboundId(shown.waId || shown.userId);
  world.inboundCount++;
  const { message: content, media, withoutContacts, isOfSystem } = request.content(occasion);
  const message: Json = {
    ...request.context(occasion),
    ...partyOf(shown, 'from'),
    id: request.wamid ?? made,
    timestamp: String(timestamp),
    ...content,
  };
  const wamid = String(message.id);
  if (isOfSystem !== true && message.group_id === undefined) {
    world.people.wrote(number.id, person);
  }
  const { waId } = person;
  const userId = world.people.userIdOf(person, number.portfolioId);
  const type = String(message.type);
  world.messages.remember(wamid, { isFromCustomer: true, numberId: number.id, waId: shown.waId, userId, type, media });
  return {
    message,
    contact: withoutContacts === true ? undefined : contactOf(shown),
    sent: {
      wamid,
      from: waId,
      user_id: shown.userId,
      timestamp,
      ...(media === undefined ? {} : { media: mediaAnswer(world, media) }),
    },
  };
}

function mediaAnswer(world: World, media: NonNullable<ReturnType<MakeContent>['media']>): Json {
  return {
    id: media.id,
    mime_type: media.mime,
    size: media.bytes.length,
    sha256: media.sha256.toString('base64'),
    url: world.media.url(media, world.ownUrl),
  };
}

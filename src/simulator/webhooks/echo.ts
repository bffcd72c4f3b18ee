import type { Fields } from '../fields.js';
import type { BusinessNumber } from '../state/registry.js';
import type { World } from '../world.js';
import { changeJson, post, readPosting, type Posting } from './envelope.js';
import { messagesValue, type MessageItem, type SentMessage } from './inbound.js';
import { ECHO_TYPES, readContent } from './inbound-content.js';
import { readContext, type MakeContext } from './inbound-context.js';
import type { MakeContent } from './occasion.js';
import { addresseeContactOf, partyOf } from './person-json.js';
import { meet, readWho, type Who } from './who.js';

/** What the business wrote in its app. */
export interface EchoRequest {
  readonly who: Who;
  readonly count: number;
  readonly timestamp: number | undefined;
  readonly wamid: string | undefined;
  readonly posting: Posting;
  readonly content: MakeContent;
  readonly context: MakeContext;
}

const MAX_COUNT = 10_000;

/** Reads a call of `POST /__simulate/echo`. */
export function readEcho(fields: Fields): EchoRequest {
  const wamid = fields.text('wamid');
  const count = fields.whole('count', 1, 1, MAX_COUNT);
  if (count > 1 && wamid !== undefined) {
    fields.problem('wamid goes with a count of 1');
  }
  return {
    who: readWho(fields, 'to'),
    count,
    timestamp: fields.seconds('timestamp'),
    wamid,
    posting: readPosting(fields),
    content: readContent(fields, ECHO_TYPES),
    context: readContext(fields),
  };
}

export function sendEchoes(world: World, number: BusinessNumber, request: EchoRequest): SentMessage[] {
  const items = echoItems(world, number, request);
  const changes = items.map((item) =>
    changeJson(number, 'smb_message_echoes', messagesValue([item], 'message_echoes')),
  );
  post(world, number, changes, request.posting);
  return items.map(({ sent }) => sent);
}

/** Makes the echoes; nothing leaves yet. Meta: README §C.9. */
export function echoItems(world: World, number: BusinessNumber, request: EchoRequest): MessageItem[] {
  const start = request.timestamp ?? Math.floor(Date.now() / 1000);
  return Array.from({ length: request.count }, (_, index) => {
    const { person, shown } = meet(world, number, request.who);
    const occasion = { world, number, person, shown, index };
    const { message: content, media } = request.content(occasion);
    const message = {
      ...request.context(occasion),
      from: number.digits,
      ...partyOf(shown, 'to'),
      id: request.wamid ?? world.echoId(shown.waId || shown.userId),
      timestamp: String(start + (request.timestamp === undefined ? 0 : index)),
      ...content,
    };
    const wamid = message.id;
    world.messages.remember(wamid, {
      isFromCustomer: false,
      numberId: number.id,
      waId: shown.waId,
      userId: shown.userId,
      type: String(content.type),
      media,
    });
    return {
      message,
      contact: shown.userId === '' ? undefined : addresseeContactOf(shown),
      sent: { wamid, from: person.waId, user_id: shown.userId, timestamp: Number(message.timestamp) },
    };
  });
}

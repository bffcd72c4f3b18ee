import { Fields } from '../fields.js';
import type { Person, ShownPerson } from '../state/people.js';
import type { BusinessNumber } from '../state/registry.js';
import type { Json } from '../validation/check.js';
import type { World } from '../world.js';
import { changeJson, post, readPosting, type Posting } from './envelope.js';
import { addresseeContactOf, partyOf } from './person-json.js';
import { sampleBytes } from './sample-bytes.js';
import { meet, readWho, type Who } from './who.js';

interface ThreadRequest {
  readonly who: Who;
  /** Above the phone of `who`. */
  readonly offset: number;
  /** Raw messages; made up when undefined. */
  readonly messages: Json[] | undefined;
}

/** What was written before the number was connected. */
export interface HistoryRequest {
  readonly isDeclined: boolean;
  readonly threads: ThreadRequest[];
  readonly messagesPerThread: number;
  readonly chunks: number;
  readonly isInOrder: boolean;
  readonly media: number;
  readonly mediaAfterMs: number;
  /** Unix seconds of the newest message. */
  readonly until: number;
  readonly posting: Posting;
}

/** The ids in a history. */
export interface SentHistory {
  threads: { from: string; user_id: string; messages: string[] }[];
  /** The messages whose media follow. */
  media: string[];
}

interface Thread {
  readonly person: Person;
  readonly shown: ShownPerson;
  readonly messages: Json[];
}

const MAX_THREADS = 10_000;
const MAX_MESSAGES = 10_000;
const MINUTE_S = 60;
const OWN_STATUSES = ['READ', 'DELIVERED', 'SENT', 'PLAYED'];
const SAID = ['Is the green tea in stock?', 'Yes, 40 bags of it.', 'Two, please.', 'They are on their way.'];

/** Reads a call of `POST /__simulate/history`. */
export function readHistory(fields: Fields): HistoryRequest {
  const isDeclined = fields.flag('declined') ?? false;
  const given = fields.value('threads');
  const threads = Array.isArray(given) ? readThreads(fields) : madeUpThreads(fields);
  return {
    isDeclined,
    threads: isDeclined ? [] : threads,
    messagesPerThread: fields.whole('messages_per_thread', 4, 1, MAX_MESSAGES),
    chunks: fields.whole('chunks', 1, 1, MAX_THREADS),
    isInOrder: fields.flag('in_order') ?? false,
    media: fields.whole('media', 0, 0, MAX_MESSAGES),
    mediaAfterMs: fields.whole('media_after_ms', 200, 0, 600_000),
    until: fields.seconds('until') ?? Math.floor(Date.now() / 1000) - 60 * MINUTE_S,
    posting: readPosting(fields),
  };
}

/** Sends a history. Meta: chunks in any order, thousands of messages in one, media afterwards in webhooks of their own. */
export function sendHistory(world: World, number: BusinessNumber, request: HistoryRequest): SentHistory {
  if (request.isDeclined) {
    post(world, number, [changeJson(number, 'history', { history: [{ errors: [DECLINED] }] })], request.posting);
    return { threads: [], media: [] };
  }
  const threads = request.threads.map((thread, index) => threadOf(world, number, request, thread, index));
  const media = withPlaceholders(threads, request.media);
  const chunks = chunksOf(threads, request.chunks);
  const changes = chunks.map((part, index) => {
    const metadata = {
      phase: Math.floor((index * 3) / chunks.length),
      chunk_order: index + 1,
      progress: Math.round(((index + 1) * 100) / chunks.length),
    };
    return changeJson(number, 'history', { history: [{ metadata, threads: part }] });
  });
  post(world, number, request.isInOrder ? changes : changes.reverse(), { ...request.posting, perPost: 1 });
  if (media.length > 0) {
    world.later(request.mediaAfterMs, () => {
      const follow = media.map(({ thread, message }) => mediaChange(world, number, thread, message));
      post(world, number, follow, { ...request.posting, perPost: 1 });
    });
  }
  return {
    threads: threads.map(({ person, shown, messages }) => ({
      from: person.waId,
      user_id: shown.userId,
      messages: messages.map(({ id }) => String(id)),
    })),
    media: media.map(({ message }) => String(message.id)),
  };
}

const DECLINED: Json = {
  code: 2593109,
  title: 'History sync is turned off by the business from the WhatsApp Business App',
  message: 'History sync is turned off by the business from the WhatsApp Business App',
  error_data: { details: 'History sharing is turned off by the business' },
};

function madeUpThreads(fields: Fields): ThreadRequest[] {
  const who = readWho(fields);
  const count = fields.whole('threads', 1, 1, MAX_THREADS);
  return Array.from({ length: count }, (_, offset) => ({ who, offset, messages: undefined }));
}

function readThreads(fields: Fields): ThreadRequest[] {
  return (fields.objects('threads') ?? []).map((thread) => {
    const own = new Fields(thread);
    const read = { who: readWho(own), offset: 0, messages: own.objects('messages') };
    own.faults().forEach((fault) => fields.problem(`threads: ${fault}`));
    return read;
  });
}

function threadOf(
  world: World,
  number: BusinessNumber,
  request: HistoryRequest,
  { who, offset, messages }: ThreadRequest,
  index: number,
): Thread {
  const { person, shown } = meet(world, number, who, offset);
  const count = messages?.length ?? request.messagesPerThread;
  const start = request.until - (request.threads.length - index) - count * MINUTE_S;
  const written = Array.from({ length: count }, (_, position): Json => {
    const isOwn = position % 2 === 1;
    const status = isOwn ? OWN_STATUSES[(position >> 1) % OWN_STATUSES.length] : 'READ';
    const party = shown.waId || shown.userId;
    const message: Json = {
      ...(isOwn ? { from: number.digits, ...(shown.waId === '' ? {} : { to: shown.waId }) } : partyOf(shown, 'from')),
      id: isOwn ? world.echoId(party) : world.inboundId(party),
      timestamp: String(start + (position + 1) * MINUTE_S),
      type: 'text',
      ...(messages?.[position] ?? { text: { body: SAID[position % SAID.length] } }),
      history_context: { status },
      ...(messages?.[position]?.history_context === undefined
        ? {}
        : { history_context: messages[position]?.history_context }),
    };
    world.messages.remember(String(message.id), {
      isFromCustomer: message.from !== number.digits,
      numberId: number.id,
      waId: shown.waId,
      userId: shown.userId,
      type: String(message.type),
      media: undefined,
    });
    return message;
  });
  return { person, shown, messages: written };
}

/** Turns the first so many messages, over all threads, into placeholders of media. */
function withPlaceholders(threads: Thread[], count: number): { thread: Thread; message: Json }[] {
  const all = threads.flatMap((thread) => thread.messages.map((message) => ({ thread, message })));
  const chosen = all.slice(0, count);
  for (const { message } of chosen) {
    message.type = 'media_placeholder';
    delete message.text;
  }
  return chosen;
}

/** Cuts the threads into chunks; a thread may go on in the next. */
function chunksOf(threads: Thread[], count: number): Json[][] {
  const all = threads.flatMap((thread) => thread.messages.map((message) => ({ thread, message })));
  const size = Math.max(1, Math.ceil(all.length / count));
  const parts = Array.from({ length: Math.ceil(all.length / size) }, (_, index) =>
    all.slice(index * size, (index + 1) * size),
  );
  return parts.map((part) =>
    [...new Set(part.map(({ thread }) => thread))].map((thread) => ({
      ...threadNames(thread.shown),
      messages: part.filter((each) => each.thread === thread).map(({ message }) => message),
    })),
  );
}

/** Meta: since user ids exist, `context` names the person; `id` is the phone and missing with it. */
function threadNames(shown: ShownPerson): Json {
  const { waId, userId, parentUserId, username } = shown;
  const context = {
    ...(waId === '' ? {} : { wa_id: waId }),
    ...(userId === '' ? {} : { user_id: userId }),
    ...(parentUserId === '' ? {} : { parent_user_id: parentUserId }),
    ...(username === '' ? {} : { username }),
  };
  return { ...(waId === '' ? {} : { id: waId }), ...(userId === '' ? {} : { context }) };
}

/** Meta: a customer's file comes in `messages`, one of the business in `message_echoes`. Here the hash is hexadecimal. */
function mediaChange(world: World, number: BusinessNumber, { shown }: Thread, placeholder: Json): string {
  const mime = 'image/jpeg';
  const media = world.media.add(number.id, mime, sampleBytes(mime, 2000, world.inboundCount), 'webhook');
  const isOwn = placeholder.from === number.digits;
  const message = {
    ...(isOwn ? { from: number.digits, ...partyOf(shown, 'to') } : partyOf(shown, 'from')),
    id: placeholder.id,
    timestamp: placeholder.timestamp,
    type: 'image',
    image: { mime_type: mime, sha256: world.media.announcedSha256(media).toString('hex'), id: media.id },
  };
  return changeJson(number, 'history', {
    ...(shown.userId === '' ? {} : { contacts: [addresseeContactOf(shown)] }),
    [isOwn ? 'message_echoes' : 'messages']: [message],
  });
}

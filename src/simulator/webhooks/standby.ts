import type { Fields } from '../fields.js';
import type { BusinessNumber } from '../state/registry.js';
import type { Json } from '../validation/check.js';
import type { World } from '../world.js';
import { echoItems, readEcho, type EchoRequest } from './echo.js';
import { changeJson, post, readPosting, type Posting } from './envelope.js';
import { inboundItems, messagesValue, readInbound, type BareRequest, type InboundRequest } from './inbound.js';
import { partyOf } from './person-json.js';
import { meet, readWho, type Who } from './who.js';

interface StatusRequest {
  readonly who: Who;
  readonly wamid: string;
  readonly status: string;
  readonly timestamp: number;
  readonly posting: Posting;
}

/** The read-only copy of what happens in a thread that another app owns. */
export type StandbyRequest =
  | { readonly kind: 'message'; readonly request: InboundRequest }
  | { readonly kind: 'echo'; readonly request: EchoRequest }
  | { readonly kind: 'status'; readonly request: StatusRequest };

const KINDS = ['message', 'echo', 'status'] as const;

/** Reads a call of `POST /__simulate/standby`. */
export function readStandby(fields: Fields): StandbyRequest {
  const kind = fields.word('kind', KINDS, 'message');
  switch (kind) {
    case 'message':
      return { kind, request: onlyMessages(fields, readInbound(fields)) };
    case 'echo':
      return { kind, request: readEcho(fields) };
    case 'status':
      return { kind, request: readStatus(fields) };
  }
}

/** Sends the copy; answers the ids in it. */
export function sendStandby(world: World, number: BusinessNumber, { kind, request }: StandbyRequest): string[] {
  if (kind === 'status') {
    const { shown } = meet(world, number, request.who);
    const recipient = partyOf(shown, 'to');
    const status = {
      id: request.wamid,
      status: request.status,
      timestamp: String(request.timestamp),
      ...(recipient.to === undefined ? {} : { recipient_id: recipient.to }),
      ...(shown.userId === '' ? {} : { recipient_user_id: shown.userId }),
    };
    postStandby(world, number, [{ statuses: [status] }], request.posting);
    return [request.wamid];
  }
  const items = kind === 'message' ? inboundItems(world, number, request) : echoItems(world, number, request);
  const key = kind === 'message' ? 'messages' : 'message_echoes';
  postStandby(
    world,
    number,
    items.map((item) => messagesValue([item], key)),
    request.posting,
  );
  return items.map(({ sent }) => sent.wamid);
}

function postStandby(world: World, number: BusinessNumber, copies: Json[], posting: Posting): void {
  const changes = copies.map((standby) => changeJson(number, 'standby', { standby }));
  post(world, number, changes, posting);
}

function onlyMessages(fields: Fields, request: InboundRequest | BareRequest): InboundRequest {
  if ('value' in request) {
    fields.problem('standby shows messages only');
  }
  return request as InboundRequest;
}

function readStatus(fields: Fields): StatusRequest {
  const wamid = fields.text('wamid');
  if (wamid === undefined) {
    fields.problem('wamid is missing');
  }
  return {
    who: readWho(fields),
    wamid: wamid ?? '',
    status: fields.text('status') ?? 'delivered',
    timestamp: fields.seconds('timestamp') ?? Math.floor(Date.now() / 1000),
    posting: readPosting(fields),
  };
}

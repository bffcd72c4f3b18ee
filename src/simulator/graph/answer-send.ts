import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Outcome } from '../state/ledger.js';
import type { World } from '../world.js';
import type { Addressee } from './addressee.js';
import { GraphError } from './graph-error.js';
import { respond, respondError } from './respond.js';

/** What the answer to a send depends on. */
export interface SendResult {
  outcome: Outcome;
  sequence: number;
  addressee: Addressee;
  messageStatus: string;
  isGroup: boolean;
}

const BAD_GATEWAY =
  '<!DOCTYPE html><html><head><title>Error</title></head><body><h1>502 Bad Gateway</h1><p>Sorry, something went wrong.</p></body></html>';
/** With the hostile order half of the answers come after the first status. */
const HOSTILE_ANSWER_DELAY_MS = 150;

/** Answers a send as its outcome demands; some outcomes are the absence of an answer. */
export function answerSend(world: World, request: IncomingMessage, response: ServerResponse, result: SendResult): void {
  switch (result.outcome) {
    case 'swallowed':
    case 'swallowed_silent':
      request.socket.destroy();
      return;
    case 'reset':
      request.socket.resetAndDestroy();
      return;
    case 'unanswered':
    case 'accepted_unanswered':
      world.later(world.config.faults.hang_ms, () => request.socket.destroy());
      return;
    default:
      writeInTime(world, response, result);
  }
}

function writeInTime(world: World, response: ServerResponse, result: SendResult): void {
  const latency = latencyOf(world, result.outcome);
  if (latency === 0) {
    write(world, response, result);
    return;
  }
  world.later(latency, () => write(world, response, result));
}

function latencyOf(world: World, outcome: Outcome): number {
  const { latency_ms, latency_jitter_ms, faults, webhooks } = world.config;
  const jitter = latency_jitter_ms === 0 ? 0 : world.random.next() * latency_jitter_ms;
  const isLate = webhooks.order === 'hostile' && world.random.chance(0.5);
  const extra = outcome === 'accepted_hang' ? faults.hang_ms : 0;
  return Math.round(latency_ms + jitter + extra + (isLate ? HOSTILE_ANSWER_DELAY_MS : 0));
}

function write(world: World, response: ServerResponse, result: SendResult): void {
  switch (result.outcome) {
    case 'http_500':
      respondError(response, new GraphError(131000));
      return;
    case 'http_500_empty':
      respond(response, 500, '', 'text/html');
      return;
    case 'http_502':
    case 'accepted_502':
      respond(response, 502, BAD_GATEWAY, 'text/html; charset=utf-8');
      return;
    case 'accepted_garbage':
      respond(response, 200, 'for (;;);{"__ar":1,"payload":', 'text/javascript');
      return;
    default:
      respond(response, 200, successBody(world, result));
  }
}

/** Meta: wa_id is absent when only a user id was used, user_id when only a phone was. */
function successBody(world: World, { sequence, addressee, messageStatus, isGroup }: SendResult): string {
  const { input, waId, userId } = addressee;
  const id = world.wamids.outbound(sequence, waId === '' ? userId : waId);
  const contact = isGroup
    ? ''
    : `"input":${JSON.stringify(input)}` +
      (waId === '' ? '' : `,"wa_id":"${waId}"`) +
      (userId === '' ? '' : `,"user_id":"${userId}"`);
  const extras =
    (messageStatus === '' ? '' : `,"message_status":"${messageStatus}"`) +
    (isGroup ? `,"group_id":${JSON.stringify(input)}` : '');
  const contacts = isGroup ? `[{"input":${JSON.stringify(input)},"wa_id":${JSON.stringify(input)}}]` : `[{${contact}}]`;
  return `{"messaging_product":"whatsapp","contacts":${contacts},"messages":[{"id":"${id}"${extras}}]}`;
}

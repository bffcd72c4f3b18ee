import type { ServerResponse } from 'node:http';
import { once } from 'node:events';
import { isAccepted, OUTCOMES, STATUS_NAMES, type Ledger, type Outcome } from '../state/ledger.js';
import type { BusinessNumber } from '../state/registry.js';
import type { World } from '../world.js';
import { respondJson } from '../graph/respond.js';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 10_000;
const ROWS_PER_WRITE = 1000;

/** `GET /__simulate/ledger`. */
export function ledgerSummary(world: World): Record<string, unknown> {
  const { ledger, registry, delivery, statuses } = world;
  const total = (wanted: (outcome: Outcome) => boolean): number =>
    [...ledger.outcomes].reduce((sum, [outcome, count]) => sum + (wanted(outcome) ? count : 0), 0);
  const swallowed = (ledger.outcomes.get('swallowed') ?? 0) + (ledger.outcomes.get('swallowed_silent') ?? 0);
  return {
    rows: ledger.end - ledger.first,
    accepted: total(isAccepted),
    refused: ledger.outcomes.get('refused') ?? 0,
    refused_by_code: Object.fromEntries(ledger.refusedByCode),
    swallowed,
    outcomes: Object.fromEntries(ledger.outcomes),
    recipients_messaged: ledger.recipients.distinct,
    recipients_messaged_more_than_once: ledger.recipients.repeated,
    recipients_messaged_twice: ledger.repeats.repeated,
    marked_read: world.markedRead,
    inbound: world.inboundCount,
    numbers: Object.fromEntries([...registry.numbers.values()].map((number) => [number.id, numberSummary(number)])),
    webhooks: { waiting: statuses.waiting, ...delivery.counters },
  };
}

function numberSummary({ counts, arrivals, wabaId }: BusinessNumber): Record<string, unknown> {
  const { accepted, refused, total, firstArrival, lastArrival } = counts;
  const seconds = (lastArrival - firstArrival) / 1000;
  return {
    waba_id: wabaId,
    total,
    accepted,
    refused,
    first_arrival_ms: firstArrival,
    last_arrival_ms: lastArrival,
    highest_in_any_second: arrivals.highest,
    average_per_second: seconds > 0 ? Math.round((total / seconds) * 100) / 100 : total,
  };
}

/** `GET /__simulate/ledger/messages`: one page, or everything as NDJSON. */
export async function ledgerMessages(world: World, response: ServerResponse, query: URLSearchParams): Promise<void> {
  const { ledger } = world;
  const to = query.get('to')?.replace(/^\+/, '') ?? '';
  const outcome = query.get('outcome') ?? '';
  const start = Math.max(ledger.first, Number(query.get('cursor') ?? ledger.first) || 0);
  const wanted = (sequence: number): boolean => isWanted(ledger, sequence, to, outcome);
  if (query.get('format') === 'ndjson') {
    await streamRows(world, response, start, wanted);
    return;
  }
  const limit = Math.min(MAX_LIMIT, Math.max(1, Number(query.get('limit') ?? DEFAULT_LIMIT) || DEFAULT_LIMIT));
  const messages: unknown[] = [];
  let sequence = start;
  for (; sequence < ledger.end && messages.length < limit; sequence++) {
    if (wanted(sequence)) {
      messages.push(rowAt(world, sequence));
    }
  }
  respondJson(response, { messages, next_cursor: sequence < ledger.end ? sequence : null });
}

async function streamRows(
  world: World,
  response: ServerResponse,
  start: number,
  wanted: (sequence: number) => boolean,
): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  let lines: string[] = [];
  for (let sequence = start; sequence < world.ledger.end; sequence++) {
    if (wanted(sequence)) {
      lines.push(JSON.stringify(rowAt(world, sequence)));
    }
    if (lines.length === ROWS_PER_WRITE) {
      const hasRoom = response.write(`${lines.join('\n')}\n`);
      lines = [];
      if (response.destroyed) {
        return;
      }
      if (!hasRoom) {
        await Promise.race([once(response, 'drain'), once(response, 'close')]);
      }
    }
  }
  response.end(lines.length === 0 ? '' : `${lines.join('\n')}\n`);
}

function isWanted(ledger: Ledger, sequence: number, to: string, outcome: string): boolean {
  const found = ledger.find(sequence);
  if (found === undefined) {
    return false;
  }
  const [chunk, row] = found;
  const isRecipient = to === '' || String(chunk.to[row]) === to || chunk.userId(row) === to;
  const name = OUTCOMES[chunk.outcome[row] as number] ?? 'refused';
  const isOutcome = outcome === '' || name === outcome || (outcome === 'any_accepted' && isAccepted(name));
  return isRecipient && isOutcome;
}

function rowAt(world: World, sequence: number): Record<string, unknown> {
  const [chunk, row] = world.ledger.find(sequence) as NonNullable<ReturnType<Ledger['find']>>;
  const outcome = OUTCOMES[chunk.outcome[row] as number] ?? 'refused';
  const waId = String(chunk.to[row] || '');
  const userId = chunk.userId(row);
  const template = world.ledger.templateName(chunk.template[row] as number);
  const code = chunk.code[row] as number;
  const callbackData = chunk.callbackData(row);
  return {
    sequence,
    wamid: isAccepted(outcome) ? world.wamids.outbound(sequence, waId === '' ? userId : waId) : null,
    to: waId === '' ? null : waId,
    user_id: userId === '' ? null : userId,
    phone_number_id: world.registry.at(chunk.number[row] as number).id,
    type: world.ledger.typeName(chunk.type[row] as number),
    template: template === '' ? null : template,
    arrived_at: Math.round((chunk.arrivedAt[row] as number) * 1000) / 1000,
    biz_opaque_callback_data: callbackData === '' ? null : callbackData,
    outcome,
    code: outcome === 'refused' || code > 0 ? code : null,
    statuses_acknowledged: STATUS_NAMES.filter((_, bit) => ((chunk.statuses[row] as number) & (1 << bit)) !== 0),
  };
}

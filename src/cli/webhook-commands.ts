import type { INestApplicationContext } from '@nestjs/common';
import { sleep } from '../common/sleep.js';
import { Config } from '../config/config.js';
import {
  toReplayResultDto,
  toWebhookLogDetailDto,
  toWebhookLogDto,
  type WebhookLogDto,
} from '../webhook/webhook-log.dto.js';
import { WebhookLogsService, type WebhookLogQuery } from '../webhook/webhook-logs.service.js';
import { WebhookReplaysService, type Replayed } from '../webhook/webhook-replays.service.js';
import type { Command, Option, Output, Values } from './command.js';
import { OPERATOR, UsageError, withApp } from './context.js';
import { countOf, Progress } from './screen.js';
import { factsOf, tableOf, type Column } from './table.js';
import { ACCOUNT, accountOf, idOf, pagesOf, wholeNumber } from './values.js';

/** Between two looks at how far it is, in ms. */
const LOOK_EVERY_MS = 500;
const DEFAULT_ROWS = 50;
const MAX_ROWS = 10_000;
/** As shells say that Ctrl-C ended something. */
const INTERRUPTED = 130;

const COLUMNS: Column<WebhookLogDto>[] = [
  { title: 'id', of: (log) => log.id, align: 'right' },
  { title: 'received', of: (log) => log.received_at },
  { title: 'fields', of: (log) => log.fields.join(', ') },
  { title: 'accounts', of: (log) => log.account_ids.join(', ') },
  { title: 'processed', of: (log) => log.processed },
  { title: 'tries', of: (log) => log.attempts, align: 'right' },
  { title: 'next try', of: (log) => log.next_attempt_at },
  { title: 'error', of: (log) => log.error },
];

const FILTER: Record<string, Option> = {
  from: { type: 'string', describes: 'received at or after, as 2026-11-21T09:30:00Z' },
  to: { type: 'string', describes: 'received before' },
  field: { type: 'string', describes: 'a field of Meta’s, such as messages' },
  account: ACCOUNT,
  errors: { type: 'boolean', describes: 'only those with an error' },
  unprocessed: { type: 'boolean', describes: 'only those that had no effect; with --errors: dead letters' },
};

const FILTER_USAGE = '[--from TIME] [--to TIME] [--field NAME] [--account ID] [--errors] [--unprocessed]';

/** What Meta posted, and having it again. */
export const WEBHOOK_COMMANDS: Record<string, Command> = {
  'webhooks list': {
    usage: `webhooks list ${FILTER_USAGE} [--limit N]`,
    summary: 'what Meta posted, the newest first',
    options: { ...FILTER, limit: { type: 'string', describes: `rows, ${DEFAULT_ROWS} unless told` } },
    run: (values) => {
      const atMost = wholeNumber(values, 'limit', 1, MAX_ROWS) ?? DEFAULT_ROWS;
      return withApp(async (app) => {
        const query = await filterOf(app, values);
        const rows = await pagesOf((page) => app.get(WebhookLogsService).list(OPERATOR, { ...query, ...page }), atMost);
        const logs = rows.map(toWebhookLogDto);
        return {
          text: logs.length > 0 ? tableOf(logs, COLUMNS) : 'There is no such webhook.',
          json: { webhook_logs: logs },
        };
      });
    },
  },
  'webhooks show': {
    usage: 'webhooks show ID',
    summary: 'one webhook with its payload, without secrets',
    options: {},
    positionals: 1,
    run: (_values, [id]) => {
      const logId = idOf(id, 'ID');
      return withApp(async (app) => {
        const { redactsText } = app.get(Config).webhook;
        const log = toWebhookLogDetailDto(await app.get(WebhookLogsService).get(OPERATOR, logId), redactsText);
        const facts = factsOf({
          id: log.id,
          received: log.received_at,
          fields: log.fields.join(', '),
          accounts: log.account_ids.join(', '),
          processed: log.processed_at ?? log.processed,
          tries: log.attempts,
          'next try': log.next_attempt_at,
          error: log.error,
        });
        return { text: `${facts}\n\n${JSON.stringify(log.payload, null, 2)}`, json: log };
      });
    },
  },
  'webhooks replay': {
    usage: `webhooks replay [--id ID] ${FILTER_USAGE} [--error TEXT] [--dry-run] [--no-wait]`,
    summary: 'process webhooks again, which is safe any number of times, and follow it to the end',
    options: {
      id: { type: 'string', describes: 'one webhook' },
      ...FILTER,
      error: { type: 'string', describes: 'stands in the error, such as "no account"' },
      'dry-run': { type: 'boolean', describes: 'only say which it would be' },
      'no-wait': { type: 'boolean', describes: 'do not follow it' },
    },
    run: (values) => {
      const ids = values.id === undefined ? undefined : [idOf(String(values.id), '--id')];
      if (!ids && ['from', 'to', 'field', 'account', 'errors', 'unprocessed', 'error'].every((name) => !values[name])) {
        throw new UsageError('Say which: --id, --from, --to, --field, --account, --errors, --unprocessed or --error.');
      }
      return withApp(async (app) => {
        const error = values.error === undefined ? undefined : String(values.error);
        const query = { ...(await filterOf(app, values)), ids, error };
        const isDryRun = values['dry-run'] === true;
        const replayed = await app.get(WebhookReplaysService).replay(OPERATOR, query, isDryRun);
        const isFollowed = replayed.replayId !== null && values['no-wait'] !== true;
        return isFollowed ? follow(app, replayed, replayed.replayId as number) : outputOf(replayed, isDryRun);
      });
    },
  },
};

async function filterOf(app: INestApplicationContext, values: Values): Promise<WebhookLogQuery> {
  return {
    from: timeOf(values, 'from'),
    to: timeOf(values, 'to'),
    field: values.field === undefined ? undefined : String(values.field),
    accountId: values.account === undefined ? undefined : (await accountOf(app, values)).id,
    hasError: values.errors === true ? true : undefined,
    processed: values.unprocessed === true ? false : undefined,
  };
}

function timeOf(values: Values, name: string): string | undefined {
  const text = values[name];
  if (text === undefined) {
    return undefined;
  }
  const time = new Date(String(text));
  if (Number.isNaN(time.getTime())) {
    throw new UsageError(`--${name} must be a time, such as 2026-11-21T09:30:00Z or 2026-11-21.`);
  }
  return time.toISOString();
}

/** Ctrl-C ends the watching; a worker goes on with the replay. */
async function follow(app: INestApplicationContext, replayed: Replayed, replayId: number): Promise<Output> {
  const interruption = new AbortController();
  const interrupt = (): void => interruption.abort();
  process.once('SIGINT', interrupt);
  const progress = new Progress('Replaying');
  try {
    for (;;) {
      const { queued_count: queued, waiting_count: waiting } = await app
        .get(WebhookReplaysService)
        .get(OPERATOR, replayId);
      progress.show(queued - waiting, queued);
      if (waiting === 0) {
        return outputOf(replayed, false, 'They were processed again.');
      }
      if (interruption.signal.aborted) {
        const left = `${countOf(waiting)} still wait; a worker goes on with them.`;
        return { ...outputOf(replayed, false, left), exitCode: INTERRUPTED };
      }
      await sleep(LOOK_EVERY_MS, interruption.signal);
    }
  } finally {
    progress.end();
    process.off('SIGINT', interrupt);
  }
}

function outputOf(replayed: Replayed, isDryRun: boolean, outcome?: string): Output {
  const json = toReplayResultDto(replayed, isDryRun);
  const { count, has_more: hasMore, oldest, newest } = json;
  const fields = Object.entries(json.fields).map(([field, bodies]) => `${field} ${countOf(bodies)}`);
  const what =
    count === 0
      ? 'No webhook is meant by that.'
      : `${countOf(count)} webhooks from ${oldest} to ${newest}${fields.length > 0 ? ` (${fields.join(', ')})` : ''}.`;
  const lines = [
    what,
    ...(hasMore ? ['There are more than one replay takes: run it again for the rest.'] : []),
    ...(isDryRun && count > 0 ? ['Nothing was done: leave out --dry-run to replay them.'] : []),
    ...(outcome ? [outcome] : []),
  ];
  return { text: lines.join('\n'), json };
}

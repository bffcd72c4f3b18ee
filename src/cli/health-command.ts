import type { INestApplicationContext } from '@nestjs/common';
import pg from 'pg';
import { AccountsService } from '../accounts/accounts.service.js';
import { sleep } from '../common/sleep.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { MIGRATIONS } from '../database/migrations.js';
import { RedisHealth } from '../queues/redis-health.js';
import type { Command } from './command.js';
import { connectOnce, withApp } from './context.js';
import { databaseProblem } from './problem.js';
import { countOf, durationOf } from './screen.js';
import { factsOf, tableOf } from './table.js';

/** Webhooks wait a second at most while a worker keeps up. */
const MAX_WEBHOOK_AGE_S = 60;
const REDIS_PATIENCE_MS = 2_000;

interface AccountState {
  account_id: number;
  name: string;
  credentials: string;
  credentials_error: string | null;
  number_status: string | null;
  quality_rating: string | null;
  standing: string;
  webhook_signature_configured: boolean;
}

/** Work that waits, and what waits for a person. */
interface Backlog {
  webhooks_waiting: number;
  oldest_webhook_s: number | null;
  /** Tried five times without success. */
  webhooks_given_up: number;
  sends_unknown: number;
  campaigns_running: number;
  /** By Parley or Meta, not by a person. */
  campaigns_paused: number;
  media_waiting: number;
}

const BACKLOG = `
select
  (select count(*) from webhook_logs where not processed and next_attempt_at < 'infinity') as webhooks_waiting,
  (select extract(epoch from now() - min(received_at))::int from webhook_logs
   where not processed and next_attempt_at < 'infinity') as oldest_webhook_s,
  (select count(*) from webhook_logs where not processed and next_attempt_at = 'infinity') as webhooks_given_up,
  (select coalesce(sum(unknown_count), 0)::bigint from campaigns where status in ('running', 'paused')) as sends_unknown,
  (select count(*) from campaigns where status = 'running') as campaigns_running,
  (select count(*) from campaigns where status = 'paused' and coalesce(status_reason->>'code', '') <> 'paused_by_user')
    as campaigns_paused,
  (select count(*) from media where state = 'pending' and next_attempt_at is not null) as media_waiting`;

interface Health {
  status: 'ok' | 'trouble';
  database: 'up' | 'down' | 'migrations_missing';
  migrations_missing: string[];
  redis: 'up' | 'down' | null;
  accounts: AccountState[];
  backlog: Backlog | null;
  /** What a person should look at, in words. */
  problems: string[];
}

/** Whether everything that Parley needs is there, and what waits. */
export const HEALTH_COMMANDS: Record<string, Command> = {
  health: {
    usage: 'health',
    summary:
      'database, migrations, Redis, what Meta says of each account, work that waits; exit code 1 when there is trouble',
    options: {},
    run: async () => {
      const health = await examine();
      return { text: wordsOf(health), json: health, exitCode: health.status === 'ok' ? 0 : 1 };
    },
  },
};

async function examine(): Promise<Health> {
  const { databaseUrl } = Config.fromEnvironment();
  const nothing = { status: 'trouble', migrations_missing: [], redis: null, accounts: [], backlog: null } as const;
  try {
    await connectOnce(databaseUrl);
  } catch (error) {
    return {
      ...nothing,
      accounts: [],
      migrations_missing: [],
      database: 'down',
      problems: [databaseProblem(error) ?? 'The database does not answer.'],
    };
  }
  const missing = await missingMigrations(databaseUrl);
  if (missing.length > 0) {
    const problems = [`${missing.length} migrations are missing: run "migrate".`];
    return { ...nothing, accounts: [], database: 'migrations_missing', migrations_missing: missing, problems };
  }
  return withApp(async (app) => {
    const [redis, accounts, [backlog]] = await Promise.all([
      redisOf(app),
      statesOf(app),
      app.get(Database).query<Backlog>(BACKLOG),
    ]);
    const problems = [...problemsOf(accounts), ...(backlog ? backlogProblems(backlog) : [])];
    if (redis === 'down') {
      problems.push('Redis does not answer: work goes on from PostgreSQL, about a second later.');
    }
    return {
      status: problems.length === 0 ? 'ok' : 'trouble',
      database: 'up',
      migrations_missing: [],
      redis,
      accounts,
      backlog: backlog ?? null,
      problems,
    };
  });
}

async function missingMigrations(url: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const there = await client.query<{ there: boolean }>(`select to_regclass('migrations') is not null as there`);
    const applied = there.rows[0]?.there
      ? (await client.query<{ name: string }>('select name from migrations')).rows.map((row) => row.name)
      : [];
    return MIGRATIONS.map((migration) => migration.name).filter((name) => !applied.includes(name));
  } finally {
    await client.end();
  }
}

/** The connection is made in the background: a process that just began has none yet. */
async function redisOf(app: INestApplicationContext): Promise<'up' | 'down'> {
  for (let waited = 0; waited < REDIS_PATIENCE_MS; waited += 50) {
    if ((await app.get(RedisHealth).ping()) === 'up') {
      return 'up';
    }
    await sleep(50);
  }
  return 'down';
}

async function statesOf(app: INestApplicationContext): Promise<AccountState[]> {
  const accounts = app.get(AccountsService);
  const active = (await accounts.freshSnapshot()).filter((account) => account.isActive);
  return Promise.all(
    active.map(async ({ id, name }) => {
      const health = await accounts.health(id, null);
      return {
        account_id: id,
        name,
        credentials: health.credentials,
        credentials_error: health.error,
        number_status: health.number?.status ?? null,
        quality_rating: health.number?.quality_rating ?? null,
        standing: health.record.standing,
        webhook_signature_configured: health.signatureConfigured,
      };
    }),
  );
}

function problemsOf(accounts: readonly AccountState[]): string[] {
  return accounts.flatMap((account) => {
    const who = `Account ${account.account_id} (${account.name})`;
    return [
      ...(account.credentials === 'ok'
        ? []
        : [
            `${who}: credentials ${account.credentials}${account.credentials_error ? `: ${account.credentials_error}` : ''}.`,
          ]),
      ...(account.standing === 'ok' ? [] : [`${who} is ${account.standing} by Meta.`]),
      ...(account.webhook_signature_configured
        ? []
        : [`${who} has no app secret: its webhooks are refused. Set WHATSAPP_APP_SECRET or the account's app_secret.`]),
    ];
  });
}

function backlogProblems(backlog: Backlog): string[] {
  const age = backlog.oldest_webhook_s;
  return [
    ...(age !== null && age > MAX_WEBHOOK_AGE_S ? [`Webhooks wait for ${durationOf(age)}: does a worker run?`] : []),
    ...(backlog.webhooks_given_up > 0
      ? [
          `${countOf(backlog.webhooks_given_up)} webhooks were given up (GET /webhook-logs?processed=false&has_error=true).`,
        ]
      : []),
    ...(backlog.campaigns_paused > 0
      ? [
          `${countOf(backlog.campaigns_paused)} campaigns were paused, and not by a person (campaigns list --status paused).`,
        ]
      : []),
  ];
}

function wordsOf(health: Health): string {
  const { backlog } = health;
  const facts = factsOf({
    status: health.status,
    database: health.database,
    redis: health.redis,
    ...(backlog
      ? {
          'webhooks waiting': countOf(backlog.webhooks_waiting),
          'webhooks given up': countOf(backlog.webhooks_given_up),
          'sends unknown': countOf(backlog.sends_unknown),
          'campaigns running': countOf(backlog.campaigns_running),
          'media waiting': countOf(backlog.media_waiting),
        }
      : {}),
  });
  const accounts = tableOf(health.accounts, [
    { title: 'account', of: (account) => account.account_id, align: 'right' },
    { title: 'name', of: (account) => account.name },
    { title: 'credentials', of: (account) => account.credentials },
    { title: 'number', of: (account) => account.number_status },
    { title: 'quality', of: (account) => account.quality_rating },
    { title: 'standing', of: (account) => account.standing },
  ]);
  return [
    facts,
    ...(health.accounts.length > 0 ? ['', accounts] : []),
    ...(health.problems.length > 0 ? ['', ...health.problems.map((problem) => `! ${problem}`)] : []),
  ].join('\n');
}

import { parseArgs } from 'node:util';
import { request } from 'undici';
import { AccountsService } from '../accounts/accounts.service.js';
import { ApiKeysService } from '../api-keys/api-keys.service.js';
import { Secret } from '../common/secret.js';
import { migrate } from '../database/migrate.js';
import { SCOPES, type Scope } from '../http/principal.js';
import { TemplateSync } from '../templates/template-sync.js';
import { CAMPAIGN_COMMANDS } from './campaign-commands.js';
import type { Command } from './command.js';
import { UsageError, withApp } from './context.js';
import { makeDemo } from './demo.js';

/** Verbs by their words. */
export const COMMANDS: Record<string, Command> = {
  migrate: {
    usage: 'migrate',
    summary: 'apply migrations',
    options: {},
    run: async () => {
      const url = process.env.DATABASE_URL;
      if (!url) {
        throw new UsageError('DATABASE_URL is not set.');
      }
      const applied = await migrate(url);
      return { text: applied.length > 0 ? `Applied: ${applied.join(', ')}` : 'Nothing to apply.', json: { applied } };
    },
  },
  'api-keys create': {
    usage: 'api-keys create --name NAME [--scopes a,b] [--accounts 1,2]',
    summary: 'make an API key; it is shown once',
    options: { name: { type: 'string' }, scopes: { type: 'string' }, accounts: { type: 'string' } },
    run: async (values) => {
      const scopes = list(values.scopes);
      const unknown = scopes.filter((scope) => !(SCOPES as readonly string[]).includes(scope));
      if (unknown.length > 0) {
        throw new UsageError(`Unknown scope: ${unknown.join(', ')}. Scopes are: ${SCOPES.join(', ')}`);
      }
      const name = required(values, 'name');
      const issued = await withApp((app) =>
        app.get(ApiKeysService).create({
          name,
          ...(scopes.length > 0 ? { scopes: scopes as Scope[] } : {}),
          ...(values.accounts === undefined ? {} : { accountIds: list(values.accounts).map(Number) }),
        }),
      );
      return { text: `${issued.key}\nIt is not shown again.`, json: { id: issued.id, name, key: issued.key } };
    },
  },
  'accounts add': {
    usage: 'accounts add --name NAME --phone-number-id ID [--waba-id ID] [--messages-per-second N]',
    summary: 'add an account; its token is read from ACCESS_TOKEN, its app secret from APP_SECRET',
    options: {
      name: { type: 'string' },
      'phone-number-id': { type: 'string' },
      'waba-id': { type: 'string' },
      'messages-per-second': { type: 'string' },
    },
    run: async (values) => {
      const token = process.env.ACCESS_TOKEN;
      if (!token) {
        throw new UsageError('Set ACCESS_TOKEN to the account’s token: a command line is readable by others.');
      }
      const account = await withApp((app) =>
        app.get(AccountsService).create({
          name: required(values, 'name'),
          phoneNumberId: required(values, 'phone-number-id'),
          accessToken: new Secret(token),
          wabaId: (values['waba-id'] as string | undefined) ?? null,
          appSecret: process.env.APP_SECRET ? new Secret(process.env.APP_SECRET) : null,
          ...(values['messages-per-second'] === undefined
            ? {}
            : { messagesPerSecond: Number(values['messages-per-second']) }),
        }),
      );
      return {
        text: `Account ${account.id}: ${account.name}${account.profileError ? ` (profile not read: ${account.profileError})` : ''}`,
        json: { id: account.id, name: account.name, profile_error: account.profileError },
      };
    },
  },
  'templates sync': {
    usage: 'templates sync [--account ID]',
    summary: 'fetch the templates of one account, or of all',
    options: { account: { type: 'string' } },
    run: (values) =>
      withApp(async (app) => {
        const accounts = (await app.get(AccountsService).snapshot()).filter(
          (account) => account.isActive && (values.account === undefined || account.id === Number(values.account)),
        );
        const results: { account_id: number; synced?: number; error?: string }[] = [];
        for (const account of accounts) {
          try {
            const { synced } = await app.get(TemplateSync).run(account);
            results.push({ account_id: account.id, synced });
          } catch (error) {
            results.push({ account_id: account.id, error: (error as Error).message });
          }
        }
        const text = results
          .map((row) => `account ${row.account_id}: ${row.error ?? `${row.synced} templates`}`)
          .join('\n');
        return { text: text || 'There is no such active account.', json: results };
      }),
  },
  ...CAMPAIGN_COMMANDS,
  'simulate inbound': {
    usage:
      'simulate inbound [--from PHONE] [--user-id ID] [--name NAME] [--type TYPE] [--text TEXT] [--caption TEXT] ' +
      '[--reply-to WAMID] [--fields JSON]',
    summary: 'let the simulator play a customer who writes; docs/simulator.md lists the types and their fields',
    options: {
      from: { type: 'string' },
      'user-id': { type: 'string' },
      name: { type: 'string' },
      type: { type: 'string' },
      text: { type: 'string' },
      caption: { type: 'string' },
      'reply-to': { type: 'string' },
      fields: { type: 'string' },
    },
    run: async (values) => {
      const base = process.env.GRAPH_API_BASE_URL ?? `http://127.0.0.1:${process.env.SIMULATOR_PORT ?? '4010'}`;
      const answer = await request(`${base}/__simulate/inbound`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(inboundFields(values)),
      }).catch((error: Error) => {
        throw new UsageError(`The simulator does not answer at ${base} (${error.message}). Is npm start running?`);
      });
      const body = (await answer.body.json()) as { wamid?: string; error?: string; problems?: string[] };
      if (answer.statusCode !== 200) {
        throw new UsageError(
          [body.error, ...(body.problems ?? [])].filter(Boolean).join('; ') || 'The simulator refused it.',
        );
      }
      return { text: `Sent ${body.wamid ?? 'it'} to the webhook.`, json: body };
    },
  },
  demo: {
    usage: 'demo',
    summary: 'make a demo account, template and contacts (npm start does)',
    options: {},
    run: async () => {
      const demo = await withApp(makeDemo);
      return { text: `Demo account ${demo.account.id}: ${demo.contacts} contacts`, json: demo };
    },
  },
};

/** What the simulator is to be told: every option by its name there, and whatever else `--fields` holds. */
function inboundFields(values: Record<string, string | boolean | undefined>): Record<string, unknown> {
  const named = Object.entries(values)
    .filter(([option]) => option !== 'fields' && option !== 'json')
    .map(([option, value]) => [option.replaceAll('-', '_'), value]);
  if (typeof values.fields !== 'string') {
    return Object.fromEntries(named) as Record<string, unknown>;
  }
  let fields: unknown;
  try {
    fields = JSON.parse(values.fields);
  } catch {
    fields = null;
  }
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
    throw new UsageError('--fields must be a JSON object, e.g. \'{"size":2000}\'.');
  }
  return { ...Object.fromEntries(named), ...fields };
}

function list(value: string | boolean | undefined): string[] {
  return typeof value === 'string'
    ? value
        .split(',')
        .map((part) => part.trim())
        .filter(Boolean)
    : [];
}

function required(values: Record<string, string | boolean | undefined>, name: string): string {
  const value = values[name];
  if (typeof value !== 'string' || value === '') {
    throw new UsageError(`--${name} is required.`);
  }
  return value;
}

/** Finds the command in the arguments and reads its options. */
export function parseCommand(args: string[]): {
  command: Command;
  values: Record<string, string | boolean | undefined>;
  positionals: string[];
} {
  const words = [args.slice(0, 2).join(' '), args[0] ?? ''].find((name) => name in COMMANDS);
  const command = words === undefined ? undefined : COMMANDS[words];
  if (words === undefined || !command) {
    throw new UsageError(help());
  }
  const rest = args.slice(words.split(' ').length);
  let parsed;
  try {
    parsed = parseArgs({
      args: rest,
      options: { ...command.options, json: { type: 'boolean' } },
      allowPositionals: true,
    });
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\nUsage: ${command.usage}`);
  }
  if (parsed.positionals.length !== (command.positionals ?? 0)) {
    throw new UsageError(`Usage: ${command.usage}`);
  }
  return {
    command,
    values: parsed.values as Record<string, string | boolean | undefined>,
    positionals: parsed.positionals,
  };
}

export function help(): string {
  const rows = Object.values(COMMANDS).map((command) => `  ${command.usage}\n      ${command.summary}`);
  return ['Usage: npm run cli -- <command> [--json]', '', ...rows].join('\n');
}

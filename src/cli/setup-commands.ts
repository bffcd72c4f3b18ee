import { request } from 'undici';
import { migrate } from '../database/migrate.js';
import type { Command, Values } from './command.js';
import { CommandFailed, connectOnce, UsageError, withApp } from './context.js';
import { makeDemo } from './demo.js';

/** The database's shape, and things to try Parley with. */
export const SETUP_COMMANDS: Record<string, Command> = {
  migrate: {
    usage: 'migrate',
    summary: 'apply migrations; safe to run by many at once',
    options: {},
    run: async () => {
      const url = process.env.DATABASE_URL;
      if (!url) {
        throw new CommandFailed('DATABASE_URL is not set.', 'environment');
      }
      await connectOnce(url);
      const applied = await migrate(url);
      return { text: applied.length > 0 ? `Applied: ${applied.join(', ')}` : 'Nothing to apply.', json: { applied } };
    },
  },
  'simulate inbound': {
    usage:
      'simulate inbound [--from PHONE] [--user-id ID] [--name NAME] [--type TYPE] [--text TEXT] [--caption TEXT] ' +
      '[--reply-to WAMID] [--fields JSON]',
    summary: 'let the simulator play a customer who writes; docs/simulator.md lists the types and their fields',
    options: {
      from: { type: 'string', describes: 'phone of the customer' },
      'user-id': { type: 'string', describes: 'of a customer without a phone' },
      name: { type: 'string', describes: 'what the customer is called' },
      type: { type: 'string', describes: 'of the message (text)' },
      text: { type: 'string', describes: 'what the customer writes' },
      caption: { type: 'string', describes: 'of a file' },
      'reply-to': { type: 'string', describes: 'the message that is quoted' },
      fields: { type: 'string', describes: 'any other field, as a JSON object' },
    },
    run: async (values) => {
      const base = process.env.GRAPH_API_BASE_URL ?? `http://127.0.0.1:${process.env.SIMULATOR_PORT ?? '4010'}`;
      const answer = await request(`${base}/__simulate/inbound`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(inboundFields(values)),
      }).catch((error: Error) => {
        throw new CommandFailed(
          `The simulator does not answer at ${base} (${error.message}). Is npm start running?`,
          'simulator_away',
        );
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
function inboundFields(values: Values): Record<string, unknown> {
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

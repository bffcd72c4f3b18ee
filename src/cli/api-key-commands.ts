import { toApiKeyDto, type ApiKeyDto } from '../api-keys/api-key.dto.js';
import { ApiKeysService } from '../api-keys/api-keys.service.js';
import { SCOPES, type Scope } from '../http/principal.js';
import type { Command, Values } from './command.js';
import { OPERATOR, UsageError, withApp } from './context.js';
import { tableOf, type Column } from './table.js';
import { idOf, list, pagesOf, required, wholeNumber } from './values.js';

const DAY_S = 86_400;
const MAX_OVERLAP_S = 30 * DAY_S;
const NOT_AGAIN = 'It is not shown again.';

const COLUMNS: Column<ApiKeyDto>[] = [
  { title: 'id', of: (key) => key.id, align: 'right' },
  { title: 'name', of: (key) => key.name },
  { title: 'begins', of: (key) => key.prefix },
  { title: 'active', of: (key) => key.is_active },
  { title: 'scopes', of: (key) => key.scopes.join(', ') },
  { title: 'accounts', of: (key) => (key.account_ids.length > 0 ? key.account_ids.join(', ') : 'all') },
  { title: 'last used', of: (key) => key.last_used_at },
  { title: 'expires', of: (key) => key.expires_at },
];

/** Keys of the API: made, shown, given a new value, ended. */
export const API_KEY_COMMANDS: Record<string, Command> = {
  'api-keys create': {
    usage: 'api-keys create --name NAME [--scopes a,b] [--accounts 1,2] [--default-account ID] [--expires-at TIME]',
    summary: 'make an API key; it is shown once',
    options: {
      name: { type: 'string', describes: 'tells people what the key is for' },
      scopes: { type: 'string', describes: 'what it may do; all, when left out', choices: SCOPES },
      accounts: { type: 'string', describes: 'accounts it is tied to; none: it may use all' },
      'default-account': { type: 'string', describes: 'account of requests that name none' },
      'expires-at': { type: 'string', describes: 'when it stops working, such as 2027-01-31T00:00:00Z' },
    },
    run: async (values) => {
      const name = required(values, 'name');
      const scopes = scopesOf(values);
      const accountIds = list(values.accounts).map((id) => idOf(id, '--accounts'));
      const input = {
        name,
        ...(scopes.length > 0 ? { scopes } : {}),
        ...(values.accounts === undefined ? {} : { accountIds }),
        ...(values['default-account'] === undefined
          ? {}
          : { defaultAccountId: idOf(String(values['default-account']), '--default-account') }),
        ...(values['expires-at'] === undefined ? {} : { expiresAt: timeOf(values, 'expires-at') }),
      };
      const issued = await withApp((app) => app.get(ApiKeysService).create(input));
      return { text: `${issued.key}\n${NOT_AGAIN}`, json: { ...toApiKeyDto(issued), key: issued.key } };
    },
  },
  'api-keys list': {
    usage: 'api-keys list',
    summary: 'the API keys, by how they begin',
    options: {},
    run: () =>
      withApp(async (app) => {
        const keys = (await pagesOf((query) => app.get(ApiKeysService).list(query, OPERATOR))).map(toApiKeyDto);
        return {
          text: keys.length > 0 ? tableOf(keys, COLUMNS) : 'There is no API key yet.',
          json: { api_keys: keys },
        };
      }),
  },
  'api-keys rotate': {
    usage: 'api-keys rotate ID [--overlap-s N]',
    summary: 'give a key a new value, shown once; the present one works for a day more, or --overlap-s seconds',
    options: { 'overlap-s': { type: 'string', describes: 'seconds that the present value goes on working; 0: none' } },
    positionals: 1,
    run: async (values, [id]) => {
      const keyId = idOf(id, 'ID');
      const overlap = wholeNumber(values, 'overlap-s', 0, MAX_OVERLAP_S) ?? DAY_S;
      const issued = await withApp((app) => app.get(ApiKeysService).rotate(keyId, overlap, null));
      return { text: `${issued.key}\n${NOT_AGAIN}`, json: { ...toApiKeyDto(issued), key: issued.key } };
    },
  },
  'api-keys revoke': {
    usage: 'api-keys revoke ID',
    summary: 'refuse a key from now on, in every process within two seconds; it stays in the list',
    options: {},
    positionals: 1,
    run: async (_values, [id]) => {
      const keyId = idOf(id, 'ID');
      const key = await withApp((app) => app.get(ApiKeysService).update(keyId, { isActive: false }, null));
      return { text: `${key.name} (${key.prefix}…) is refused from now on.`, json: toApiKeyDto(key) };
    },
  },
};

function scopesOf(values: Values): Scope[] {
  const scopes = list(values.scopes);
  const unknown = scopes.filter((scope) => !(SCOPES as readonly string[]).includes(scope));
  if (unknown.length > 0) {
    throw new UsageError(`Unknown scope: ${unknown.join(', ')}. Scopes are: ${SCOPES.join(', ')}`);
  }
  return scopes as Scope[];
}

function timeOf(values: Values, name: string): Date {
  const time = new Date(String(values[name]));
  if (Number.isNaN(time.getTime())) {
    throw new UsageError(`--${name} must be a time, such as 2027-01-31T00:00:00Z.`);
  }
  return time;
}

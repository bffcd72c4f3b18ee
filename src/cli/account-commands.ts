import { toAccountDto, type AccountDto } from '../accounts/account.dto.js';
import { AccountVault } from '../accounts/account-vault.js';
import { AccountsService } from '../accounts/accounts.service.js';
import { Secret } from '../common/secret.js';
import type { Command, Output } from './command.js';
import { OPERATOR, UsageError, withApp } from './context.js';
import { factsOf, tableOf, type Column } from './table.js';
import { idOf, pagesOf, required, wholeNumber } from './values.js';

const COLUMNS: Column<AccountDto>[] = [
  { title: 'id', of: (account) => account.id, align: 'right' },
  { title: 'name', of: (account) => account.name },
  { title: 'number', of: (account) => account.display_phone_number },
  { title: 'phone_number_id', of: (account) => account.phone_number_id },
  { title: 'waba_id', of: (account) => account.waba_id },
  { title: 'active', of: (account) => account.is_active },
  { title: 'quality', of: (account) => account.quality_rating },
  { title: 'limit', of: (account) => account.messaging_limit },
  { title: 'per s', of: (account) => account.messages_per_second, align: 'right' },
  { title: 'problem', of: (account) => account.profile_error },
];

/** The sending numbers. */
export const ACCOUNT_COMMANDS: Record<string, Command> = {
  'accounts list': {
    usage: 'accounts list',
    summary: 'the accounts, active or not',
    options: {},
    run: () =>
      withApp(async (app, config) => {
        const records = await pagesOf((query) => app.get(AccountsService).list(query, OPERATOR));
        const accounts = records.map((record) => toAccountDto(record, app.get(AccountVault), config));
        return {
          text: accounts.length > 0 ? tableOf(accounts, COLUMNS) : 'There is no account yet (accounts add makes one).',
          json: { accounts },
        };
      }),
  },
  'accounts show': {
    usage: 'accounts show ID',
    summary: 'one account, with the callback URL and verify token to enter at Meta',
    options: {},
    positionals: 1,
    run: (_values, [id]) => onAccount(id, (accounts, accountId) => accounts.get(accountId, null)),
  },
  'accounts add': {
    usage: 'accounts add --name NAME --phone-number-id ID [--waba-id ID] [--messages-per-second N]',
    summary: 'add an account; its token is read from ACCESS_TOKEN, its app secret from APP_SECRET',
    options: {
      name: { type: 'string', describes: 'what people call it' },
      'phone-number-id': { type: 'string', describes: 'Meta’s id of the phone number' },
      'waba-id': { type: 'string', describes: 'Meta’s id of the WhatsApp Business Account' },
      'messages-per-second': { type: 'string', describes: 'most that is sent in any second, from 1 to 1000' },
    },
    run: async (values) => {
      const token = process.env.ACCESS_TOKEN;
      if (!token) {
        throw new UsageError('Set ACCESS_TOKEN to the account’s token: a command line is readable by others.');
      }
      const messagesPerSecond = wholeNumber(values, 'messages-per-second', 1, 1_000);
      const input = {
        name: required(values, 'name'),
        phoneNumberId: required(values, 'phone-number-id'),
        accessToken: new Secret(token),
        wabaId: (values['waba-id'] as string | undefined) ?? null,
        appSecret: process.env.APP_SECRET ? new Secret(process.env.APP_SECRET) : null,
        ...(messagesPerSecond === undefined ? {} : { messagesPerSecond }),
      };
      return withApp(async (app, config) => {
        const record = await app.get(AccountsService).create(input);
        return shown(toAccountDto(record, app.get(AccountVault), config));
      });
    },
  },
  'accounts refresh': {
    usage: 'accounts refresh ID',
    summary: 'read name, quality and limit from Meta again',
    options: {},
    positionals: 1,
    run: (_values, [id]) => onAccount(id, (accounts, accountId) => accounts.refreshProfile(accountId, null)),
  },
  'accounts activate': {
    usage: 'accounts activate ID',
    summary: 'let an account send and receive again',
    options: {},
    positionals: 1,
    run: (_values, [id]) =>
      onAccount(id, (accounts, accountId) => accounts.update(accountId, { isActive: true }, null)),
  },
  'accounts deactivate': {
    usage: 'accounts deactivate ID',
    summary: 'stop an account: nothing is sent, and no webhook is matched; nothing is deleted',
    options: {},
    positionals: 1,
    run: (_values, [id]) =>
      onAccount(id, (accounts, accountId) => accounts.update(accountId, { isActive: false }, null)),
  },
};

async function onAccount(
  id: string | undefined,
  work: (accounts: AccountsService, id: number) => ReturnType<AccountsService['get']>,
): Promise<Output> {
  const accountId = idOf(id, 'ID');
  return withApp(async (app, config) =>
    shown(toAccountDto(await work(app.get(AccountsService), accountId), app.get(AccountVault), config)),
  );
}

function shown(account: AccountDto): Output {
  return {
    text: factsOf({
      id: account.id,
      name: account.name,
      number: account.display_phone_number,
      'profile name': account.profile_name,
      'phone number id': account.phone_number_id,
      'WABA id': account.waba_id,
      active: account.is_active,
      'access token': account.has_access_token ? `ends in ${account.access_token_last4}` : 'none',
      'app secret': account.has_app_secret ? 'its own' : 'WHATSAPP_APP_SECRET',
      'callback URL': account.callback_url,
      'verify token': account.verify_token ?? 'cannot be decrypted',
      quality: account.quality_rating,
      'messaging limit': account.messaging_limit,
      'messages per second': account.messages_per_second,
      'managed by': account.managed_by,
      'profile not read': account.profile_error,
    }),
    json: account,
  };
}

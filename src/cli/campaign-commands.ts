import type { INestApplicationContext } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { AccountsService } from '../accounts/accounts.service.js';
import { toCampaignDto, type CampaignDto } from '../campaigns/campaign.dto.js';
import { CampaignMoves } from '../campaigns/campaign-moves.service.js';
import { CampaignsService } from '../campaigns/campaigns.service.js';
import { Database } from '../database/database.js';
import { watchCampaign, type Screen } from './campaign-watch.js';
import { summaryOf } from './campaign-words.js';
import type { Command, Output } from './command.js';
import { UsageError, withApp } from './context.js';

/** Paused, failed or cancelled: it did not get to its end. */
const STOPPED = 2;
/** As shells say that Ctrl-C ended something. */
const INTERRUPTED = 130;

/** Starting campaigns and following them. */
export const CAMPAIGN_COMMANDS: Record<string, Command> = {
  'campaigns run': {
    usage: 'campaigns run ID [--wait]',
    summary: 'start a campaign, which a worker sends; with --wait follow it as watch does',
    options: { wait: { type: 'boolean' } },
    positionals: 1,
    run: (values, [id]) =>
      withApp(async (app) => {
        const account = await accountOfCampaign(app, Number(id));
        const campaign = toCampaignDto(await app.get(CampaignMoves).run(account, undefined, Number(id)));
        return values.wait ? watch(app, account, Number(id)) : { text: summaryOf(campaign), json: campaign };
      }),
  },
  'campaigns watch': {
    usage: 'campaigns watch ID',
    summary: 'follow a campaign until it ends or pauses (exit code 2 when it did not complete)',
    options: {},
    positionals: 1,
    run: (_values, [id]) => withApp(async (app) => watch(app, await accountOfCampaign(app, Number(id)), Number(id))),
  },
};

/** Ctrl-C ends the watching, never the campaign. */
async function watch(app: INestApplicationContext, account: Account, id: number): Promise<Output> {
  const interruption = new AbortController();
  const interrupt = (): void => interruption.abort();
  process.once('SIGINT', interrupt);
  try {
    const read = async (): Promise<CampaignDto> => {
      const { campaign, variants } = await app.get(CampaignsService).get(account, id);
      return toCampaignDto(campaign, variants);
    };
    const { campaign, isOver } = await watchCampaign(read, terminal(), interruption.signal);
    if (!isOver) {
      const text = `${summaryOf(campaign)}\nNo longer watched, not stopped: the campaign is left as it is (campaigns watch ${id} follows it again).`;
      return { text, json: campaign, exitCode: INTERRUPTED };
    }
    return { text: summaryOf(campaign), json: campaign, exitCode: campaign.status === 'completed' ? 0 : STOPPED };
  } finally {
    process.off('SIGINT', interrupt);
  }
}

/** Progress is for eyes: it goes to stderr, so that stdout holds the result alone. */
function terminal(): Screen {
  return {
    isTerminal: process.stderr.isTTY,
    width: () => process.stderr.columns || 80,
    write: (text) => void process.stderr.write(text),
  };
}

async function accountOfCampaign(app: INestApplicationContext, id: number): Promise<Account> {
  const [row] = await app
    .get(Database)
    .query<{ account_id: number }>('select account_id from campaigns where id = $1', [
      Number.isSafeInteger(id) ? id : 0,
    ]);
  const account = row && (await app.get(AccountsService).find(row.account_id));
  if (!account) {
    throw new UsageError('There is no such campaign.');
  }
  return account;
}

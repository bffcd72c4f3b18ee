import type { INestApplicationContext } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { AccountsService } from '../accounts/accounts.service.js';
import { toCampaignDto, type CampaignDto } from '../campaigns/campaign.dto.js';
import { CampaignMoves } from '../campaigns/campaign-moves.service.js';
import { CAMPAIGN_STATUSES } from '../campaigns/campaign-status.js';
import { CampaignsService } from '../campaigns/campaigns.service.js';
import { AppError } from '../common/app-error.js';
import { Database } from '../database/database.js';
import { watchCampaign } from './campaign-watch.js';
import { summaryOf } from './campaign-words.js';
import type { Command, Output, Values } from './command.js';
import { UsageError, withApp } from './context.js';
import { countOf, terminal } from './screen.js';
import { factsOf, tableOf, type Column } from './table.js';
import { ACCOUNT, accountsOf, pagesOf, wholeNumber } from './values.js';

/** Paused, failed or cancelled: it did not get to its end. */
const STOPPED = 3;
/** As shells say that Ctrl-C ended something. */
const INTERRUPTED = 130;
const SHOWN = 50;

const COLUMNS: Column<CampaignDto>[] = [
  { title: 'id', of: (campaign) => campaign.id, align: 'right' },
  { title: 'account', of: (campaign) => campaign.account_id, align: 'right' },
  { title: 'name', of: (campaign) => campaign.name },
  { title: 'status', of: (campaign) => campaign.status },
  { title: 'total', of: (campaign) => countOf(campaign.total_count), align: 'right' },
  { title: 'sent', of: (campaign) => countOf(campaign.sent_count), align: 'right' },
  { title: 'delivered', of: (campaign) => countOf(campaign.delivered_count), align: 'right' },
  { title: 'failed', of: (campaign) => countOf(campaign.failed_count), align: 'right' },
  { title: 'unknown', of: (campaign) => countOf(campaign.unknown_count), align: 'right' },
  { title: 'created', of: (campaign) => campaign.created_at },
];

/** Seeing campaigns, starting and stopping them, following them. */
export const CAMPAIGN_COMMANDS: Record<string, Command> = {
  'campaigns list': {
    usage: 'campaigns list [--account ID] [--status STATUS] [--limit N]',
    summary: 'the newest campaigns of each account',
    options: {
      account: ACCOUNT,
      status: { type: 'string', describes: 'only those', choices: CAMPAIGN_STATUSES },
      limit: { type: 'string', describes: `most of each account (${SHOWN})` },
    },
    run: async (values) => {
      const limit = wholeNumber(values, 'limit', 1, 10_000) ?? SHOWN;
      const status = statusOf(values);
      return withApp(async (app) => {
        const campaigns: CampaignDto[] = [];
        for (const account of await accountsOf(app, values)) {
          const rows = await pagesOf(
            (query) => app.get(CampaignsService).list(account, { ...query, ...status }),
            limit,
          );
          campaigns.push(...rows.map((row) => toCampaignDto(row)));
        }
        return { text: campaigns.length > 0 ? tableOf(campaigns, COLUMNS) : 'There are none.', json: { campaigns } };
      });
    },
  },
  'campaigns show': {
    usage: 'campaigns show ID',
    summary: 'how a campaign stands',
    options: {},
    positionals: 1,
    run: (_values, [id]) =>
      onCampaign(id, async (app, account, campaignId) => shown(await read(app, account, campaignId))),
  },
  'campaigns run': {
    usage: 'campaigns run ID [--wait]',
    summary: 'start a campaign, which a worker sends; with --wait follow it as watch does',
    options: { wait: { type: 'boolean', describes: 'until it ends or pauses' } },
    positionals: 1,
    run: (values, [id]) =>
      onCampaign(id, async (app, account, campaignId) => {
        const campaign = toCampaignDto(await app.get(CampaignMoves).run(account, undefined, campaignId));
        return values.wait ? watch(app, account, campaignId) : shown(campaign);
      }),
  },
  'campaigns pause': {
    usage: 'campaigns pause ID',
    summary: 'stop sending; who waits goes on waiting',
    options: {},
    positionals: 1,
    run: (_values, [id]) => move(id, 'pause'),
  },
  'campaigns resume': {
    usage: 'campaigns resume ID',
    summary: 'go on with a paused campaign',
    options: {},
    positionals: 1,
    run: (_values, [id]) => move(id, 'resume'),
  },
  'campaigns cancel': {
    usage: 'campaigns cancel ID',
    summary: 'end a campaign for good; what was sent stays sent',
    options: {},
    positionals: 1,
    run: (_values, [id]) => move(id, 'cancel'),
  },
  'campaigns watch': {
    usage: 'campaigns watch ID',
    summary: `follow a campaign until it ends or pauses (exit code ${STOPPED} when it did not complete); with --json a line a second`,
    options: {},
    positionals: 1,
    run: (values, [id]) =>
      onCampaign(id, (app, account, campaignId) =>
        values.json === true
          ? watch(app, account, campaignId, (campaign) => process.stdout.write(`${JSON.stringify(campaign)}\n`))
          : watch(app, account, campaignId),
      ),
  },
};

function move(id: string | undefined, name: 'pause' | 'resume' | 'cancel'): Promise<Output> {
  return onCampaign(id, async (app, account, campaignId) =>
    shown(toCampaignDto(await app.get(CampaignMoves)[name](account, campaignId))),
  );
}

async function read(app: INestApplicationContext, account: Account, id: number): Promise<CampaignDto> {
  const { campaign, variants } = await app.get(CampaignsService).get(account, id);
  return toCampaignDto(campaign, variants);
}

function shown(campaign: CampaignDto): Output {
  const details = factsOf({
    id: campaign.id,
    account: campaign.account_id,
    template: campaign.template_id,
    audience: campaign.audience_type,
    scheduled: campaign.scheduled_at,
    started: campaign.started_at,
    completed: campaign.completed_at,
    expires: campaign.expires_at,
  });
  return { text: `${summaryOf(campaign)}\n${details}`, json: campaign };
}

/**
 * Ctrl-C ends the watching, never the campaign.
 * @param onLook writes JSON lines, one for each look; then there is no progress line, and nothing is left to be printed
 */
async function watch(
  app: INestApplicationContext,
  account: Account,
  id: number,
  onLook?: (campaign: CampaignDto) => void,
): Promise<Output> {
  const interruption = new AbortController();
  const interrupt = (): void => interruption.abort();
  process.once('SIGINT', interrupt);
  try {
    const screen = onLook ? { ...terminal(), write: () => undefined } : terminal();
    const { campaign, isOver } = await watchCampaign(() => read(app, account, id), screen, interruption.signal, onLook);
    const json = onLook ? undefined : campaign;
    if (!isOver) {
      const text = `${summaryOf(campaign)}\nNo longer watched, not stopped: the campaign is left as it is (campaigns watch ${id} follows it again).`;
      return { text, json, exitCode: INTERRUPTED };
    }
    return { text: summaryOf(campaign), json, exitCode: campaign.status === 'completed' ? 0 : STOPPED };
  } finally {
    process.off('SIGINT', interrupt);
  }
}

function statusOf({ status }: Values): { status?: (typeof CAMPAIGN_STATUSES)[number] } {
  const known = CAMPAIGN_STATUSES.find((candidate) => candidate === status);
  if (status !== undefined && !known) {
    throw new UsageError(`--status must be one of ${CAMPAIGN_STATUSES.join(', ')}.`);
  }
  return known ? { status: known } : {};
}

/** Whose campaign it is, the campaign says: the operator need not. */
async function onCampaign(
  id: string | undefined,
  work: (app: INestApplicationContext, account: Account, id: number) => Promise<Output>,
): Promise<Output> {
  return withApp(async (app) => {
    const campaignId = Number(id);
    const [row] = await app
      .get(Database)
      .query<{ account_id: number }>('select account_id from campaigns where id = $1', [
        Number.isSafeInteger(campaignId) ? campaignId : 0,
      ]);
    const account = row && (await app.get(AccountsService).find(row.account_id));
    if (!account) {
      throw new AppError('not_found', 'There is no such campaign.');
    }
    return work(app, account, campaignId);
  });
}

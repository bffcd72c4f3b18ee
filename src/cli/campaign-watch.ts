import type { CampaignDto } from '../campaigns/campaign.dto.js';
import { sleep } from '../common/sleep.js';
import { isConnectionLoss } from '../database/pg-error.js';
import { lineOf } from './campaign-words.js';
import { CLEAR_LINE, LINE_EVERY_MS, type Screen } from './screen.js';

const EVERY_MS = 1_000;
const OVER: readonly string[] = ['completed', 'failed', 'cancelled', 'paused'];

/**
 * Shows how a campaign goes on, until it is over or paused, or somebody has seen enough.
 * @param onLook is told of the campaign each time it was looked at
 * @returns the campaign as it was seen last
 */
export async function watchCampaign(
  read: () => Promise<CampaignDto>,
  screen: Screen,
  seenEnough: AbortSignal,
  onLook: (campaign: CampaignDto) => void = () => undefined,
): Promise<{ campaign: CampaignDto; isOver: boolean }> {
  let campaign = await read();
  let shownAt = -Infinity;
  let line = '';
  onLook(campaign);
  while (!OVER.includes(campaign.status) && !seenEnough.aborted) {
    line = lineOf(campaign, screen.isTerminal ? screen.width() : Infinity);
    if (screen.isTerminal) {
      screen.write(CLEAR_LINE + line);
    } else if (performance.now() - shownAt >= LINE_EVERY_MS) {
      screen.write(`${line}\n`);
      shownAt = performance.now();
    }
    await sleep(EVERY_MS, seenEnough);
    campaign = seenEnough.aborted ? campaign : await read().catch((error: unknown) => goOn(error, campaign));
    onLook(campaign);
  }
  if (screen.isTerminal && line !== '') {
    screen.write(CLEAR_LINE);
  }
  return { campaign, isOver: OVER.includes(campaign.status) };
}

/** A database that restarts is no reason to stop watching. */
function goOn(error: unknown, campaign: CampaignDto): CampaignDto {
  if (!isConnectionLoss(error)) {
    throw error;
  }
  return campaign;
}

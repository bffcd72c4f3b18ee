import type { CampaignDto } from '../campaigns/campaign.dto.js';
import { sleep } from '../common/sleep.js';
import { isConnectionLoss } from '../database/pg-error.js';
import { lineOf } from './campaign-words.js';

/** Where progress is shown. */
export interface Screen {
  /** One line that renews itself; otherwise (a log, a pipe) a line now and then. */
  isTerminal: boolean;
  width(): number;
  write(text: string): void;
}

const EVERY_MS = 1_000;
/** Of lines that stay. */
const LINE_EVERY_MS = 5_000;
const OVER: readonly string[] = ['completed', 'failed', 'cancelled', 'paused'];
const CLEAR_LINE = '\r\u001b[K';

/**
 * Shows how a campaign goes on, until it is over or paused, or somebody has seen enough.
 * @returns the campaign as it was seen last
 */
export async function watchCampaign(
  read: () => Promise<CampaignDto>,
  screen: Screen,
  seenEnough: AbortSignal,
): Promise<{ campaign: CampaignDto; isOver: boolean }> {
  let campaign = await read();
  let shownAt = -Infinity;
  let line = '';
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

import type { CampaignDto } from '../campaigns/campaign.dto.js';
import { barOf, countOf, durationOf } from './screen.js';

const MAX_NAME = 30;

/**
 * How a campaign stands in one line, as much of it as fits: the bar, how far, how fast, how long still, and what came of it.
 * @param width in columns
 */
export function lineOf(campaign: CampaignDto, width: number): string {
  const { progress, total_count: total } = campaign;
  const share = total > 0 ? progress.done / total : 0;
  const parts = [
    barOf(share),
    `${countOf(progress.done)} of ${countOf(total)}`,
    campaign.status === 'running' ? `${progress.rate_per_second}/s` : campaign.status,
    ...(progress.seconds_left === null ? [] : [`${durationOf(progress.seconds_left)} left`]),
    `delivered ${countOf(campaign.delivered_count)}`,
    `read ${countOf(campaign.read_count)}`,
    `replied ${countOf(campaign.replied_count)}`,
    ...(['failed', 'skipped', 'unknown'] as const).flatMap((what) =>
      campaign[`${what}_count`] > 0 ? [`${what} ${countOf(campaign[`${what}_count`])}`] : [],
    ),
  ];
  const name = shortened(campaign.name, MAX_NAME);
  while (parts.length > 1 && `${name}  ${parts.join('  ')}`.length >= width) {
    parts.pop();
  }
  const line = `${name}  ${parts.join('  ')}`;
  return line.length < width ? line : parts.join('  ').slice(0, width - 1);
}

/** What became of a campaign, for the end of watching it. */
export function summaryOf(campaign: CampaignDto): string {
  const { status_reason: reason, started_at: startedAt, completed_at: completedAt } = campaign;
  const took = startedAt && completedAt ? (Date.parse(completedAt) - Date.parse(startedAt)) / 1_000 : null;
  const facts = [
    `sent ${countOf(campaign.sent_count)} of ${countOf(campaign.total_count)}`,
    `delivered ${countOf(campaign.delivered_count)}`,
    `read ${countOf(campaign.read_count)}`,
    `replied ${countOf(campaign.replied_count)}`,
    `failed ${countOf(campaign.failed_count)}`,
    `skipped ${countOf(campaign.skipped_count)}`,
    `unknown ${countOf(campaign.unknown_count)}`,
    `opted out ${countOf(campaign.opted_out_count)}`,
    ...(campaign.pending_count > 0 ? [`pending ${countOf(campaign.pending_count)}`] : []),
    ...(campaign.cost > 0 ? [`cost ${campaign.cost.toFixed(2)}`] : []),
    ...(took === null ? [] : [`took ${durationOf(took)} (${campaign.progress.rate_per_second}/s)`]),
  ];
  const why = typeof reason?.message === 'string' ? ` (${reason.message})` : '';
  return `${campaign.name}: ${campaign.status}${why}: ${facts.join(', ')}`;
}

function shortened(name: string, room: number): string {
  return name.length <= room ? name : `${name.slice(0, room - 1).toWellFormed()}…`;
}

import type { CampaignDto } from '../campaigns/campaign.dto.js';

const BAR_WIDTH = 24;
const MAX_NAME = 30;
const number = new Intl.NumberFormat('en-US');

/**
 * How a campaign stands in one line, as much of it as fits: the bar, how far, how fast, how long still, and what came of it.
 * @param width in columns
 */
export function lineOf(campaign: CampaignDto, width: number): string {
  const { progress, total_count: total } = campaign;
  const share = total > 0 ? progress.done / total : 0;
  const filled = Math.round(share * BAR_WIDTH);
  const parts = [
    `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)} ${Math.floor(100 * share)} %`,
    `${number.format(progress.done)} of ${number.format(total)}`,
    campaign.status === 'running' ? `${progress.rate_per_second}/s` : campaign.status,
    ...(progress.seconds_left === null ? [] : [`${durationOf(progress.seconds_left)} left`]),
    `delivered ${number.format(campaign.delivered_count)}`,
    `read ${number.format(campaign.read_count)}`,
    `replied ${number.format(campaign.replied_count)}`,
    ...(['failed', 'skipped', 'unknown'] as const).flatMap((what) =>
      campaign[`${what}_count`] > 0 ? [`${what} ${number.format(campaign[`${what}_count`])}`] : [],
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
    `sent ${number.format(campaign.sent_count)} of ${number.format(campaign.total_count)}`,
    `delivered ${number.format(campaign.delivered_count)}`,
    `read ${number.format(campaign.read_count)}`,
    `replied ${number.format(campaign.replied_count)}`,
    `failed ${number.format(campaign.failed_count)}`,
    `skipped ${number.format(campaign.skipped_count)}`,
    `unknown ${number.format(campaign.unknown_count)}`,
    `opted out ${number.format(campaign.opted_out_count)}`,
    ...(campaign.pending_count > 0 ? [`pending ${number.format(campaign.pending_count)}`] : []),
    ...(campaign.cost > 0 ? [`cost ${campaign.cost.toFixed(2)}`] : []),
    ...(took === null ? [] : [`took ${durationOf(took)} (${campaign.progress.rate_per_second}/s)`]),
  ];
  const why = typeof reason?.message === 'string' ? ` (${reason.message})` : '';
  return `${campaign.name}: ${campaign.status}${why}: ${facts.join(', ')}`;
}

/** `1 h 5 min`, `3 min 20 s`, `42 s`. */
function durationOf(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  const [h, min, s] = [Math.floor(whole / 3_600), Math.floor((whole % 3_600) / 60), whole % 60];
  if (h > 0) {
    return `${h} h ${min} min`;
  }
  return min > 0 ? `${min} min ${s} s` : `${s} s`;
}

function shortened(name: string, room: number): string {
  return name.length <= room ? name : `${name.slice(0, room - 1).toWellFormed()}…`;
}

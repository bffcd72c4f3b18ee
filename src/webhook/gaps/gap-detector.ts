import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { Account } from '../../accounts/account.js';
import { AccountsService } from '../../accounts/accounts.service.js';
import { gauge } from '../../common/metrics.js';
import { Database, type Tx } from '../../database/database.js';
import { Outbox } from '../../outbox/outbox.js';
import { closedEvent, messageOf, openedEvent, type Gap, type GapCode } from './gap.js';
import { GapsRepository, type OpenGap } from './gaps.repository.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** A message should have a status after this. */
const STATUS_DUE_MS = 10 * MINUTE_MS;
/** Messages are looked at for this long after they are due. */
const SENDS_MS = HOUR_MS;
/** Fewer messages without a status say nothing: phones are off. */
const MIN_SENDS = 20;

/** No silence below this is worth a word. */
const MIN_SILENCE_MS = 24 * HOUR_MS;
/** Times the longest silence of the week before. */
const UNUSUAL = 4;
/** Bodies in the week before, so that one can speak of what is usual. */
const MIN_BODIES = 20;

const REFUSED_MINUTES = 10;
const MIN_REFUSED = 10;
/** What waits longer than this, in seconds, is a backlog that somebody should know of. */
const BACKLOG_S = 60;
/** Of further dead letters is told this often. */
const DEAD_LETTERS_EVERY_MS = HOUR_MS;

/** Which a round finds; the subscription is asked for more rarely ({@link SubscriptionCheck}). */
const FOUND_HERE: readonly GapCode[] = [
  'no_statuses',
  'no_webhooks',
  'bad_signatures',
  'webhook_backlog',
  'webhook_dead_letter',
];

const open = gauge('parley_account_gaps', 'Things that should be there and are not, by kind', ['code']);
const deadLetters = gauge('parley_webhook_dead_letters', 'Webhook bodies that were given up and wait for a replay');
const backlog = gauge('parley_webhook_backlog_seconds', 'How long the live webhook body waits that waits longest');

/**
 * Looks for what does not come: silence is the one failure that nobody reports. A gap is told once when it opens and once
 * when it is over; in between it stands in `account_gaps`, so that neither a restart nor a second worker repeats it.
 */
@Injectable()
export class GapDetector implements OnModuleInit {
  constructor(
    private readonly database: Database,
    private readonly gaps: GapsRepository,
    private readonly accounts: AccountsService,
    private readonly outbox: Outbox,
  ) {}

  onModuleInit(): void {
    this.accounts.registerGapReader(async (accountId) =>
      (await this.gaps.listOfAccount(this.database, accountId)).map(({ code, openedAt }) => ({
        code,
        openedAt,
        message: messageOf(code),
      })),
    );
  }

  /** One round; of several workers one does it. */
  async run(): Promise<void> {
    const accounts = (await this.accounts.freshSnapshot()).filter((account) => account.isActive);
    await this.database.transaction(async (tx) => {
      if (await this.gaps.tryLock(tx)) {
        await this.compare(tx, accounts);
      }
    });
    deadLetters.set(await this.gaps.countDeadLetters(this.database));
  }

  private async compare(tx: Tx, accounts: readonly Account[]): Promise<void> {
    const ids = accounts.map(({ id }) => id);
    const known = (await this.gaps.listOpen(tx)).filter(({ code }) => FOUND_HERE.includes(code));
    const now = new Date();
    const lastAt = new Map((await this.gaps.lastBodies(tx, ids)).map((row) => [row.accountId, row.lastAt]));
    const found = [
      ...(await this.withoutStatuses(tx, ids, now)),
      ...(await this.silent(tx, lastAt, known, now)),
      ...(await this.refused(tx, ids, lastAt, now)),
      ...(await this.behind(tx, ids)),
      ...(await this.givenUp(tx, ids)),
    ];
    const before = new Map(known.map((gap) => [keyOf(gap), gap]));
    const opened = found.filter((gap) => isNews(gap, before.get(keyOf(gap)), now));
    const stays = new Set(found.map(keyOf));
    const over = known.filter((gap) => !stays.has(keyOf(gap)));
    if (opened.length > 0) {
      await this.gaps.open(tx, opened);
    }
    if (over.length > 0) {
      await this.gaps.close(tx, over);
    }
    const active = new Set(ids);
    await this.outbox.append(tx, [
      ...opened.map(openedEvent),
      ...over
        // Of an account that is not used any more nobody wants to hear that it is well.
        .filter(({ accountId }) => active.has(accountId))
        .map(({ accountId, code, openedAt }) => closedEvent(accountId, code, openedAt)),
    ]);
    FOUND_HERE.forEach((code) => open.set({ code }, found.filter((gap) => gap.code === code).length));
  }

  private async withoutStatuses(tx: Tx, ids: readonly number[], now: Date): Promise<Gap[]> {
    const due = new Date(now.getTime() - STATUS_DUE_MS);
    const sends = await this.gaps.sends(tx, ids, new Date(due.getTime() - SENDS_MS), due);
    return sends
      .filter(({ sent, withStatus }) => sent >= MIN_SENDS && withStatus === 0)
      .map(({ accountId, sent }) => ({ accountId, code: 'no_statuses', details: { messages: sent } }));
  }

  /** Silent for longer than a day, and than four times the longest silence of the week in which it fell silent. */
  private async silent(
    tx: Tx,
    lastAt: ReadonlyMap<number, Date>,
    known: readonly OpenGap[],
    now: Date,
  ): Promise<Gap[]> {
    const found: Gap[] = [];
    const isOpen = new Set(known.filter(({ code }) => code === 'no_webhooks').map(({ accountId }) => accountId));
    for (const [accountId, last] of lastAt) {
      const silenceMs = now.getTime() - last.getTime();
      if (silenceMs > MIN_SILENCE_MS) {
        const { bodies, longestS } = await this.gaps.usualSilence(tx, accountId, last);
        if (isOpen.has(accountId) || (bodies >= MIN_BODIES && silenceMs > UNUSUAL * longestS * 1_000)) {
          const details = { last_webhook_at: last.toISOString(), usual_silence_s: Math.round(longestS) };
          found.push({ accountId, code: 'no_webhooks', details });
        }
      }
    }
    // Its last body may be out of the log by now; that is no sign of life.
    const forgotten = [...isOpen].filter((accountId) => !lastAt.has(accountId));
    return [...found, ...forgotten.map((accountId): Gap => ({ accountId, code: 'no_webhooks', details: {} }))];
  }

  /** Whose a refused body is nobody can say; it may be of any account that got none. */
  private async refused(tx: Tx, ids: readonly number[], lastAt: ReadonlyMap<number, Date>, now: Date): Promise<Gap[]> {
    const count = await this.gaps.refusals(tx, REFUSED_MINUTES);
    if (count < MIN_REFUSED) {
      return [];
    }
    const since = now.getTime() - REFUSED_MINUTES * MINUTE_MS;
    return ids
      .filter((id) => (lastAt.get(id)?.getTime() ?? 0) < since)
      .map((accountId) => ({
        accountId,
        code: 'bad_signatures',
        details: { refused: count, in_minutes: REFUSED_MINUTES },
      }));
  }

  private async behind(tx: Tx, ids: readonly number[]): Promise<Gap[]> {
    const waitedS = await this.gaps.backlogS(tx);
    backlog.set(waitedS);
    return waitedS < BACKLOG_S
      ? []
      : ids.map((accountId) => ({ accountId, code: 'webhook_backlog', details: { waited_s: Math.round(waitedS) } }));
  }

  private async givenUp(tx: Tx, ids: readonly number[]): Promise<Gap[]> {
    return (await this.gaps.deadLetters(tx))
      .filter(({ accountId }) => ids.includes(accountId))
      .map(({ accountId, count, newestId }) => ({
        accountId,
        code: 'webhook_dead_letter',
        details: { count, newest_webhook_log_id: newestId },
      }));
  }
}

/** New, or a dead letter more than was told an hour ago. */
function isNews(gap: Gap, before: OpenGap | undefined, now: Date): boolean {
  if (!before) {
    return true;
  }
  return (
    gap.code === 'webhook_dead_letter' &&
    now.getTime() - before.alertedAt.getTime() > DEAD_LETTERS_EVERY_MS &&
    Number(gap.details.newest_webhook_log_id) > Number(before.details.newest_webhook_log_id)
  );
}

function keyOf({ accountId, code }: { accountId: number; code: GapCode }): string {
  return `${accountId} ${code}`;
}

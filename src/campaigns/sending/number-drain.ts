import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type { Account } from '../../accounts/account.js';
import { counter } from '../../common/metrics.js';
import { sleep } from '../../common/sleep.js';
import { callbackDataOf } from '../../inbox/evidence.js';
import type { Hosting, NumberTurns } from '../../inbox/sending/number-turns.js';
import type { MessagesApi, SendResponse } from '../../meta/api/messages.js';
import type { GraphResult } from '../../meta/graph-client.js';
import { ambiguous, notSent, type GraphErrorKind, type GraphFailure } from '../../meta/graph-error.js';
import { Circuit } from './circuit.js';
import { decide, type Decision } from './decision.js';
import type { DeliveryDesk } from './delivery-desk.js';
import { Guests } from './guests.js';
import { LEASE_MS, type Lease } from './leases.repository.js';
import { Pacer, type Outcome } from './pacer.js';
import type { Attempt, PreparedRecipient, Settled } from './preparation.js';
import type { InHand } from './recipient-preparer.js';
import type { RoundTrip } from './round-trip.js';
import { Settler } from './settler.js';

const HEARTBEAT_MS = 1_000;
/** Renewals are asked for long before the lease ends; after this long without one it may be another's already. */
const LEASE_MARGIN_MS = 1_000;
/** How often it looks what else passes through the number. */
const LOOK_AROUND_MS = 500;
/** How long it looks for those who were sent before it could be asked, in ms. */
const EARLIER_MS = 1_500;
const MAX_IN_FLIGHT = 220;
/** Marked at once: what goes out within this time. A crash leaves at most these and those in flight in doubt. */
const MARK_AHEAD_MS = 25;
/**
 * Where marking itself takes longer (a database far away, or busy), small groups grow with it: else it would set the pace.
 * Not beyond this many: what is marked and not posted when a process dies stays in doubt.
 */
const MOST_MARKED = 30;
const MOST_MARK_AHEAD_MS = 100;
const MARK_AHEAD_FACTOR = 1.3;
const LEAST_MARKED = 16;
/** However slow the number is: nobody is marked who does not go out within about this time. */
const MARKED_SOON_MS = 300;
/** Who was marked and is not posted after this long goes back: the campaign may have been cancelled meanwhile. */
const MOST_MARKED_MS = 1_000;
/** Of the newest marking, in the average of how long it takes. */
const NEWEST_SHARE = 0.2;
/** How much is kept ready, in seconds of sending … */
const AHEAD_S = 1.5;
const MOST_AHEAD_S = 2;
/** … and messages: what a look costs is shared by all that it finds. */
const WANTED = 240;
/**
 * Whoever was made ready longer ago is looked at anew before the message goes out: people opt out, and nights begin, while a
 * number pauses. Well above what is kept ready, so that it happens only then.
 */
const MOST_READY_MS = 3_000;
/** The first look is for few, so that the first message goes out soon. */
const FIRST_SHARE = 0.1;
const LEAST_WANTED = 20;
const BETWEEN_LOOKS_MS = 10;
const IDLE_MS = 200;
const LONGEST_IDLE_MS = 1_000;
const THROTTLED_PAUSE_MS = 500;
const UNREACHABLE_PAUSE_MS = 1_000;
const STOP_DEADLINE_MS = 8_000;
/** An account is read at most a second late, so after this long its credentials are those of now. */
const CREDENTIALS_SETTLE_MS = 1_200;

/** Answers that say nothing good of the number: too fast, not now, or none at all. */
const NO_SIGN_OF_LIFE: readonly GraphErrorKind[] = ['throttled', 'transient', 'ambiguous'];

const sends = counter('parley_campaign_sends_total', 'Campaign messages posted to Meta', ['outcome']);

interface Ready extends PreparedRecipient {
  /** When it came to be ready (`performance.now()`). */
  readyAt: number;
}

/** Attempts that were marked together. */
interface MarkedGroup {
  attempts: readonly Attempt[];
  /** Who is not posted by then (`performance.now()`) goes back. */
  postBy: number;
}

const NOBODY: MarkedGroup = { attempts: [], postBy: Number.POSITIVE_INFINITY };

/**
 * Sends the running campaigns of one number, as long as the lease is held. Three things go on at once: messages are kept
 * ready (up to two seconds' worth), small groups are marked and posted at the number's pace, and answers are stored in
 * batches. There is no barrier between batches, so a hanging answer holds up nobody.
 */
export class NumberDrain {
  private readonly pacer: Pacer;
  private readonly circuit = new Circuit();
  private readonly settler: Settler;
  private readonly ready: Ready[] = [];
  /** Whom it has in hand: ready, about to be marked, on the way, or answered and not stored yet. */
  private readonly held = new Map<number, InHand>();
  private inFlight = 0;
  private leaseUntil: number;
  private isLost = false;
  private isFinished = false;
  private failure: Error | null = null;
  /** Under way while it is not clear whether Meta's refusal of the account still holds. */
  private verdict: Promise<boolean> | null = null;
  private hasPrepared = false;
  private idleMs = IDLE_MS;
  /** The last look found people, and a message for none of them. */
  private foundNobodyFit = false;
  /** How long marking takes of late. */
  private markMs = 0;
  /** How long each of the last group took to be posted: others may share the number, or Graph may be slow. */
  private postMs = 0;
  /** The campaigns that ran, and when that was asked. */
  private running: { ids: ReadonlySet<number>; at: number } = { ids: new Set(), at: Number.NEGATIVE_INFINITY };

  constructor(
    private account: Account,
    private readonly lease: Lease,
    private readonly desk: DeliveryDesk,
    private readonly messagesApi: MessagesApi,
    private readonly turns: NumberTurns,
    private readonly findAccount: (id: number) => Promise<Account | null>,
    private readonly logger: Logger,
    roundTrip: RoundTrip,
  ) {
    this.pacer = new Pacer(account.messagesPerSecond, roundTrip);
    this.leaseUntil = performance.now() + LEASE_MS - LEASE_MARGIN_MS;
    this.settler = new Settler({
      store: (batch) => this.store(batch),
      onStored: (batch) => batch.forEach(({ attempt }) => this.held.delete(attempt.id)),
      logger,
    });
  }

  /** Runs until nothing is left to do, the lease is lost, or the signal aborts; what is in flight is settled either way. */
  async run(signal: AbortSignal): Promise<void> {
    const ended = new AbortController();
    const guests = new Guests(this.pacer);
    const hosting = await this.turns.host(this.account.id, guests);
    const beside = [this.heartbeat(ended.signal), this.lookAround(ended.signal, hosting)];
    try {
      await this.pump(signal);
    } finally {
      await this.finishInFlight();
      ended.abort();
      await hosting.close();
      guests.close();
      await Promise.all([...beside, this.settler.end()]);
      // With requests still out the lease is left to run out: whoever takes it up then says that they are unknown.
      if (!this.isLost && this.inFlight === 0) {
        await this.desk.leave(this.lease);
      }
    }
    if (this.failure) {
      throw this.failure;
    }
  }

  private get mayGoOn(): boolean {
    return !this.isLost && !this.isFinished && !this.failure && performance.now() < this.leaseUntil;
  }

  private async pump(signal: AbortSignal): Promise<void> {
    let filling: Promise<void> | null = null;
    let marked: Promise<MarkedGroup> | null = null;
    while (!signal.aborted && this.mayGoOn) {
      if (!filling && this.ready.length < this.wanted / 3) {
        filling = this.fill()
          .catch((error: unknown) => this.fail(error))
          .finally(() => {
            filling = null;
          });
      }
      const tooEarlyMs = this.pacer.waitMs(performance.now()) - MARKED_SOON_MS;
      if (marked === null && tooEarlyMs > 0) {
        await sleep(Math.min(tooEarlyMs, IDLE_MS), signal);
        continue;
      }
      marked ??= this.markNext();
      const group: MarkedGroup = await marked;
      // The next group is marked while this one goes out, so that the commit costs no pace.
      const isNext = this.ready.length > 0 && !signal.aborted && this.mayGoOn && this.goesOutSoon(group);
      marked = isNext ? this.markNext() : null;
      await this.postAll(group, signal);
      if (group.attempts.length === 0) {
        await (this.ready.length === 0 && filling ? filling : sleep(BETWEEN_LOOKS_MS, signal));
      }
    }
    await filling;
    await this.postAll((await marked) ?? NOBODY, signal);
  }

  /**
   * Posts at the number's pace. What may no longer be posted was provably not sent, and goes back; and what would have to wait
   * for long, for until then its campaign may have been cancelled, or its time be over.
   */
  private async postAll({ attempts, postBy }: MarkedGroup, signal: AbortSignal): Promise<void> {
    const startedAt = performance.now();
    let postedCount = 0;
    for (const attempt of attempts) {
      if (await this.comesToTurn(attempt, postBy, signal)) {
        this.post(attempt);
        postedCount += 1;
      } else {
        this.giveBack(attempt);
      }
    }
    if (attempts.length > 0) {
      this.postMs = (performance.now() - startedAt) / Math.max(1, postedCount);
    }
  }

  /** Waits for its slot. @returns false when it may not be posted, or would be too late */
  private async comesToTurn(attempt: Attempt, postBy: number, signal: AbortSignal): Promise<boolean> {
    while (this.mayPost(attempt, signal)) {
      const mustWait = this.inFlight >= MAX_IN_FLIGHT || this.verdict !== null;
      const now = performance.now();
      const waitMs = mustWait ? 2 : this.pacer.waitMs(now);
      if (now + waitMs >= postBy) {
        return false;
      }
      if (waitMs < 0.3) {
        return true;
      }
      await sleep(waitMs, signal);
    }
    return false;
  }

  private mayPost(attempt: Attempt, signal: AbortSignal): boolean {
    return (
      !signal.aborted &&
      !this.isLost &&
      !this.isFinished &&
      performance.now() < this.leaseUntil + LEASE_MARGIN_MS / 2 &&
      !this.circuit.isOpen(attempt.campaignId) &&
      !this.hasEnded(attempt)
    );
  }

  /** Its campaign ran when it was marked, and does not any more. */
  private hasEnded({ campaignId, expiresAt, markedAt }: Attempt): boolean {
    const hasStopped = markedAt < this.running.at && !this.running.ids.has(campaignId);
    return hasStopped || (expiresAt !== null && expiresAt.getTime() <= Date.now());
  }

  private goesOutSoon({ attempts }: MarkedGroup): boolean {
    const now = performance.now();
    const most = this.mostAtOnce(now);
    return most > 0 && attempts.length <= most && !this.pacer.isProbing && this.pacer.pauseMs(now) === 0;
  }

  /** How many go out within {@link MARKED_SOON_MS}. After a pause it is one, which tells whether the others may follow. */
  private mostAtOnce(now: number): number {
    const eachMs = Math.max(this.postMs, 1_000 / this.pacer.currentRate(now));
    return this.pacer.isProbing ? 1 : Math.floor(MARKED_SOON_MS / eachMs);
  }

  private giveBack(attempt: Attempt): void {
    const failure = notSent('It was taken back before the request was written.');
    const decision: Decision = { type: 'put_back', delayMs: 0, countsAsAttempt: false, pause: null, failure };
    this.settler.add({ attempt, answer: { ok: false, failure }, decision });
  }

  /** How many messages are to be ready after a look. */
  private get wanted(): number {
    const rate = this.pacer.currentRate(performance.now());
    return Math.min(rate * MOST_AHEAD_S, Math.max(rate * AHEAD_S, WANTED));
  }

  private async fill(): Promise<void> {
    const share = this.hasPrepared ? 1 : FIRST_SHARE;
    const least = Math.min(LEAST_WANTED, this.wanted);
    // Many may stand in front of those who can be sent to: in small steps it would take long to get past them.
    const want = this.foundNobodyFit ? WANTED : Math.ceil(Math.max(least, this.wanted * share)) - this.ready.length;
    this.hasPrepared = true;
    const { recipients, foundCount, hasWork } = await this.desk.prepare(this.account, this.lease, want, this.held);
    const readyAt = performance.now();
    this.ready.push(...recipients.map((recipient) => ({ ...recipient, readyAt })));
    this.foundNobodyFit = foundCount > 0 && recipients.length === 0;
    if (!hasWork && this.held.size === 0) {
      this.isFinished = true;
    }
    if (foundCount === 0) {
      // Campaigns may wait for a morning: with nobody in hand there is less and less to look for.
      this.idleMs = this.held.size > 0 ? IDLE_MS : Math.min(LONGEST_IDLE_MS, this.idleMs * 2);
      await sleep(this.idleMs);
    } else {
      this.idleMs = IDLE_MS;
    }
  }

  private async markNext(): Promise<MarkedGroup> {
    if (!this.mayGoOn) {
      return NOBODY;
    }
    const markedAt = performance.now();
    const aheadMs = Math.min(MOST_MARK_AHEAD_MS, Math.max(MARK_AHEAD_MS, this.markMs * MARK_AHEAD_FACTOR));
    const rate = this.pacer.currentRate(markedAt) / 1_000;
    const grown = Math.min(MOST_MARKED, Math.max(LEAST_MARKED, Math.round(rate * aheadMs)));
    const count = Math.min(this.mostAtOnce(markedAt), Math.max(grown, Math.round(rate * MARK_AHEAD_MS)));
    this.dropStale(markedAt);
    const group = this.takeReady(Math.max(1, count)).map((recipient) => ({
      ...recipient,
      attemptToken: randomUUID(),
      markedAt,
    }));
    if (group.length === 0) {
      return NOBODY;
    }
    try {
      const attempts = await this.desk.mark(this.account, this.lease, group);
      const now = performance.now();
      this.markMs += NEWEST_SHARE * (now - markedAt - this.markMs);
      const ours = new Set(attempts.map((attempt) => attempt.id));
      // Those of a campaign that was paused meanwhile, and those who need no message any more, still wait or are settled.
      group.filter(({ id }) => !ours.has(id)).forEach(({ id }) => this.held.delete(id));
      return { attempts, postBy: now + MOST_MARKED_MS };
    } catch (error) {
      // Whether they are marked is not known when the connection broke in the commit; that none was posted is.
      group.forEach((attempt) => this.giveBack(attempt));
      this.fail(error);
      return NOBODY;
    }
  }

  /** Of what was said of people when they were made ready, some may hold no longer. In the database they still wait. */
  private dropStale(now: number): void {
    const fresh = this.ready.findIndex(({ readyAt }) => now - readyAt <= MOST_READY_MS);
    const stale = this.ready.splice(0, fresh === -1 ? this.ready.length : fresh);
    stale.forEach(({ id }) => this.held.delete(id));
  }

  /** The next ones; those of a campaign that is about to be paused stay until it is. */
  private takeReady(count: number): Ready[] {
    if (this.circuit.opened.length === 0) {
      return this.ready.splice(0, count);
    }
    const next = this.ready.filter(({ campaignId }) => !this.circuit.isOpen(campaignId)).slice(0, count);
    const taken = new Set(next);
    this.ready.splice(0, this.ready.length, ...this.ready.filter((recipient) => !taken.has(recipient)));
    return next;
  }

  /** Ends the drain; the sweeper starts another within a second. */
  private fail(error: unknown): void {
    this.failure ??= error instanceof Error ? error : new Error(String(error));
  }

  private post(attempt: Attempt): void {
    const sentAt = performance.now();
    const { account } = this;
    this.pacer.take(sentAt);
    this.inFlight += 1;
    void this.messagesApi
      .send(account, {
        to: attempt.to,
        content: attempt.content,
        callbackData: callbackDataOf(attempt.attemptToken),
      })
      .catch((error: unknown): GraphResult<SendResponse> => ({
        ok: false,
        failure: ambiguous((error as Error).message),
      }))
      .then((answer) => {
        const refused = (kind: GraphErrorKind): Outcome => (NO_SIGN_OF_LIFE.includes(kind) ? 'refused' : 'declined');
        this.pacer.answered(sentAt, performance.now(), answer.ok ? 'accepted' : refused(answer.failure.kind));
        return this.judge(attempt, account, answer);
      })
      .then(({ answer, decision }) => {
        this.inFlight -= 1;
        this.receive(attempt, answer, decision);
      });
  }

  /**
   * A refusal of the account holds for credentials that are still the account's: they may have been put right meanwhile,
   * and then the campaign must not be paused again for the old ones. Nothing is posted until that is clear, and all that
   * were refused so far share the verdict, so that none of them comes in late and pauses a campaign that was resumed.
   */
  private async judge(
    attempt: Attempt,
    account: Account,
    answer: GraphResult<SendResponse>,
  ): Promise<Pick<Settled, 'answer' | 'decision'>> {
    const decision = decide(answer, attempt.attempt);
    if (decision.type !== 'put_back' || decision.pause !== 'account') {
      return { answer, decision };
    }
    this.verdict ??= this.isRefused(account).finally(() => {
      this.verdict = null;
    });
    return { answer, decision: (await this.verdict) ? decision : { ...decision, pause: null } };
  }

  private async isRefused(account: Account): Promise<boolean> {
    await sleep(CREDENTIALS_SETTLE_MS);
    const now = await this.findAccount(account.id).catch(() => null);
    if (now && now.accessToken.reveal() !== account.accessToken.reveal()) {
      this.account = now;
      return false;
    }
    this.isFinished = true;
    return true;
  }

  private receive(attempt: Attempt, answer: GraphResult<SendResponse>, decision: Decision): void {
    if (!answer.ok) {
      this.easeOff(answer.failure);
    }
    this.circuit.watch(attempt, decision);
    sends.inc({ outcome: answer.ok ? 'accepted' : answer.failure.kind });
    this.settler.add({ attempt, answer, decision });
  }

  private easeOff(failure: GraphFailure): void {
    const now = performance.now();
    if (failure.scope === 'template') {
      return;
    }
    if (failure.kind === 'throttled') {
      this.pacer.slowDown(now, failure.retryAfterMs ?? THROTTLED_PAUSE_MS);
    } else if (failure.kind === 'transient' && (failure.retryAfterMs !== null || failure.code === null)) {
      // Maintenance, or nobody there at all: one pause for all instead of a refusal for each.
      this.pacer.block(now, failure.retryAfterMs ?? UNREACHABLE_PAUSE_MS);
    }
  }

  private async store(batch: readonly Settled[]): Promise<void> {
    const opened = this.circuit.opened;
    await this.desk.settle(this.account, batch, opened);
    this.circuit.close(opened);
  }

  private async lookAround(ended: AbortSignal, hosting: Hosting): Promise<void> {
    const hostingFrom = performance.now();
    while (!ended.aborted) {
      try {
        // Who went out right before had nobody to ask, and counts for a second more.
        const haveAsked = hosting.isHeard && performance.now() - hostingFrom > EARLIER_MS;
        const others = await this.desk.countOthers(this.account.id, { haveAsked });
        this.pacer.setOthers(others, performance.now());
      } catch {
        // The heartbeat says what is wrong with the database; the pace stays what it was.
      }
      await sleep(LOOK_AROUND_MS, ended);
    }
  }

  private async heartbeat(ended: AbortSignal): Promise<void> {
    while (!ended.aborted) {
      await sleep(HEARTBEAT_MS, ended);
      if (ended.aborted) {
        return;
      }
      const askedAt = performance.now();
      try {
        if (!(await this.desk.renew(this.lease))) {
          this.isLost = true;
          this.logger.warn({ context: 'NumberDrain', account_id: this.account.id }, 'the sending lease is lost');
          return;
        }
        this.leaseUntil = askedAt + LEASE_MS - LEASE_MARGIN_MS;
        await this.refresh();
      } catch (error) {
        const context = { context: 'NumberDrain', account_id: this.account.id, err: error };
        this.logger.warn(context, 'renewing the sending lease failed');
      }
    }
  }

  /** A pause, a new rate or a new token takes effect within a heartbeat; of a campaign that stopped nothing stays ready. */
  private async refresh(): Promise<void> {
    const account = await this.findAccount(this.account.id);
    if (!account?.isActive) {
      this.isFinished = true;
      return;
    }
    this.account = account;
    this.pacer.setLimit(account.messagesPerSecond);
    const at = performance.now();
    const running = await this.desk.runningIds(this.account.id);
    this.running = { ids: running, at };
    this.circuit.keepOnly(running);
    const stopped = this.ready.filter((recipient) => !running.has(recipient.campaignId));
    if (stopped.length > 0) {
      stopped.forEach(({ id }) => this.held.delete(id));
      this.ready.splice(0, this.ready.length, ...this.ready.filter(({ campaignId }) => running.has(campaignId)));
    }
  }

  private async finishInFlight(): Promise<void> {
    const deadline = performance.now() + STOP_DEADLINE_MS;
    while (this.inFlight > 0 && performance.now() < deadline) {
      await sleep(10);
    }
  }
}

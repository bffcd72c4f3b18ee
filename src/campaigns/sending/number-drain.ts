import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type { Account } from '../../accounts/account.js';
import { counter } from '../../common/metrics.js';
import { sleep } from '../../common/sleep.js';
import { isConnectionLoss } from '../../database/pg-error.js';
import { callbackDataOf } from '../../inbox/evidence.js';
import type { MessagesApi, SendResponse } from '../../meta/api/messages.js';
import type { GraphResult } from '../../meta/graph-client.js';
import { ambiguous, notSent, type GraphFailure } from '../../meta/graph-error.js';
import { decide, type Decision } from './decision.js';
import type { DeliveryDesk } from './delivery-desk.js';
import { LEASE_MS, type Lease } from './leases.repository.js';
import { Pacer } from './pacer.js';
import type { Attempt, PreparedRecipient, Settled } from './preparation.js';

const HEARTBEAT_MS = 1_000;
/** Renewals are asked for long before the lease ends; after this long without one it may be another's already. */
const LEASE_MARGIN_MS = 1_000;
const MAX_IN_FLIGHT = 220;
/** Marked at once: what goes out within this time. A crash leaves at most these and those in flight in doubt. */
const MARK_AHEAD_MS = 20;
/** The first claim is small, so that the first message goes out soon. */
const FIRST_CLAIM_SHARE = 0.1;
const IDLE_MS = 200;
const SETTLE_BATCH = 500;
const SETTLE_EVERY_MS = 30;
const SETTLE_RETRY_MS = 250;
const UNREACHABLE_PAUSE_MS = 1_000;
const STOP_DEADLINE_MS = 8_000;
/** An account is read at most a second late, so after this long its credentials are those of now. */
const CREDENTIALS_SETTLE_MS = 1_200;
/** Refusals of one kind in a row that pause a campaign: the template or its parameters are wrong for everyone. */
const CIRCUIT_LIMIT = 20;

const sends = counter('parley_campaign_sends_total', 'Campaign messages posted to Meta', ['outcome']);

/**
 * Sends the running campaigns of one number, as long as the lease is held. Three things go on at once: claimed recipients
 * are kept ready (about a second's worth), small groups are marked and posted at the number's pace, and answers are stored
 * in batches. There is no barrier between batches, so a hanging answer holds up nobody.
 */
export class NumberDrain {
  private readonly pacer: Pacer;
  private readonly ready: PreparedRecipient[] = [];
  private readonly settled: Settled[] = [];
  private inFlight = 0;
  private leaseUntil: number;
  private isLost = false;
  private isFinished = false;
  private failure: Error | null = null;
  /** Under way while it is not clear whether Meta's refusal of the account still holds. */
  private verdict: Promise<boolean> | null = null;
  private hasClaimed = false;
  private wakeSettler: (() => void) | null = null;
  private readonly refusals = new Map<number, { code: number; count: number }>();
  private readonly openCircuits = new Map<number, GraphFailure>();
  /** When a campaign was last paused here. What was marked before says nothing of how it goes once resumed. */
  private readonly pausedAt = new Map<number, number>();

  constructor(
    private account: Account,
    private readonly lease: Lease,
    private readonly desk: DeliveryDesk,
    private readonly messagesApi: MessagesApi,
    private readonly findAccount: (id: number) => Promise<Account | null>,
    private readonly logger: Logger,
  ) {
    this.pacer = new Pacer(account.messagesPerSecond);
    this.leaseUntil = performance.now() + LEASE_MS - LEASE_MARGIN_MS;
  }

  /** Runs until nothing is left to do, the lease is lost, or the signal aborts; what is in flight is settled either way. */
  async run(signal: AbortSignal): Promise<void> {
    const ended = new AbortController();
    const heartbeat = this.heartbeat(ended.signal);
    const settler = this.settleLoop(ended.signal);
    try {
      await this.pump(signal);
    } finally {
      await this.finishInFlight();
      ended.abort();
      this.wakeSettler?.();
      await Promise.all([heartbeat, settler]);
      // With requests still out the lease is left to run out: whoever takes it up then says that they are unknown.
      if (!this.isLost && this.inFlight === 0) {
        await this.desk.leave(
          this.lease,
          this.ready.splice(0).map((recipient) => recipient.id),
        );
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
    let marked: Promise<Attempt[]> | null = null;
    while (!signal.aborted && this.mayGoOn) {
      if (!filling && this.ready.length < this.pacer.currentRate(performance.now()) / 2) {
        filling = this.fill()
          .catch((error: unknown) => this.fail(error))
          .finally(() => {
            filling = null;
          });
      }
      marked ??= this.markNext();
      const attempts = await marked;
      // The next group is marked while this one goes out, so that the commit costs no pace.
      marked = this.ready.length > 0 && !signal.aborted && this.mayGoOn ? this.markNext() : null;
      await this.postAll(attempts, signal);
      if (attempts.length === 0 && this.ready.length === 0) {
        await (filling ?? sleep(IDLE_MS, signal));
      }
    }
    await filling;
    await this.postAll((await marked) ?? [], signal);
  }

  /** Posts at the number's pace. What may no longer be posted was provably not sent, and goes back. */
  private async postAll(attempts: readonly Attempt[], signal: AbortSignal): Promise<void> {
    for (const attempt of attempts) {
      while (this.mayPost(signal)) {
        const mustWait = this.inFlight >= MAX_IN_FLIGHT || this.verdict !== null;
        const waitMs = mustWait ? 2 : this.pacer.waitMs(performance.now());
        if (waitMs < 0.3) {
          break;
        }
        await sleep(waitMs, signal);
      }
      if (this.mayPost(signal)) {
        this.post(attempt);
      } else {
        this.giveBack(attempt);
      }
    }
  }

  private mayPost(signal: AbortSignal): boolean {
    return (
      !signal.aborted && !this.isLost && !this.isFinished && performance.now() < this.leaseUntil + LEASE_MARGIN_MS / 2
    );
  }

  private giveBack(attempt: Attempt): void {
    const failure = notSent('The sender stopped before the request was written.');
    this.settled.push({
      attempt,
      answer: { ok: false, failure },
      decision: { type: 'put_back', delayMs: 0, countsAsAttempt: false, pause: null, failure },
    });
  }

  private async fill(): Promise<void> {
    const share = this.hasClaimed ? 1 : FIRST_CLAIM_SHARE;
    const want = Math.max(20, Math.ceil(this.pacer.currentRate(performance.now()) * share)) - this.ready.length;
    this.hasClaimed = true;
    const { recipients, hasWork } = await this.desk.claim(this.account, this.lease, want);
    this.ready.push(...recipients);
    if (!hasWork && this.ready.length === 0 && this.inFlight === 0 && this.settled.length === 0) {
      this.isFinished = true;
    }
    if (recipients.length === 0) {
      await sleep(IDLE_MS);
    }
  }

  private async markNext(): Promise<Attempt[]> {
    if (!this.mayGoOn) {
      return [];
    }
    const count = Math.max(1, Math.round((this.pacer.currentRate(performance.now()) * MARK_AHEAD_MS) / 1_000));
    const markedAt = performance.now();
    const group = this.ready
      .splice(0, count)
      .map((recipient) => ({ ...recipient, attemptToken: randomUUID(), markedAt }));
    if (group.length === 0) {
      return [];
    }
    try {
      return await this.desk.mark(this.account, this.lease, group);
    } catch (error) {
      // Whether they are marked is not known when the connection broke in the commit; that none was posted is.
      group.forEach((attempt) => this.giveBack(attempt));
      this.fail(error);
      return [];
    }
  }

  /**
   * Ends the drain. What was claimed by a statement whose answer is lost is known to nobody here, and only the next lease
   * finds it; the sweeper starts one within a second.
   */
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
        this.pacer.answered(sentAt, performance.now());
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
    if (attempt.markedAt >= (this.pausedAt.get(attempt.campaignId) ?? 0)) {
      this.watchCircuit(
        attempt.campaignId,
        decision.type === 'fail' && decision.isTemplateWide ? decision.failure : null,
      );
    }
    sends.inc({ outcome: answer.ok ? 'accepted' : answer.failure.kind });
    this.settled.push({ attempt, answer, decision });
    if (this.settled.length >= SETTLE_BATCH) {
      this.wakeSettler?.();
    }
  }

  private easeOff(failure: GraphFailure): void {
    const now = performance.now();
    if (failure.kind === 'throttled') {
      this.pacer.slowDown(now, failure.retryAfterMs ?? 500);
    } else if (failure.kind === 'transient' && (failure.retryAfterMs !== null || failure.code === null)) {
      // Maintenance, or nobody there at all: one pause for all instead of a refusal for each.
      this.pacer.block(now, failure.retryAfterMs ?? UNREACHABLE_PAUSE_MS);
    }
  }

  /** The same refusal again and again says that the template or its parameters are wrong for everyone. */
  private watchCircuit(campaignId: number, failure: GraphFailure | null): void {
    if (failure?.code === undefined || failure.code === null) {
      this.refusals.delete(campaignId);
      return;
    }
    const before = this.refusals.get(campaignId);
    const count = before?.code === failure.code ? before.count + 1 : 1;
    this.refusals.set(campaignId, { code: failure.code, count });
    if (count >= CIRCUIT_LIMIT) {
      this.openCircuits.set(campaignId, failure);
    }
  }

  /** Once resumed, a campaign has the whole run of refusals before it again. */
  private closeCircuit(campaignId: number): void {
    this.openCircuits.delete(campaignId);
    this.refusals.delete(campaignId);
    this.pausedAt.set(campaignId, performance.now());
  }

  /** Stores answers in batches. An answer in our hands is stored however long the database is away. */
  private async settleLoop(ended: AbortSignal): Promise<void> {
    while (!ended.aborted || this.settled.length > 0) {
      if (this.settled.length < SETTLE_BATCH && !ended.aborted) {
        await this.settleWait();
      }
      const batch = this.settled.slice(0, SETTLE_BATCH);
      if (batch.length === 0) {
        continue;
      }
      try {
        const open = new Map(this.openCircuits);
        await this.desk.settle(this.account, batch, open);
        this.settled.splice(0, batch.length);
        open.forEach((_failure, campaignId) => this.closeCircuit(campaignId));
      } catch (error) {
        this.logger.warn(
          { context: 'NumberDrain', account_id: this.account.id, err: error },
          'storing answers failed; trying again',
        );
        await (isConnectionLoss(error) ? sleep(SETTLE_RETRY_MS) : this.settleOneByOne(batch));
      }
    }
  }

  /** One answer that cannot be stored must not hold up the others: its recipient stays in doubt until a status tells. */
  private async settleOneByOne(batch: readonly Settled[]): Promise<void> {
    for (const item of batch) {
      try {
        await this.desk.settle(this.account, [item], new Map());
      } catch (error) {
        if (isConnectionLoss(error)) {
          return;
        }
        this.logger.error(
          { context: 'NumberDrain', recipient_id: item.attempt.id, err: error },
          'an answer could not be stored',
        );
      }
      this.settled.splice(this.settled.indexOf(item), 1);
    }
  }

  private settleWait(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, SETTLE_EVERY_MS);
      this.wakeSettler = () => {
        clearTimeout(timer);
        resolve();
      };
    });
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
        this.logger.warn(
          { context: 'NumberDrain', account_id: this.account.id, err: error },
          'renewing the sending lease failed',
        );
      }
    }
  }

  /** A pause, a new rate or a new token takes effect within a heartbeat; a campaign that stopped gives back what was ready. */
  private async refresh(): Promise<void> {
    const account = await this.findAccount(this.account.id);
    if (!account?.isActive) {
      this.isFinished = true;
      return;
    }
    this.account = account;
    this.pacer.setLimit(account.messagesPerSecond);
    const running = await this.desk.runningIds(this.account.id);
    for (const campaignId of this.refusals.keys()) {
      if (!running.has(campaignId)) {
        this.refusals.delete(campaignId);
      }
    }
    const stopped = this.ready.filter((recipient) => !running.has(recipient.campaignId));
    if (stopped.length > 0) {
      const ids = new Set(stopped.map((recipient) => recipient.id));
      this.ready.splice(0, this.ready.length, ...this.ready.filter((recipient) => !ids.has(recipient.id)));
      await this.desk.unclaim(this.lease, [...ids]);
    }
  }

  private async finishInFlight(): Promise<void> {
    const deadline = performance.now() + STOP_DEADLINE_MS;
    while (this.inFlight > 0 && performance.now() < deadline) {
      await sleep(10);
    }
  }
}

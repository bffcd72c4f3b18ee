import type { GraphFailure } from '../../meta/graph-error.js';
import type { Decision } from './decision.js';
import type { Attempt } from './preparation.js';
import { UnknownCodeWatch } from './unknown-code-watch.js';

/** Refusals of one kind in a row that pause a campaign: the template or its parameters are wrong for everyone. */
const MOST_EQUAL_REFUSALS = 20;

/** A campaign that is to be paused, and over what. */
export interface OpenCircuit {
  campaignId: number;
  code: string;
  failure: GraphFailure;
}

/** Watches the answers of each campaign for what will not end by itself. */
export class Circuit {
  private readonly refusals = new Map<number, { code: number; count: number }>();
  private readonly unknownCodes = new UnknownCodeWatch();
  private readonly open = new Map<number, OpenCircuit>();
  /** When a campaign was last paused here. What was marked before says nothing of how it goes once resumed. */
  private readonly pausedAt = new Map<number, number>();

  /** Campaigns that must be paused, until {@link close} says that they are. */
  get opened(): OpenCircuit[] {
    return [...this.open.values()];
  }

  /** It is to be paused: nothing more of it may go out until it is. */
  isOpen(campaignId: number): boolean {
    return this.open.has(campaignId);
  }

  watch({ campaignId, markedAt }: Attempt, decision: Decision): void {
    if (markedAt < (this.pausedAt.get(campaignId) ?? 0)) {
      return;
    }
    this.watchUnknownCodes(campaignId, decision);
    const failure = decision.type === 'fail' && decision.isTemplateWide ? decision.failure : null;
    if (failure?.code === undefined || failure.code === null) {
      this.refusals.delete(campaignId);
      return;
    }
    const before = this.refusals.get(campaignId);
    const count = before?.code === failure.code ? before.count + 1 : 1;
    this.refusals.set(campaignId, { code: failure.code, count });
    if (count >= MOST_EQUAL_REFUSALS) {
      this.open.set(campaignId, { campaignId, code: 'too_many_equal_failures', failure });
    }
  }

  /** Only answers that say something of the message: accepted, or refused for good. */
  private watchUnknownCodes(campaignId: number, decision: Decision): void {
    if (decision.type === 'accept') {
      this.unknownCodes.observe(campaignId, null);
    } else if (decision.type === 'fail' && this.unknownCodes.observe(campaignId, decision.failure)) {
      this.open.set(campaignId, { campaignId, code: 'unknown_errors', failure: decision.failure });
    }
  }

  /** They are paused. Once resumed, a campaign has the whole run of refusals before it again. */
  close(circuits: readonly OpenCircuit[]): void {
    for (const { campaignId } of circuits) {
      this.open.delete(campaignId);
      this.refusals.delete(campaignId);
      this.unknownCodes.forget(campaignId);
      this.pausedAt.set(campaignId, performance.now());
    }
  }

  /** Campaigns that run no more begin anew if they ever do again. */
  keepOnly(running: ReadonlySet<number>): void {
    for (const campaignId of this.refusals.keys()) {
      if (!running.has(campaignId)) {
        this.refusals.delete(campaignId);
      }
    }
  }
}

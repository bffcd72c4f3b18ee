import type { GraphFailure } from '../../meta/graph-error.js';

/** Answers that are looked at together. */
const WINDOW = 500;
/** Of them, how many may be refusals that nobody understands: 2 %. */
const MAX_UNKNOWN = 10;

/** The last answers of one campaign: a ring, in which a mark stands for a refusal that nobody understands. */
interface Answers {
  marks: Uint8Array;
  next: number;
  unknown: number;
}

/**
 * Watches for refusals with codes that Meta does not document. One is a recipient's bad luck; more than 2 % of the last 500
 * answers say that something is wrong that we do not know, and that a person should look before the list is used up.
 */
export class UnknownCodeWatch {
  private readonly campaigns = new Map<number, Answers>();

  /**
   * Takes down an answer; throttling and lost answers are none, leave them out.
   * @param failure null: accepted
   * @returns true when the campaign must pause now; it then has the whole window before it again
   */
  observe(campaignId: number, failure: GraphFailure | null): boolean {
    const isUnknown = failure !== null && !failure.isDocumented;
    const known = this.campaigns.get(campaignId);
    if (!known && !isUnknown) {
      // Nothing to remember until there is something to worry about.
      return false;
    }
    const answers = known ?? { marks: new Uint8Array(WINDOW), next: 0, unknown: 0 };
    answers.unknown += Number(isUnknown) - (answers.marks[answers.next] ?? 0);
    answers.marks[answers.next] = Number(isUnknown);
    answers.next = (answers.next + 1) % WINDOW;
    if (answers.unknown === 0 || answers.unknown > MAX_UNKNOWN) {
      this.campaigns.delete(campaignId);
    } else {
      this.campaigns.set(campaignId, answers);
    }
    return answers.unknown > MAX_UNKNOWN;
  }

  /** It was paused, or runs no more. */
  forget(campaignId: number): void {
    this.campaigns.delete(campaignId);
  }
}

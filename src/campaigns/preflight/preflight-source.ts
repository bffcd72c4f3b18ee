import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import type { Account } from '../../accounts/account.js';
import { within } from '../../common/within.js';
import { Config } from '../../config/config.js';
import { LOGGER } from '../../config/logger.module.js';
import type { Patience } from '../audience/audience-endpoint.js';
import { AudienceIntake, type Visibility } from '../audience/audience-intake.js';
import { asDuplicate, readPerson } from '../audience/audience-person.js';
import { AudienceFailure } from '../audience/audience-source.js';
import { AudienceSources, isBuiltIn, type OpenedAudience } from '../audience/audience-sources.js';
import type { CampaignRow } from '../campaigns.repository.js';
import type { AudienceLine } from '../recipients.repository.js';
import type { PeopleSource } from './preflight.repository.js';

/** While somebody waits for the answer. */
const PATIENCE: Patience = { answerMs: 8_000, retryAfterMs: [500] };
const FIRST_DEADLINE_MS = 15_000;
/** An audience from outside is read so far, and no longer than so long; what is known of it then is shown. */
const MOST_PEOPLE = 100_000;
const READING_MS = 10_000;

/** Where a campaign's people are to be looked for. */
export interface FoundSource {
  source: PeopleSource;
  /** Not everybody is in it: the audience is too large to be asked for whole, or is still being brought in. */
  isPartial: boolean;
  /** Why they could not be asked for. */
  error: string | null;
}

const NOBODY: PeopleSource = { kind: 'listed', people: [] };

/** Finds the people of a campaign without bringing them in. */
@Injectable()
export class PreflightSource {
  constructor(
    private readonly audiences: AudienceSources,
    private readonly intake: AudienceIntake,
    private readonly config: Config,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * @param visible whose people the caller may see
   * @param mostPeople so many of an audience from outside are enough
   */
  async of(
    account: Account,
    visible: Visibility,
    campaign: CampaignRow,
    mostPeople = MOST_PEOPLE,
  ): Promise<FoundSource> {
    const { id, audience_type: type, audience_filters: filters, run_no, audience_state } = campaign;
    if (run_no > 0) {
      const source: PeopleSource = { kind: 'recipients', campaignId: id, hasLowerCaseColumns: type === 'csv' };
      return { source, isPartial: audience_state === 'resolving', error: null };
    }
    try {
      const opened = await within(FIRST_DEADLINE_MS, this.audiences.open(account, campaign, PATIENCE), tooSlow);
      if (opened) {
        return await this.listed(opened, mostPeople);
      }
    } catch (error) {
      if (!(error instanceof AudienceFailure)) {
        throw error;
      }
      this.logger.warn({ context: 'PreflightSource', campaign_id: id, err: error }, 'an audience failed');
      return { source: NOBODY, isPartial: true, error: error.message };
    }
    if (!isBuiltIn(type)) {
      return { source: NOBODY, isPartial: false, error: `there is no audience "${type}".` };
    }
    const source: PeopleSource =
      type === 'csv'
        ? { kind: 'recipients', campaignId: id, hasLowerCaseColumns: true }
        : {
            kind: 'contacts',
            compile: (firstParameter) => this.intake.compile(account, visible, filters, firstParameter),
          };
    return { source, isPartial: false, error: null };
  }

  private async listed({ batches }: OpenedAudience, mostPeople: number): Promise<FoundSource> {
    const people: AudienceLine[] = [];
    const seen = new Set<string>();
    const enoughAt = performance.now() + READING_MS;
    let isPartial = false;
    try {
      for (;;) {
        const { done, value } = await within(FIRST_DEADLINE_MS, batches.next(), tooSlow);
        if (done) {
          break;
        }
        for (const [at, given] of value.people.entries()) {
          const person = readPerson(given, value.index + at + 1, this.config.defaultCountry);
          people.push(seen.has(person.identity) ? asDuplicate(person) : person);
          seen.add(person.identity);
        }
        if (value.next !== null && (people.length >= mostPeople || performance.now() > enoughAt)) {
          isPartial = true;
          break;
        }
      }
    } finally {
      // Not awaited: what hangs in its next row would hang here too.
      batches.return(undefined).catch(() => undefined);
    }
    return { source: { kind: 'listed', people }, isPartial, error: null };
  }
}

function tooSlow(): AudienceFailure {
  return new AudienceFailure('The audience took too long to answer.');
}

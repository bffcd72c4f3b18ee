import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import type { Account } from '../../accounts/account.js';
import { AppError, invalidField } from '../../common/app-error.js';
import { within } from '../../common/within.js';
import { LOGGER } from '../../config/logger.module.js';
import type { Tx } from '../../database/database.js';
import type { CampaignRow } from '../campaigns.repository.js';
import { RecipientsRepository } from '../recipients.repository.js';
import { BATCH } from './audience-code.js';
import type { Patience } from './audience-endpoint.js';
import { AudienceIntake, type Visibility } from './audience-intake.js';
import { writeProgress, type AudienceProgress } from './audience-progress.js';
import { AudienceFailure, START, type PeopleBatch, type Position } from './audience-source.js';
import { AudienceSources, isBuiltIn, type Giver, type OpenedAudience } from './audience-sources.js';
import { AudienceRepository } from './audience.repository.js';

export type { Visibility } from './audience-intake.js';

/** While somebody waits for the answer. */
const PATIENCE: Patience = { answerMs: 8_000, retryAfterMs: [500] };
/** In which the first people must come, and after which no more of them are waited for. */
const FIRST_DEADLINE_MS = 20_000;
const MORE_DEADLINE_MS = 5_000;

/** The first people of an audience that comes from outside, and what the campaign was when they were asked for. */
export interface Probe {
  asked: string;
  /** Null: its people are rows of ours. */
  first: { giver: Giver; batch: PeopleBatch } | null;
}

/** The campaign was changed between asking for its people and starting it. */
export class AudienceChanged extends AppError {
  constructor() {
    super('conflict', 'The campaign was changed while its audience was asked for. Run it again.');
    this.name = 'AudienceChanged';
  }
}

/** Who a campaign is for, from whichever source. */
@Injectable()
export class CampaignAudience {
  constructor(
    private readonly sources: AudienceSources,
    private readonly intake: AudienceIntake,
    private readonly repository: AudienceRepository,
    private readonly recipients: RecipientsRepository,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** @throws `400 validation_failed` naming what is wrong with the audience */
  check(
    account: Account,
    visible: Visibility,
    audience: Pick<CampaignRow, 'audience_type' | 'audience_filters'>,
  ): void {
    if (isBuiltIn(audience.audience_type)) {
      this.intake.compile(account, visible, audience.audience_filters);
    } else if (!this.sources.isKnown(audience.audience_type)) {
      throw unknownAudience(audience.audience_type);
    }
  }

  /** Are its people our contacts for certain? Of others the columns are known once they are there. */
  isOfContacts(audienceType: string): boolean {
    return this.sources.isOfContacts(audienceType);
  }

  /**
   * Asks for the first people of an audience that comes from outside. Before the transaction of the run, in which nobody is
   * waited for.
   * @throws `audience_failed` when it cannot be read; `400` when nobody knows it
   */
  async probe(account: Account, campaign: CampaignRow): Promise<Probe> {
    const asked = askedOf(campaign);
    if (campaign.run_no > 0) {
      return { asked, first: null };
    }
    try {
      const opened = await within(FIRST_DEADLINE_MS, this.sources.open(account, campaign, PATIENCE), tooSlow);
      if (opened) {
        return { asked, first: { giver: opened.giver, batch: await firstOf(opened) } };
      }
    } catch (error) {
      if (!(error instanceof AudienceFailure)) {
        throw error;
      }
      this.logger.error({ context: 'CampaignAudience', campaign_id: campaign.id, err: error }, 'an audience failed');
      throw new AppError('audience_failed', error.message);
    }
    if (!isBuiltIn(campaign.audience_type)) {
      throw unknownAudience(campaign.audience_type);
    }
    return { asked, first: null };
  }

  /**
   * Brings in its first people, in the transaction that starts it; the worker brings in the others.
   * @throws AudienceChanged; `audience_empty` when there is nobody to send to
   */
  async begin(tx: Tx, account: Account, campaign: CampaignRow, { asked, first }: Probe): Promise<void> {
    if (asked !== askedOf(campaign)) {
      throw new AudienceChanged();
    }
    if (campaign.run_no > 0) {
      await this.recipients.skipLeftInPeace(tx, account, campaign.id);
    }
    const isMore = campaign.run_no === 0 && (await this.bringFirst(tx, account, campaign, first));
    if (!isMore && !(await this.recipients.hasPending(tx, campaign.id))) {
      throw new AppError('audience_empty', 'There is nobody to send to: upload a file, or widen the filters.');
    }
  }

  /** @returns whether there are more than these */
  private async bringFirst(tx: Tx, account: Account, campaign: CampaignRow, first: Probe['first']): Promise<boolean> {
    const progress = await this.takeFirst(tx, account, campaign, first);
    const state = progress === null ? 'resolved' : 'resolving';
    await this.repository.begin(tx, campaign.id, state, progress && writeProgress(progress));
    return progress !== null;
  }

  private async takeFirst(
    tx: Tx,
    account: Account,
    campaign: CampaignRow,
    first: Probe['first'],
  ): Promise<AudienceProgress | null> {
    if (first) {
      await this.recipients.clear(tx, campaign.id);
      return this.intake.takePeople(tx, account, campaign.id, first.batch, first.giver, START);
    }
    if (campaign.audience_type === 'csv') {
      await this.recipients.skipLeftInPeace(tx, account, campaign.id);
      return null;
    }
    await this.recipients.clear(tx, campaign.id);
    const from = { after: 0, until: await this.repository.lastContactId(tx) };
    return this.intake.takeContacts(tx, account, campaign, from, BATCH);
  }
}

/** The first batches of a source as one, as many as make a page or come in good time. */
async function firstOf({ batches }: OpenedAudience): Promise<PeopleBatch> {
  const people: unknown[] = [];
  let next: Position | null = null;
  const enoughAt = performance.now() + MORE_DEADLINE_MS;
  try {
    do {
      const result = await within(FIRST_DEADLINE_MS, batches.next(), tooSlow);
      if (result.done) {
        next = null;
        break;
      }
      people.push(...result.value.people);
      next = result.value.next;
    } while (next !== null && people.length < BATCH && performance.now() < enoughAt);
  } finally {
    // Not awaited: what hangs in its next row would hang here too.
    batches.return(undefined).catch(() => undefined);
  }
  return { people, index: 0, next };
}

/** What its people depend on. */
function askedOf({ audience_type, audience_filters, run_no }: CampaignRow): string {
  return JSON.stringify([audience_type, audience_filters, run_no]);
}

function tooSlow(): AudienceFailure {
  return new AudienceFailure('The audience took too long to answer.');
}

function unknownAudience(name: string): AppError {
  return invalidField(
    'audience_type',
    'unknown_audience',
    `audience_type: there is no audience "${name}". GET /audiences lists them.`,
  );
}

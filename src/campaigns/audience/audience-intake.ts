import { Injectable } from '@nestjs/common';
import type { Account } from '../../accounts/account.js';
import { Config } from '../../config/config.js';
import { ContactAudience, type CompiledAudience } from '../../contacts/contact-audience.js';
import type { Tx } from '../../database/database.js';
import { RecipientsRepository } from '../recipients.repository.js';
import { asDuplicate, readPerson } from './audience-person.js';
import type { AudienceProgress } from './audience-progress.js';
import type { PeopleBatch, Position } from './audience-source.js';
import type { Giver } from './audience-sources.js';
import { AudienceRepository, FIRST_AUDIENCE_PARAMETER } from './audience.repository.js';

/** What a caller may see: null is everything. */
export type Visibility = readonly number[] | null;

/** What of a campaign says which contacts are meant. */
export interface ContactsWanted {
  id: number;
  audience_filters: Record<string, unknown>;
  visible_account_ids: Visibility;
}

/** Turns a page of an audience into recipients, each person once, in the caller's transaction. */
@Injectable()
export class AudienceIntake {
  constructor(
    private readonly contacts: ContactAudience,
    private readonly repository: AudienceRepository,
    private readonly recipients: RecipientsRepository,
    private readonly config: Config,
  ) {}

  /**
   * The contacts meant, as a query to embed.
   * @throws `400 validation_failed` naming each wrong filter
   */
  compile(
    account: Account,
    visible: Visibility,
    filters: Record<string, unknown>,
    firstParameter = FIRST_AUDIENCE_PARAMETER,
  ): CompiledAudience {
    return this.contacts.compile(filters, {
      accountIds: visible,
      accountId: account.id,
      portfolio: account.portfolio,
      firstParameter,
    });
  }

  /** @returns where it goes on; null: these were the last */
  async takeContacts(
    tx: Tx,
    account: Account,
    campaign: ContactsWanted,
    from: { after: number; until: number },
    limit: number,
  ): Promise<AudienceProgress | null> {
    const audience = this.compile(account, campaign.visible_account_ids, campaign.audience_filters);
    const key = { accountId: account.id, campaignId: campaign.id };
    const lastRecipientId = await this.repository.lastRecipientId(tx, campaign.id);
    const last = await this.repository.insertContacts(tx, key, audience, { ...from, limit });
    await this.finish(tx, campaign.id, lastRecipientId);
    return last === null ? null : { giver: 'contacts', after: last, until: from.until };
  }

  /**
   * @param from how far the audience was read before: people of it who come again are no duplicates
   * @returns where it goes on; null: these were the last
   */
  async takePeople(
    tx: Tx,
    account: Account,
    campaignId: number,
    batch: PeopleBatch,
    giver: Giver,
    from: Position,
  ): Promise<AudienceProgress | null> {
    const lastRecipientId = await this.repository.lastRecipientId(tx, campaignId);
    const lines = batch.people.map((person, at) =>
      readPerson(person, batch.index + at + 1, this.config.defaultCountry),
    );
    const added = await this.recipients.insertLines(tx, account.id, campaignId, lines);
    const duplicates = batch.index < from.index ? [] : lines.filter(({ line }) => !added.has(line)).map(asDuplicate);
    if (duplicates.length > 0) {
      await this.recipients.insertLines(tx, account.id, campaignId, duplicates);
    }
    await this.repository.skipLeftInPeace(tx, account, campaignId, lastRecipientId);
    await this.finish(tx, campaignId, lastRecipientId);
    return batch.next && { giver, ...batch.next };
  }

  /** What every page needs before anybody sees it, for the recipients behind the given one. */
  private async finish(tx: Tx, campaignId: number, afterRecipientId: number): Promise<void> {
    await this.recipients.split(tx, campaignId, afterRecipientId);
  }
}

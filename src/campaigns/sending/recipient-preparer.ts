import { Injectable } from '@nestjs/common';
import type { Account } from '../../accounts/account.js';
import { peopleLimitOf } from '../../accounts/messaging-limit.js';
import { PeopleService } from '../../contacts/people.service.js';
import type { Person } from '../../contacts/person.js';
import { Database, type Tx } from '../../database/database.js';
import { ConversationsRepository } from '../../inbox/conversations.repository.js';
import type { QuietHours } from '../campaign.entity.js';
import type { RunningCampaign } from '../campaigns.repository.js';
import { fieldsOf } from '../parameter-plan.js';
import { countryOfPerson } from '../pricing/phone-country.js';
import { contactFieldsAmong, fieldReader, type MappedRecipient } from '../recipient-fields.js';
import { RecipientsRepository, type Rejection, type WaitingRecipient } from '../recipients.repository.js';
import type { Lease } from './leases.repository.js';
import { composeMessage, type PreparedRecipient, type SendingCampaign } from './preparation.js';
import { quietUntil, zonesOf } from './quiet-hours.js';
import { SendingLimitsRepository } from './sending-limits.repository.js';

/** Why recipients were put off. */
export type WaitingReason = 'quiet_hours' | 'messaging_limit';

export interface Preparation {
  prepared: PreparedRecipient[];
  /** Recipients that were looked at; 0: nobody of the campaign may be written to now. */
  foundCount: number;
  /** Why some of them were put off; null: none was. */
  putOff: WaitingReason | null;
}

/** What the drain has in hand already, by recipient: until its answer is stored. In the database they wait or are on their way. */
export type Held = ReadonlyMap<number, InHand>;

export interface InHand {
  campaignId: number;
  contactId: number;
}

/** Somebody found, with who they are. */
interface Candidate {
  recipient: WaitingRecipient & Pick<MappedRecipient, 'contact'>;
  contactId: number;
  conversationId: number;
}

/** Makes the messages of those who are next, and leaves in peace whom it must. */
@Injectable()
export class RecipientPreparer {
  constructor(
    private readonly database: Database,
    private readonly recipients: RecipientsRepository,
    private readonly people: PeopleService,
    private readonly conversations: ConversationsRepository,
    private readonly limits: SendingLimitsRepository,
  ) {}

  /**
   * Nothing is claimed: the number's lease is the claim, and {@link RecipientsRepository.markSending} asks again whether each
   * still waits.
   */
  prepare(
    account: Account,
    lease: Lease,
    campaign: RunningCampaign,
    messages: ReadonlyMap<number | null, SendingCampaign>,
    limit: number,
    held: Held,
  ): Promise<Preparation> {
    return this.database.transactionByKey(async (tx) => {
      const found = await this.recipients.findWaiting(tx, lease, campaign.id, limit, [...held.keys()]);
      const awake = await this.deferQuiet(tx, campaign.quietHours, found);
      const people = await this.identify(tx, account, awake);
      const candidates = await this.onceEach(tx, campaign.id, people, held);
      const allowed = await this.withinLimits(tx, account, campaign, messages, candidates, held);
      const known = await this.withContacts(tx, account, messages, allowed);
      const composed = await this.compose(tx, campaign, messages, known);
      const prepared = await this.withPlace(tx, account, campaign, composed);
      const sleeping = awake.length < found.length ? 'quiet_hours' : null;
      const putOff = prepared.length < composed.length ? 'messaging_limit' : sleeping;
      return { prepared, foundCount: found.length, putOff };
    });
  }

  /** Those whose country sleeps wait for its morning. @returns the others */
  private async deferQuiet(
    tx: Tx,
    quiet: QuietHours | null,
    found: readonly WaitingRecipient[],
  ): Promise<readonly WaitingRecipient[]> {
    if (quiet === null) {
      return found;
    }
    const now = new Date();
    const byCountry = new Map<string | null, Date | null>();
    const mornings = found.map((recipient) => {
      const country = countryOfPerson(recipient);
      if (!byCountry.has(country)) {
        byCountry.set(country, quietUntil(quiet, zonesOf(country), now));
      }
      return byCountry.get(country) ?? null;
    });
    await this.recipients.defer(
      tx,
      found.flatMap(({ id }, index) => {
        const until = mornings[index];
        return until ? [{ id, until }] : [];
      }),
    );
    return found.filter((_recipient, index) => !mornings[index]);
  }

  /** Who they are, and the thread with each; those who opted out or were blocked meanwhile are skipped. */
  private async identify(tx: Tx, account: Account, found: readonly WaitingRecipient[]): Promise<Candidate[]> {
    if (found.length === 0) {
      return [];
    }
    const people = await this.people.ensure(
      tx,
      account,
      found.map(({ phone, userId, name }) => ({ phone, userId, name: name || null })),
    );
    const conversationIds = await this.conversations.ensure(
      tx,
      account.id,
      people.map((person) => person.contactId),
    );
    const reasons = people.map(leftInPeace);
    await this.recipients.reject(
      tx,
      found.flatMap(({ id }, index) => {
        const skipReason = reasons[index];
        return skipReason ? [{ id, skipReason, errorMessage: null }] : [];
      }),
    );
    return found.flatMap((recipient, index) => {
      const person = people[index];
      return person && !reasons[index]
        ? [
            {
              recipient: { ...recipient, name: recipient.name || person.name },
              contactId: person.contactId,
              conversationId: conversationIds[index] as number,
            },
          ]
        : [];
    });
  }

  /** A person is written to once, under however many numbers and ids the audience has them. */
  private async onceEach(
    tx: Tx,
    campaignId: number,
    candidates: readonly Candidate[],
    held: Held,
  ): Promise<readonly Candidate[]> {
    if (candidates.length === 0) {
      return candidates;
    }
    const known = await this.recipients.findWrittenTo(
      tx,
      campaignId,
      candidates.map((candidate) => candidate.contactId),
    );
    for (const inHand of held.values()) {
      if (inHand.campaignId === campaignId) {
        known.add(inHand.contactId);
      }
    }
    const doubles = new Set<Candidate>();
    for (const candidate of candidates) {
      if (known.has(candidate.contactId)) {
        doubles.add(candidate);
      }
      known.add(candidate.contactId);
    }
    await this.recipients.reject(
      tx,
      [...doubles].map(({ recipient }) => ({ id: recipient.id, skipReason: 'duplicate', errorMessage: null })),
    );
    return candidates.filter((candidate) => !doubles.has(candidate));
  }

  /** Without those who heard enough of late. */
  private async withinLimits(
    tx: Tx,
    account: Account,
    campaign: RunningCampaign,
    messages: ReadonlyMap<number | null, SendingCampaign>,
    candidates: readonly Candidate[],
    held: Held,
  ): Promise<readonly Candidate[]> {
    const rejected: Rejection[] = [];
    let rest = candidates;
    const skip = (reason: string, isSkipped: (candidate: Candidate) => boolean): void => {
      rejected.push(
        ...rest
          .filter(isSkipped)
          .map(({ recipient }) => ({ id: recipient.id, skipReason: reason, errorMessage: null })),
      );
      rest = rest.filter((candidate) => !isSkipped(candidate));
    };
    const contactIds = (): number[] => rest.map((candidate) => candidate.contactId);
    const isMarketing = [...messages.values()].some(({ template }) => template.category === 'MARKETING');
    if (isMarketing && rest.length > 0) {
      const resting = await this.limits.findResting(tx, account.id, contactIds());
      skip('cooldown', ({ contactId }) => resting.has(contactId));
    }
    if (campaign.frequencyCap && rest.length > 0) {
      const { messages: most } = campaign.frequencyCap;
      const people = new Set(contactIds());
      // As it is now: who is settled while the query runs is in hand or in its answer, never both or neither.
      const inHand = [...held].filter(([, { contactId }]) => people.has(contactId));
      const inHandIds = inHand.map(([id]) => id);
      const recent = await this.limits.countRecent(tx, account.id, rest, campaign.frequencyCap, inHandIds);
      for (const [, { contactId }] of inHand) {
        recent.set(contactId, (recent.get(contactId) ?? 0) + 1);
      }
      skip('frequency_cap', ({ contactId }) => (recent.get(contactId) ?? 0) >= most);
    }
    await this.recipients.reject(tx, rejected);
    return rest;
  }

  /**
   * Without those for whom Meta's limit leaves no place now: they wait until places come free. Only who has a message takes one.
   */
  private async withPlace(
    tx: Tx,
    account: Account,
    campaign: RunningCampaign,
    composed: PreparedRecipient[],
  ): Promise<PreparedRecipient[]> {
    const limit = peopleLimitOf(account.messagingLimit);
    if (limit === null || composed.length === 0) {
      return composed;
    }
    const place = { portfolio: account.portfolio, accountId: account.id, limit };
    const contactIds = composed.map(({ contactId }) => contactId);
    const free = await this.limits.takePlaces(tx, place, contactIds);
    const without = composed.filter(({ contactId }) => !free.has(contactId));
    if (without.length > 0) {
      const until = await this.limits.whenPlacesFor(tx, place, campaign.id);
      await this.recipients.defer(
        tx,
        without.map(({ id }) => ({ id, until })),
      );
    }
    return composed.filter(({ contactId }) => free.has(contactId));
  }

  /** Where the columns of some have nothing, with what the address book has; who has all is not looked up. */
  private async withContacts(
    tx: Tx,
    account: Account,
    messages: ReadonlyMap<number | null, SendingCampaign>,
    candidates: readonly Candidate[],
  ): Promise<readonly Candidate[]> {
    const read = [...messages.values()].flatMap(({ template, parameterMappings }) =>
      fieldsOf(template, parameterMappings),
    );
    const wanted = contactFieldsAmong(read).filter((field) => {
      const valueOf = fieldReader(field);
      return candidates.some(({ recipient }) => valueOf(recipient) === '');
    });
    if (wanted.length === 0) {
      return candidates;
    }
    const ids = candidates.map(({ contactId }) => contactId);
    const known = await this.people.fieldsOf(tx, account, ids, wanted);
    return candidates.map((candidate) => ({
      ...candidate,
      recipient: { ...candidate.recipient, contact: known.get(candidate.contactId) ?? {} },
    }));
  }

  private async compose(
    tx: Tx,
    campaign: RunningCampaign,
    messages: ReadonlyMap<number | null, SendingCampaign>,
    candidates: readonly Candidate[],
  ): Promise<PreparedRecipient[]> {
    const prepared: PreparedRecipient[] = [];
    const rejected: Rejection[] = [];
    for (const { recipient, contactId, conversationId } of candidates) {
      const sending = messages.get(recipient.variantId);
      const message = sending ? composeMessage(sending, recipient) : { error: 'Its template is gone' };
      if ('error' in message) {
        rejected.push({
          id: recipient.id,
          skipReason: ('skip' in message && message.skip) || null,
          errorMessage: message.error,
        });
      } else if (sending) {
        prepared.push({
          id: recipient.id,
          campaignId: campaign.id,
          templateId: sending.template.id,
          variantId: recipient.variantId,
          contactId,
          conversationId,
          to: recipient.phone ? { phone: recipient.phone } : { userId: recipient.userId as string },
          attempt: recipient.attempt,
          ...message,
          templateName: sending.template.name,
          templateLanguage: sending.template.language,
          expiresAt: campaign.expiresAt,
        });
      }
    }
    await this.recipients.reject(tx, rejected);
    return prepared;
  }
}

/** Why no campaign of the account is for this person; null: nothing keeps them out. */
function leftInPeace({ optedOut, isBlocked }: Person): 'opted_out' | 'blocked' | null {
  if (optedOut) {
    return 'opted_out';
  }
  return isBlocked ? 'blocked' : null;
}

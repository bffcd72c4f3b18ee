import { Injectable, type OnModuleInit } from '@nestjs/common';
import { PeoplePorts, type ConsentFact } from '../../contacts/people-ports.js';
import type { Tx } from '../../database/database.js';
import type { ReceivedMessage } from '../../inbox/incoming-messages.repository.js';
import { OutcomesRepository, type OutcomeOfRecipient } from './outcomes.repository.js';

/** Opt-outs that come in by a file of contacts say nothing of when people made up their minds. */
const NOT_SAID_NOW = 'import';

/** What people did after a campaign's message: they wrote back, or want no more of it. */
@Injectable()
export class CampaignOutcome implements OnModuleInit {
  constructor(
    private readonly ports: PeoplePorts,
    private readonly outcomes: OutcomesRepository,
  ) {}

  onModuleInit(): void {
    this.ports.onConsent((tx, facts) => this.applyConsent(tx, facts));
  }

  /**
   * Notes answers, in the transaction that stored the messages. One that quotes a campaign's message, or presses its button,
   * answers that campaign whenever it comes; any other answers the latest campaign message of the account, if that is not
   * older than {@link OutcomesRepository} counts. The first answer counts, in whatever order they come.
   */
  async applyReplies(tx: Tx, messages: readonly ReceivedMessage[]): Promise<void> {
    const quotes = messages.flatMap(({ quotedRecipientId, at }) =>
      quotedRecipientId === null ? [] : [{ recipientId: quotedRecipientId, at }],
    );
    const others = messages.filter((message) => message.quotedRecipientId === null);
    const replies = [...quotes, ...(await this.outcomes.findAnswered(tx, others))];
    await this.outcomes.markReplied(tx, firstOfEach(replies));
  }

  private async applyConsent(tx: Tx, facts: readonly ConsentFact[]): Promise<void> {
    const leaving = facts.filter((fact) => fact.optedOut && fact.source !== NOT_SAID_NOW);
    await this.outcomes.markOptedOut(tx, firstOfEach(await this.outcomes.findLeft(tx, leaving)));
  }
}

function firstOfEach(outcomes: readonly OutcomeOfRecipient[]): OutcomeOfRecipient[] {
  const first = new Map<number, OutcomeOfRecipient>();
  for (const outcome of outcomes) {
    const known = first.get(outcome.recipientId);
    if (!known || outcome.at < known.at) {
      first.set(outcome.recipientId, outcome);
    }
  }
  return [...first.values()];
}

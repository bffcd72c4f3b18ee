import { Injectable } from '@nestjs/common';
import type { Tx } from '../../database/database.js';
import { columnsOf } from '../../database/unnest.js';

/** That a recipient did something, and when. */
export interface OutcomeOfRecipient {
  recipientId: number;
  at: Date;
}

/** So long after a campaign's message what a person does is taken for an answer to it. */
const WINDOW = "interval '72 hours'";

/**
 * Meta tells times in whole seconds, and we know of an acceptance only when its answer is here: people may seem to answer a
 * little before they were written to.
 */
const SLACK = "interval '5 seconds'";

/** The same of a message whose answer is still out, or was lost: how long ago it was posted is not in the row. */
const UNDECIDED_SLACK = "interval '60 seconds'";

/** Recipients `r` whom Meta took before the time of `u`. */
const ACCEPTED = `r.status in ('sent', 'delivered', 'read') and r.sent_at > u.at - ${WINDOW} and r.sent_at <= u.at + ${SLACK}`;

@Injectable()
export class OutcomesRepository {
  /**
   * Whom of a campaign these people are, if they write in answer to one: the latest of the account. People who are in no
   * campaign cost a look into an index.
   */
  async findAnswered(
    tx: Tx,
    messages: readonly { accountId: number; contactId: number; at: Date }[],
  ): Promise<OutcomeOfRecipient[]> {
    if (messages.length === 0) {
      return [];
    }
    return tx.query<OutcomeOfRecipient>(
      `select l.id as "recipientId", u.at
       from unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) as u (account_id, contact_id, at)
       cross join lateral (
         select r.id from campaign_recipients r
         where r.contact_id = u.contact_id and r.account_id = u.account_id
           and (${ACCEPTED}
             or r.status = 'sending' and u.at > now() - ${UNDECIDED_SLACK}
             or r.status = 'unknown' and r.unknown_at > u.at - ${WINDOW} and r.unknown_at <= u.at + ${UNDECIDED_SLACK})
         order by case when r.status = 'sending' then now() else coalesce(r.sent_at, r.unknown_at) end desc, r.id desc
         limit 1) l`,
      columnsOf(
        messages,
        (message) => message.accountId,
        (message) => message.contactId,
        (message) => message.at,
      ),
    );
  }

  /** Whom of a campaign these people are, who want no more: of the account that they told, or of any. */
  async findLeft(
    tx: Tx,
    people: readonly { accountId: number | null; contactId: number; at: Date }[],
  ): Promise<OutcomeOfRecipient[]> {
    if (people.length === 0) {
      return [];
    }
    return tx.query<OutcomeOfRecipient>(
      `select l.id as "recipientId", u.at
       from unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) as u (account_id, contact_id, at)
       cross join lateral (
         select r.id from campaign_recipients r
         where r.contact_id = u.contact_id and (u.account_id is null or r.account_id = u.account_id) and ${ACCEPTED}
         order by r.sent_at desc, r.id desc
         limit 1) l`,
      columnsOf(
        people,
        (person) => person.accountId,
        (person) => person.contactId,
        (person) => person.at,
      ),
    );
  }

  /** The earliest answer stays. */
  async markReplied(tx: Tx, replies: readonly OutcomeOfRecipient[]): Promise<void> {
    if (replies.length === 0) {
      return;
    }
    await tx.query(
      `with u as (
         select * from unnest($1::bigint[], $2::timestamptz[]) as u (id, at)
       ), locked as (
         select r.id, u.at from campaign_recipients r join u on u.id = r.id
         where r.replied_at is null or r.replied_at > u.at
         order by r.id for no key update of r
       )
       update campaign_recipients r set replied_at = locked.at from locked where r.id = locked.id`,
      outcomeColumns(replies),
    );
  }

  /** Who leaves twice has left the first time. */
  async markOptedOut(tx: Tx, outcomes: readonly OutcomeOfRecipient[]): Promise<void> {
    if (outcomes.length === 0) {
      return;
    }
    await tx.query(
      `with u as (
         select * from unnest($1::bigint[], $2::timestamptz[]) as u (id, at)
       ), locked as (
         select r.id, u.at from campaign_recipients r join u on u.id = r.id
         where r.opted_out_at is null
         order by r.id for no key update of r
       )
       update campaign_recipients r set opted_out_at = locked.at from locked where r.id = locked.id`,
      outcomeColumns(outcomes),
    );
  }
}

function outcomeColumns(outcomes: readonly OutcomeOfRecipient[]): unknown[][] {
  return columnsOf(
    outcomes,
    (outcome) => outcome.recipientId,
    (outcome) => outcome.at,
  );
}

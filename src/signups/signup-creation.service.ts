import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { AccountsService } from '../accounts/accounts.service.js';
import { requireWaba } from '../accounts/require-waba.js';
import { AuditTrail } from '../audit/audit-trail.js';
import { AppError, invalidField } from '../common/app-error.js';
import { LabelsService } from '../contacts/labels.service.js';
import { Database } from '../database/database.js';
import { SignupsApi, type NewMetaSignup, type SignupOwner } from '../meta/api/signups.js';
import type { GraphResult } from '../meta/graph-client.js';
import { graphProblem } from '../meta/graph-problem.js';
import { IN_FLIGHT_S, SignupAttemptsRepository } from './signup-attempts.repository.js';
import { hashOf } from './signup-reading.js';
import { requireContent } from './signup-rules.js';
import { isMeta, SignupSync } from './signup-sync.js';
import { OF_WABA, TERMS_URL, type SignupContent, type SignupInput } from './signup.js';
import { SignupsRepository, type SignupRecord } from './signups.repository.js';

const TERMS_NOT_ACCEPTED = 2_494_168;
const TERMS_ACCEPTED_ALREADY = 2_494_176;
const POLICY = { tos: TERMS_URL, accepted: true } as const;
const MAY_EXIST =
  'Meta did not answer, so it may have the signup. Sync, or create the same again: what Meta has is found, and no second ' +
  'one is made.';

/** Signups on their way to Meta. */
@Injectable()
export class SignupCreation {
  constructor(
    private readonly database: Database,
    private readonly repository: SignupsRepository,
    private readonly attempts: SignupAttemptsRepository,
    private readonly accounts: AccountsService,
    private readonly labels: LabelsService,
    private readonly api: SignupsApi,
    private readonly sync: SignupSync,
    private readonly audit: AuditTrail,
  ) {}

  /**
   * Creates a signup at Meta, and then here. The terms of service go out with the first one of the business and with no
   * other. What an earlier request without an answer has created at Meta is found and taken over.
   * @throws `validation_failed` for what Meta is certain to refuse, and for terms that are not accepted yet; `conflict` while
   *   the same is being created; `graph_error` with Meta's words; `graph_outcome_unknown` when Meta did not answer
   */
  async create(account: Account, input: SignupInput): Promise<SignupRecord> {
    const waba = requireWaba(account, OF_WABA);
    const { label, tosAccepted, ...content } = input;
    requireContent(content);
    const isFirst = !(await this.repository.hasAny(this.database, await this.accountsOfBusiness(account)));
    if (isFirst && !tosAccepted) {
      throw invalidField(
        'tos_accepted',
        'required',
        `tos_accepted must be true on the first signup of the business: it accepts ${TERMS_URL}`,
      );
    }
    const labelId = await this.labelOf(label);
    const hash = hashOf(content);
    const attempt = await this.attempts.claim(this.database, account.id, hash, labelId, IN_FLIGHT_S);
    if (attempt === null) {
      throw new AppError('conflict', 'The same signup is being created just now.', { retryAfterS: 2 });
    }
    try {
      const found = attempt.wasLost ? await this.sync.findUnknown(waba, hash) : null;
      const answer: GraphResult<{ id: string }> = found
        ? { ok: true, body: { id: found.signupId } }
        : await this.ask(waba, content, isFirst, tosAccepted);
      if (answer.ok) {
        return await this.keep(account.id, answer.body.id, content, hash);
      }
      if (answer.failure.kind !== 'ambiguous' && !attempt.wasLost) {
        await this.attempts.remove(this.database, account.id, hash);
      }
      throw graphProblem(answer.failure, {}, MAY_EXIST);
    } catch (error) {
      // Of one that was refused nothing is left to be marked.
      await this.attempts.markLost(this.database, account.id, hash);
      throw error;
    }
  }

  /** Meta knows better than our rows whether the business has accepted the terms: its word is followed once. */
  private async ask(
    account: SignupOwner,
    content: SignupContent,
    isFirst: boolean,
    tosAccepted: boolean,
  ): Promise<GraphResult<{ id: string }>> {
    const signup = toMeta(content);
    const answer = await this.api.create(account, isFirst ? { ...signup, policy: POLICY } : signup);
    if (answer.ok) {
      return answer;
    }
    if (isFirst && isMeta(answer.failure, TERMS_ACCEPTED_ALREADY)) {
      return this.api.create(account, signup);
    }
    if (!isFirst && tosAccepted && isMeta(answer.failure, TERMS_NOT_ACCEPTED)) {
      return this.api.create(account, { ...signup, policy: POLICY });
    }
    return answer;
  }

  private keep(accountId: number, signupId: string, content: SignupContent, hash: Buffer): Promise<SignupRecord> {
    return this.database.transaction(async (tx) => {
      // The label comes from the attempt: its row knows when somebody deletes the label meanwhile.
      const labelId = await this.attempts.remove(tx, accountId, hash);
      const id = await this.repository.create(tx, accountId, signupId, content, labelId);
      await this.audit.append(tx, [{ action: 'signup.created', objectType: 'signup', objectId: id, accountId }]);
      return (await this.repository.find(tx, accountId, id)) as SignupRecord;
    });
  }

  private labelOf(label: SignupInput['label']): Promise<number | null> {
    if (label === null || label === '') {
      return Promise.resolve(null);
    }
    return this.database.transaction((tx) => this.labels.resolveOne(tx, label, 'auto_add_to_label'));
  }

  private async accountsOfBusiness({ id, portfolio }: Account): Promise<number[]> {
    const accounts = await this.accounts.snapshot();
    return [id, ...accounts.filter((one) => one.portfolio === portfolio && one.id !== id).map((one) => one.id)];
  }
}

/** What is empty is left out: Meta takes it for a wrong value. */
function toMeta(content: SignupContent): NewMetaSignup {
  const { displayName, websiteUrl, promoCode } = content;
  return {
    signup_message: content.signupMessage,
    confirmation_message: content.confirmationMessage,
    privacy_policy_url: content.privacyPolicyUrl,
    ...(displayName === '' ? {} : { display_name: displayName }),
    ...(websiteUrl === '' ? {} : { website_url: websiteUrl }),
    ...(promoCode === '' ? {} : { promo_code: promoCode }),
  };
}

import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { AuditTrail } from '../audit/audit-trail.js';
import { AppError } from '../common/app-error.js';
import { decodeCursor, decodeIdCursor, toPage, type Page } from '../common/page.js';
import { LabelsService } from '../contacts/labels.service.js';
import { Database } from '../database/database.js';
import { SignupsApi, type MetaSignupChanges } from '../meta/api/signups.js';
import { graphProblem, readingProblem } from '../meta/graph-problem.js';
import { contentOf, readSignup } from './signup-reading.js';
import { requireContent } from './signup-rules.js';
import { SignupSyncRepository } from './signup-sync.repository.js';
import { saysTheSame, type SignupChanges, type SignupContent, type SignupStatus } from './signup.js';
import { SignupsRepository, type SignupFilter, type SignupRecord } from './signups.repository.js';
import { SubscribersRepository, type SubscriberRow } from './subscribers.repository.js';

const LIST = 'signups';
const SUBSCRIBERS = 'signup_subscribers';
/** A process that dies while it changes a signup holds it for so long; two calls of Meta take less. */
const CHANGE_S = 60;
const MAY_BE_CHANGED = 'Meta did not answer, so the change may have been made. Sync, or get the signup with live=true.';

/** What can be changed at Meta, and how Meta calls it. */
const WIRE = {
  displayName: 'display_name',
  signupMessage: 'signup_message',
  confirmationMessage: 'confirmation_message',
  websiteUrl: 'website_url',
  promoCode: 'promo_code',
} as const satisfies Partial<Record<keyof SignupContent, keyof MetaSignupChanges>>;

/** What a signup is to be from now on. */
interface Wanted extends SignupContent {
  status: string;
}

/** Signups that Meta has, as an account knows them. */
@Injectable()
export class SignupsService {
  constructor(
    private readonly database: Database,
    private readonly repository: SignupsRepository,
    private readonly readings: SignupSyncRepository,
    private readonly subscribers: SubscribersRepository,
    private readonly labels: LabelsService,
    private readonly api: SignupsApi,
    private readonly audit: AuditTrail,
  ) {}

  /** The newest first. */
  async list(
    accountId: number,
    query: Pick<SignupFilter, 'q' | 'status'> & { limit: number; cursor?: string | undefined },
  ): Promise<Page<SignupRecord>> {
    const { q, status, limit, cursor } = query;
    const beforeId = decodeIdCursor(LIST, cursor);
    const rows = await this.repository.list(this.database, { accountId, q, status, beforeId }, limit + 1);
    return toPage(LIST, rows, limit, (row) => [row.id]);
  }

  /** @throws `not_found` */
  async get(accountId: number, id: number): Promise<SignupRecord> {
    const signup = await this.repository.find(this.database, accountId, id);
    if (!signup) {
      throw noSuchSignup();
    }
    return signup;
  }

  /** Reads it from Meta before. @throws `not_found`; `graph_error` with Meta's words */
  async getLive(account: Account, id: number): Promise<SignupRecord> {
    const { signupId } = await this.get(account.id, id);
    const askedAt = await this.readings.now(this.database);
    const answer = await this.api.get(account, signupId);
    if (!answer.ok) {
      throw readingProblem(answer.failure);
    }
    const read = readSignup({ ...answer.body, id: signupId });
    if (read) {
      await this.database.transaction((tx) => this.readings.upsert(tx, account.id, [read], askedAt));
    }
    return this.get(account.id, id);
  }

  /**
   * Changes the given fields, at Meta first; Meta hears of nothing that stays. The label is ours alone.
   * @throws `validation_failed` naming the field; `signup_privacy_policy_fixed`; `not_found`; `conflict` while somebody else
   *   changes it; `graph_error`, and nothing has changed; `graph_outcome_unknown`
   */
  async change(account: Account, id: number, changes: SignupChanges): Promise<SignupRecord> {
    const { label, privacyPolicyUrl, ...content } = changes;
    return this.alone(account.id, id, async () => {
      const before = await this.get(account.id, id);
      if (privacyPolicyUrl !== undefined && privacyPolicyUrl !== before.privacyPolicyUrl) {
        throw new AppError(
          'signup_privacy_policy_fixed',
          'privacy_policy_url never changes. Create another signup and disable this one.',
        );
      }
      const after: Wanted = { ...wantedOf(before), ...given(content) };
      const isOther = !saysTheSame(before, after);
      if (isOther) {
        requireRead(before);
        requireContent(after);
      }
      const labelId = label === undefined ? undefined : await this.labelOf(label);
      if (isOther) {
        await this.tell(account, before, after, editsOf(before, after));
      }
      if (labelId !== undefined && labelId !== before.autoAddToLabelId) {
        await this.setLabel(account.id, id, labelId);
      }
      return this.get(account.id, id);
    });
  }

  /** Whether people can subscribe by it: a disabled link shows an error. @throws as {@link change} does */
  async setStatus(account: Account, id: number, status: SignupStatus): Promise<SignupRecord> {
    return this.alone(account.id, id, async () => {
      const before = await this.get(account.id, id);
      // Also when it is so here: what is here may be old.
      await this.tell(account, before, { ...wantedOf(before), status }, { status });
      return this.get(account.id, id);
    });
  }

  /** Who came by it, the newest first. @throws `not_found` */
  async listSubscribers(
    account: Account,
    id: number,
    query: { q?: string | undefined; limit: number; cursor?: string | undefined },
  ): Promise<Page<SubscriberRow>> {
    await this.get(account.id, id);
    const { q, limit, cursor } = query;
    const rows = await this.subscribers.list(
      this.database,
      { accountId: account.id, portfolio: account.portfolio, signupId: id, q, after: readCursor(cursor) },
      limit + 1,
    );
    return toPage(SUBSCRIBERS, rows, limit, (row) => [row.subscribedAt.getTime(), row.id]);
  }

  /** Changes what Meta has, and then what is here. After a lost answer what Meta has tells what became of it. */
  private async tell(account: Account, before: SignupRecord, after: Wanted, edits: MetaSignupChanges): Promise<void> {
    const answer = await this.api.update(account, before.signupId, edits);
    if (answer.ok) {
      await this.keep(account.id, before, after);
      return;
    }
    if (answer.failure.kind === 'ambiguous') {
      const reading = await this.api.get(account, before.signupId);
      const read = reading.ok ? readSignup({ ...reading.body, id: before.signupId }) : null;
      if (read) {
        const present: Wanted = { ...contentOf(read), status: read.status ?? before.status };
        await this.keep(account.id, before, { ...present, privacyPolicyUrl: before.privacyPolicyUrl });
        if (hasAll(present, after, edits)) {
          return;
        }
      }
    }
    throw graphProblem(answer.failure, {}, MAY_BE_CHANGED);
  }

  private keep(accountId: number, before: SignupRecord, { status, ...content }: Wanted): Promise<void> {
    const { id } = before;
    return this.database.transaction(async (tx) => {
      await this.repository.update(tx, accountId, id, content, status);
      const action =
        status === before.status ? 'signup.updated' : `signup.${status === 'ACTIVE' ? 'enabled' : 'disabled'}`;
      await this.audit.append(tx, [{ action, objectType: 'signup', objectId: id, accountId }]);
    });
  }

  private setLabel(accountId: number, id: number, labelId: number | null): Promise<void> {
    return this.database.transaction(async (tx) => {
      // Held again, for somebody may have deleted it while Meta was asked.
      const held = labelId && (await this.labels.resolveOne(tx, labelId, 'auto_add_to_label'));
      await this.repository.setLabel(tx, accountId, id, held);
    });
  }

  private labelOf(label: number | string | null): Promise<number | null> {
    return label === null || label === ''
      ? Promise.resolve(null)
      : this.database.transaction((tx) => this.labels.resolveOne(tx, label, 'auto_add_to_label'));
  }

  /** One at a time changes a signup at Meta, so that what is here is what Meta heard last. */
  private async alone<T>(accountId: number, id: number, work: () => Promise<T>): Promise<T> {
    if (!(await this.repository.take(this.database, accountId, id, CHANGE_S))) {
      await this.get(accountId, id);
      throw new AppError('conflict', 'This signup is being changed just now. Try again in a moment.', {
        retryAfterS: 2,
      });
    }
    try {
      return await work();
    } finally {
      await this.repository.giveBack(this.database, accountId, id);
    }
  }
}

function wantedOf(signup: SignupRecord): Wanted {
  const { displayName, signupMessage, confirmationMessage, privacyPolicyUrl, websiteUrl, promoCode, status } = signup;
  return { displayName, signupMessage, confirmationMessage, privacyPolicyUrl, websiteUrl, promoCode, status };
}

/** Without what was left out: it would hide what is there. */
function given<T extends object>(changes: T): Partial<T> {
  return Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined)) as Partial<T>;
}

function editsOf(before: SignupContent, after: SignupContent): MetaSignupChanges {
  const keys = Object.keys(WIRE) as (keyof typeof WIRE)[];
  return Object.fromEntries(keys.filter((key) => before[key] !== after[key]).map((key) => [WIRE[key], after[key]]));
}

function hasAll(present: Wanted, wanted: Wanted, edits: MetaSignupChanges): boolean {
  const keys = Object.keys(WIRE) as (keyof typeof WIRE)[];
  return (
    keys.every((key) => edits[WIRE[key]] === undefined || present[key] === wanted[key]) &&
    (edits.status === undefined || present.status === edits.status)
  );
}

/** One that an event told of has no texts yet, so they cannot be checked. */
function requireRead({ syncedAt }: SignupRecord): void {
  if (syncedAt === null) {
    throw new AppError('conflict', 'Of this signup only its id is known. Sync the signups first.');
  }
}

function readCursor(cursor: string | undefined): { at: Date; id: number } | null {
  if (cursor === undefined) {
    return null;
  }
  const [at, id] = decodeCursor(SUBSCRIBERS, cursor, 2);
  if (typeof at !== 'number' || typeof id !== 'number' || Math.abs(at) > 8.64e15) {
    throw new AppError('bad_cursor', 'Take the cursor from next_cursor of the previous page, unchanged.');
  }
  return { at: new Date(at), id };
}

function noSuchSignup(): AppError {
  return new AppError('not_found', 'There is no such signup.');
}

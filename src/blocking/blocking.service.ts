import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { invalidField } from '../common/app-error.js';
import { withoutPlus } from '../common/phone-number.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { BlockingApi, MAX_BLOCKS_PER_CALL } from '../meta/api/blocking.js';
import { ambiguous, type GraphFailure } from '../meta/graph-error.js';
import { addressOf, readAsked, verdictsOf, type Asked, type Target, type Verdict } from './block-plan.js';
import { blockProblem, errorOf, type BlockError } from './block-problem.js';
import { BlockWriter } from './block-writer.js';
import { BlockedList } from './blocked-list.service.js';
import type { Act } from './blocking.repository.js';

export type BlockAction = 'block' | 'unblock';

/** What became of one line of a request. */
export interface BlockLine {
  /** As it was written. */
  input: string;
  /** Null for user ids; as it was written for what is no phone number. */
  phone: string | null;
  userId: string | null;
  waId: string | null;
  status: 'done' | 'failed' | 'invalid' | 'duplicate';
  /** Null unless it failed or is invalid. */
  error: BlockError | null;
}

export interface BulkOutcome {
  /** In the order asked. */
  lines: BlockLine[];
  /** Meta's answer as it came; null when nobody was left to ask for. */
  metaResponse: Record<string, unknown> | null;
}

const SILENCE = 'Meta answered without a word about this one.';

/** Blocks people at Meta, and keeps here what Meta did. */
@Injectable()
export class BlockingService {
  constructor(
    private readonly database: Database,
    private readonly api: BlockingApi,
    private readonly writer: BlockWriter,
    private readonly list: BlockedList,
    private readonly config: Config,
  ) {}

  /**
   * Blocks or unblocks one person.
   * @returns Meta's answer
   * @throws `graph_error` with Meta's reason when it refused: the row keeps it, and a block that is there stays;
   *   `graph_outcome_unknown` when no answer came: then nothing changes here
   */
  async one(account: Account, action: BlockAction, target: Target, act: Act): Promise<Record<string, unknown>> {
    const { verdicts, body } = await this.ask(account, action, [target], act);
    const verdict = verdicts[0] ?? null;
    if (!verdict) {
      throw blockProblem(ambiguous(SILENCE, 200), { meta_response: body });
    }
    if (!verdict.isDone) {
      throw blockProblem(verdict.user.failure, { meta_response: body });
    }
    return body;
  }

  /** Unblocks somebody of whom there is a row. @throws `not_found` when there is none; else as {@link one} */
  async unblockKnown(account: Account, target: Target, actor: string): Promise<void> {
    await this.list.get(account, target);
    await this.one(account, 'unblock', target, { actor, reason: '' });
  }

  /**
   * Blocks or unblocks many people with one call of Meta's; who is refused, invalid or named twice costs only their own line.
   * @throws `400 validation_failed` for nobody, or for more than Meta takes; as {@link one} when Meta refused it as a whole
   */
  async many(
    account: Account,
    action: BlockAction,
    people: { phones: readonly string[]; userIds: readonly string[] },
    act: Act,
  ): Promise<BulkOutcome> {
    requireSome(people.phones.length + people.userIds.length);
    const asked = readAsked(people, this.config.defaultCountry);
    const targets = asked.flatMap(({ target, isDuplicate }) => (target && !isDuplicate ? [target] : []));
    if (targets.length === 0) {
      return { lines: asked.map((line) => toLine(line, null)), metaResponse: null };
    }
    const { verdicts, body } = await this.ask(account, action, targets, act);
    const byTarget = new Map(targets.map((target, index) => [target, verdicts[index] ?? null]));
    const lines = asked.map((line) => toLine(line, (line.target && byTarget.get(line.target)) ?? null));
    return { lines, metaResponse: body };
  }

  private async ask(
    account: Account,
    action: BlockAction,
    targets: readonly Target[],
    act: Act,
  ): Promise<{ verdicts: Verdict[]; body: Record<string, unknown> }> {
    const answer = await this.api[action](account, targets.map(addressOf));
    if (!answer.ok) {
      throw blockProblem(answer.failure);
    }
    const verdicts = verdictsOf(targets, answer.body);
    await this.database.transaction((tx) => this.writer.write(tx, account, action, { targets, verdicts, act }));
    return { verdicts, body: answer.body.body };
  }
}

function requireSome(count: number): void {
  if (count === 0) {
    throw invalidField('phones', 'required', 'phones is required (or user_ids).');
  }
  if (count > MAX_BLOCKS_PER_CALL) {
    const message = `phones and user_ids together may have ${MAX_BLOCKS_PER_CALL} entries; these are ${count}.`;
    throw invalidField('phones', 'array_max_size', message);
  }
}

function toLine({ input, field, target, problem, isDuplicate }: Asked, verdict: Verdict): BlockLine {
  const line = {
    input,
    phone: target && 'phone' in target ? target.phone : null,
    userId: (target && 'userId' in target ? target.userId : verdict?.user.userId) || null,
    waId: verdict?.user.waId || (target && 'phone' in target ? withoutPlus(target.phone) : null),
  };
  if (!target) {
    const error = { code: null, title: 'Not valid', details: problem, retryable: false, what_to_do: null };
    const name = field === 'phone' ? { phone: input } : { userId: input };
    return { ...line, ...name, status: 'invalid', error };
  }
  if (isDuplicate) {
    return { ...line, status: 'duplicate', error: null };
  }
  if (verdict?.isDone) {
    return { ...line, status: 'done', error: null };
  }
  return { ...line, status: 'failed', error: errorOf(failureOf(verdict)) };
}

function failureOf(verdict: Verdict): GraphFailure {
  return verdict && !verdict.isDone ? verdict.user.failure : { ...ambiguous(SILENCE, 200), retryable: true };
}

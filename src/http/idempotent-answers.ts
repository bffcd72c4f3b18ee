import { Injectable } from '@nestjs/common';
import { Secret } from '../common/secret.js';
import { Config } from '../config/config.js';
import type { Queryable } from '../database/database.js';
import { answerContext, IdempotencyRepository, type StoredAnswer } from './idempotency.repository.js';

const PAGE = 1_000;
/** The request that made something is a little older than what it made. */
const EARLIER_MS = 86_400_000;

/** Answers that are kept for their `Idempotency-Key`, as somebody sees them who has to find what is in them. */
@Injectable()
export class IdempotentAnswers {
  constructor(
    private readonly repository: IdempotencyRepository,
    private readonly config: Config,
  ) {}

  /**
   * Empties the answers that name any of these. Their keys stay: the same request again still does nothing, and is answered
   * with the same status and no body.
   * @param since when the first of them may have been given
   */
  async erase(q: Queryable, since: Date, names: readonly string[]): Promise<void> {
    const from = new Date(since.getTime() - EARLIER_MS);
    let last: StoredAnswer | null = null;
    do {
      const page: StoredAnswer[] = await this.repository.listAnswers(q, from, last, PAGE);
      const naming = page.filter((answer) => this.isNaming(answer, names));
      if (naming.length > 0) {
        await this.repository.replaceAnswers(
          q,
          naming.map(({ scope, key }) => ({
            scope,
            key,
            body: this.config.keyring.encrypt(new Secret(''), answerContext(scope, key)),
          })),
        );
      }
      last = page[PAGE - 1] ?? null;
    } while (last);
  }

  /** One that cannot be decrypted any more can be read by nobody. */
  private isNaming({ scope, key, body }: StoredAnswer, names: readonly string[]): boolean {
    try {
      const text = this.config.keyring.decrypt(body, answerContext(scope, key)).reveal();
      return names.some((name) => text.includes(name));
    } catch {
      return false;
    }
  }
}

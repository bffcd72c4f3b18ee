import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import type { Logger } from 'pino';
import { IsNull } from 'typeorm';
import { sleep } from '../common/sleep.js';
import { LOGGER } from '../config/logger.module.js';
import { Database } from '../database/database.js';
import { PhoneNumbersApi, type BusinessProfile, type PhoneNumberInfo } from '../meta/api/phone-numbers.js';
import type { GraphAccount, GraphResult } from '../meta/graph-client.js';
import type { GraphErrorKind, GraphFailure } from '../meta/graph-error.js';
import { AccountDirectory } from './account-directory.js';
import { AccountRecord } from './account.entity.js';
import { AccountVault } from './account-vault.js';
import { AccountsRepository } from './accounts.repository.js';

/** Longest that an answer waits for Meta, in ms; a later answer of Meta is stored all the same. */
const PATIENCE_MS = 5_000;
const NO_TOKEN = 'The account has no access token that can be read.';

/** What Meta says of a number right now. */
export interface NumberHealth {
  /** `ok`, or why it cannot be said. */
  credentials: 'ok' | 'missing' | 'rejected' | 'unreachable';
  error: string | null;
  number: PhoneNumberInfo | null;
}

/** What Meta knows of our numbers: name, picture, quality, limits. Never inside a transaction. */
@Injectable()
export class AccountProfiles implements OnApplicationBootstrap {
  constructor(
    private readonly database: Database,
    private readonly repository: AccountsRepository,
    private readonly phoneNumbers: PhoneNumbersApi,
    private readonly vault: AccountVault,
    private readonly directory: AccountDirectory,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** The account of the environment comes with a start, not with a request; the start does not wait for Meta. */
  onApplicationBootstrap(): void {
    this.refreshOfEnvironment().catch((error: unknown) =>
      this.logger.warn({ context: 'Accounts', err: error }, 'profile of the environment not read'),
    );
  }

  /** Reads the profile from Meta into the row. A failure of Meta becomes `profile_error`; it is not ours to fail for. */
  async refresh(record: AccountRecord): Promise<void> {
    const stored = this.fetchAndStore(record).catch((error: unknown) =>
      this.logger.error({ context: 'Accounts', account_id: record.id, err: error }, 'profile not stored'),
    );
    const patience = new AbortController();
    await Promise.race([stored, sleep(PATIENCE_MS, patience.signal)]);
    patience.abort();
  }

  /** Asks Meta of the number now, and stores nothing. */
  async check(record: AccountRecord): Promise<NumberHealth> {
    const account = this.graphAccountOf(record);
    if (!account) {
      return { credentials: 'missing', error: NO_TOKEN, number: null };
    }
    const result = await this.phoneNumbers.get(account);
    if (result.ok) {
      return { credentials: 'ok', error: null, number: result.body };
    }
    return {
      credentials: isRefusal(result.failure.kind) ? 'rejected' : 'unreachable',
      error: textOf(result.failure),
      number: null,
    };
  }

  private async refreshOfEnvironment(): Promise<void> {
    const record = await this.repository.findOfEnvironment();
    if (record && (record.profileName === null || record.profileError !== null)) {
      await this.refresh(record);
    }
  }

  private async fetchAndStore(record: AccountRecord): Promise<void> {
    const changes = await this.fetch(record);
    // Only if the credentials are still those we asked with: an answer that comes late must not undo a newer one.
    await this.database.manager.update(
      AccountRecord,
      { id: record.id, phoneNumberId: record.phoneNumberId, accessToken: record.accessToken ?? IsNull() },
      changes,
    );
    this.directory.forget();
  }

  private async fetch(record: AccountRecord): Promise<Partial<AccountRecord>> {
    const account = this.graphAccountOf(record);
    if (!account) {
      return { profileError: NO_TOKEN };
    }
    return changesFrom(...(await Promise.all([this.phoneNumbers.get(account), this.phoneNumbers.getProfile(account)])));
  }

  private graphAccountOf(record: AccountRecord): GraphAccount | null {
    try {
      const accessToken = this.vault.accessTokenOf(record);
      return accessToken && { accessToken, phoneNumberId: record.phoneNumberId, wabaId: record.wabaId };
    } catch {
      // Unreadable is as good as missing; the directory has said so in the log.
      return null;
    }
  }
}

function changesFrom(
  number: GraphResult<PhoneNumberInfo>,
  profile: GraphResult<BusinessProfile>,
): Partial<AccountRecord> {
  const failure = number.ok ? (profile.ok ? null : profile.failure) : number.failure;
  return {
    ...(number.ok
      ? {
          profileName: number.body.verified_name ?? null,
          displayPhoneNumber: number.body.display_phone_number ?? null,
          qualityRating: number.body.quality_rating ?? null,
          messagingLimit: number.body.whatsapp_business_manager_messaging_limit ?? null,
        }
      : {}),
    ...(profile.ok ? { profilePictureUrl: profile.body.profile_picture_url ?? null } : {}),
    profileError: failure && textOf(failure),
  };
}

function isRefusal(kind: GraphErrorKind): boolean {
  return kind === 'account' || kind === 'recipient' || kind === 'template';
}

function textOf(failure: GraphFailure): string {
  return failure.code === null ? failure.details : `${failure.details} (Meta's code ${failure.code})`;
}

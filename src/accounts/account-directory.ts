import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { equalsInConstantTime, type Secret } from '../common/secret.js';
import { LOGGER } from '../config/logger.module.js';
import type { Account } from './account.js';
import type { AccountRecord } from './account.entity.js';
import { AccountVault } from './account-vault.js';
import { AccountsRepository } from './accounts.repository.js';
import { EnvironmentAccount } from './environment-account.js';

/** How long what was read is believed, in ms: a change is in force everywhere after that. */
const FRESH_MS = 1_000;

interface Snapshot {
  accounts: readonly Account[];
  byId: ReadonlyMap<number, Account>;
  byPhoneNumberId: ReadonlyMap<string, Account>;
  /** Active accounts that have no readable credentials. */
  unusable: ReadonlySet<number>;
  verifyTokens: readonly Secret[];
}

/** All accounts with their secrets, read in one statement and kept for a second: every send and webhook asks. */
@Injectable()
export class AccountDirectory {
  private current: { loadedAt: number; snapshot: Promise<Snapshot> } | null = null;
  /** What was complained of already, so that the log is not filled once a second. */
  private readonly complainedOf = new Map<number, string>();

  constructor(
    private readonly repository: AccountsRepository,
    private readonly vault: AccountVault,
    private readonly environment: EnvironmentAccount,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Makes the next question ask the database: call it after every write. */
  forget(): void {
    this.current = null;
  }

  async all(): Promise<readonly Account[]> {
    return (await this.snapshot()).accounts;
  }

  async find(id: number): Promise<Account | null> {
    return (await this.snapshot()).byId.get(id) ?? null;
  }

  async findByPhoneNumberId(phoneNumberId: string): Promise<Account | null> {
    return (await this.snapshot()).byPhoneNumberId.get(phoneNumberId) ?? null;
  }

  /** Is it an active account that cannot act, for its credentials are missing or cannot be decrypted? */
  async isUnusable(id: number): Promise<boolean> {
    return (await this.snapshot()).unusable.has(id);
  }

  /** Is it the verify token of an active account? */
  async hasVerifyToken(given: string): Promise<boolean> {
    const { verifyTokens } = await this.snapshot();
    // All are compared, so that the time does not tell how many there are before the one that matched.
    return verifyTokens.filter((token) => equalsInConstantTime(token.reveal(), given)).length > 0;
  }

  private snapshot(): Promise<Snapshot> {
    const now = performance.now();
    if (this.current && now - this.current.loadedAt < FRESH_MS) {
      return this.current.snapshot;
    }
    const loading = { loadedAt: now, snapshot: this.load() };
    this.current = loading;
    loading.snapshot.catch(() => {
      if (this.current === loading) {
        this.current = null;
      }
    });
    return loading.snapshot;
  }

  private async load(): Promise<Snapshot> {
    await this.environment.ensure();
    const accounts: Account[] = [];
    const unusable = new Set<number>();
    const verifyTokens: Secret[] = [];
    for (const record of await this.repository.findAll()) {
      const opened = this.open(record);
      if (opened) {
        accounts.push(opened.account);
        if (record.isActive) {
          verifyTokens.push(opened.verifyToken);
        }
      } else if (record.isActive) {
        unusable.add(record.id);
      }
    }
    return {
      accounts,
      byId: new Map(accounts.map((account) => [account.id, account])),
      byPhoneNumberId: new Map(accounts.map((account) => [account.phoneNumberId, account])),
      unusable,
      verifyTokens,
    };
  }

  /** One account that cannot be read is told of and left out; it must not take the others with it. */
  private open(record: AccountRecord): { account: Account; verifyToken: Secret } | null {
    try {
      const accessToken = this.vault.accessTokenOf(record);
      if (accessToken === null) {
        return null;
      }
      const account: Account = {
        id: record.id,
        name: record.name,
        phoneNumberId: record.phoneNumberId,
        wabaId: record.wabaId,
        portfolio: record.portfolioId ?? record.wabaId ?? record.phoneNumberId,
        displayPhoneNumber: record.displayPhoneNumber,
        messagesPerSecond: record.messagesPerSecond,
        messagingLimit: record.messagingLimit,
        isActive: record.isActive,
        accessToken,
        appSecret: record.appSecret === null ? null : this.vault.open(record.id, 'app_secret', record.appSecret),
        appSecretFingerprints: record.appSecretFingerprints,
      };
      const verifyToken = this.vault.open(record.id, 'verify_token', record.verifyToken);
      this.complainedOf.delete(record.id);
      return { account, verifyToken };
    } catch (error) {
      const reason = (error as Error).message;
      if (this.complainedOf.get(record.id) !== reason) {
        this.complainedOf.set(record.id, reason);
        this.logger.error(
          { context: 'Accounts', account_id: record.id, reason },
          'account left out: unreadable secrets',
        );
      }
      return null;
    }
  }
}

import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../audit/audit-trail.js';
import { AppError } from '../common/app-error.js';
import { decodeIdCursor, toPage, type Page } from '../common/page.js';
import { equalsInConstantTime, fingerprint, Secret } from '../common/secret.js';
import { Config } from '../config/config.js';
import { Database, type Tx } from '../database/database.js';
import { violatedUniqueKey } from '../database/pg-error.js';
import { mayUse, type Principal } from '../http/principal.js';
import { Outbox } from '../outbox/outbox.js';
import type { Account } from './account.js';
import { accountAlertEvent } from './account-alert.js';
import { accountDifferences, accountEntry, describeAccount, secretsIn } from './account-audit.js';
import { AccountDirectory } from './account-directory.js';
import { isStopped, type Standing } from './account-events.js';
import { AccountEventsRepository, type AccountEventRow } from './account-events.repository.js';
import { AccountPorts } from './account-ports.js';
import { AccountRecord } from './account.entity.js';
import { AccountProfiles, type NumberHealth } from './account-profiles.js';
import { AccountVault } from './account-vault.js';
import { AccountsRepository } from './accounts.repository.js';

/** What a new account is made of. */
export interface NewAccount {
  name: string;
  accessToken: Secret;
  phoneNumberId: string;
  wabaId?: string | null;
  appSecret?: Secret | null;
  defaultCatalogId?: string | null;
  isActive?: boolean;
  messagesPerSecond?: number;
}

/** What may be changed of one; only what is given changes. */
export type AccountChanges = Partial<NewAccount>;

/**
 * Throws what keeps the account from being deleted. The row is locked while it runs; statements through `tx` see it so.
 */
export type DeletionCheck = (accountId: number, tx: Tx) => Promise<void>;

/** Something that should be there and is not. */
export interface AccountGap {
  /** As in the `account.alert` that told of it. */
  code: string;
  openedAt: Date;
  message: string;
}

/** Tells what is missing at an account now. */
export type GapReader = (accountId: number) => Promise<AccountGap[]>;

/** Whether an account can work, and what Meta says of its number. */
export interface AccountHealth extends NumberHealth {
  record: AccountRecord;
  /** Some app secret is there to check the signature of its webhooks. */
  signatureConfigured: boolean;
  /** What Meta told of it by webhook, newest first. */
  events: AccountEventRow[];
  /** What does not come though it should, the oldest first. */
  gaps: AccountGap[];
}

const LIST = 'accounts';
/** What is known of a number that Meta was not asked about yet. */
const UNKNOWN_PROFILE: Partial<AccountRecord> = {
  profileName: null,
  profilePictureUrl: null,
  profileError: null,
  displayPhoneNumber: null,
  qualityRating: null,
  messagingLimit: null,
};

/** What is known of an account of which Meta said nothing yet. */
const UNKNOWN_STANDING: Partial<AccountRecord> = {
  standing: 'ok',
  standingUntil: null,
  standingAt: null,
  messagingLimitAt: null,
  profileNameAt: null,
};
/** Events of Meta's that the health of an account shows. */
const HEALTH_EVENTS = 20;

/** The sending numbers and their credentials. `by` is who asks; null is the operator at the command line. */
@Injectable()
export class AccountsService {
  private readonly deletionChecks: DeletionCheck[] = [];
  private readGaps: GapReader = () => Promise.resolve([]);

  constructor(
    private readonly database: Database,
    private readonly repository: AccountsRepository,
    private readonly directory: AccountDirectory,
    private readonly vault: AccountVault,
    private readonly profiles: AccountProfiles,
    private readonly config: Config,
    private readonly events: AccountEventsRepository,
    private readonly ports: AccountPorts,
    private readonly outbox: Outbox,
    private readonly audit: AuditTrail,
  ) {}

  /** All accounts that are not deleted, active or not, with their secrets; at most a second old. */
  snapshot(): Promise<readonly Account[]> {
    return this.directory.all();
  }

  /** As {@link snapshot}, and as they are now. */
  freshSnapshot(): Promise<readonly Account[]> {
    this.directory.forget();
    return this.directory.all();
  }

  find(id: number): Promise<Account | null> {
    return this.directory.find(id);
  }

  findByPhoneNumberId(phoneNumberId: string): Promise<Account | null> {
    return this.directory.findByPhoneNumberId(phoneNumberId);
  }

  /** Does Meta's `hub.verify_token` belong to an active account, or is it `WHATSAPP_VERIFY_TOKEN`? */
  async acceptsVerifyToken(given: string): Promise<boolean> {
    const { verifyToken } = this.config.webhook;
    const isEnvironments = verifyToken !== null && equalsInConstantTime(verifyToken.reveal(), given);
    return (await this.directory.hasVerifyToken(given)) || isEnvironments;
  }

  /** Lets a module above keep an account with work under way from being deleted. Register when the module starts. */
  registerDeletionCheck(check: DeletionCheck): void {
    this.deletionChecks.push(check);
  }

  /** Whoever looks for gaps stands above accounts, so it says by itself what it found. Register when the module starts. */
  registerGapReader(reader: GapReader): void {
    this.readGaps = reader;
  }

  /** The accounts that the asking key may use. */
  async list(query: { cursor?: string; limit: number }, by: Principal): Promise<Page<AccountRecord>> {
    const rows = await this.repository.findPage(by.accountIds, decodeIdCursor(LIST, query.cursor), query.limit);
    return toPage(LIST, rows, query.limit, (row) => [row.id]);
  }

  /** @throws `404 account_not_found` when it is missing or not the asking key's to see */
  async get(id: number, by: Principal | null): Promise<AccountRecord> {
    const record = by === null || mayUse(by, id) ? await this.repository.find(id) : null;
    if (!record) {
      throw noSuchAccount();
    }
    return record;
  }

  /** Adds an account and reads its profile from Meta; what Meta refuses is in `profileError` of the answer. */
  async create(input: NewAccount, by: Principal | null = null): Promise<AccountRecord> {
    if (by && by.accountIds.length > 0) {
      throw new AppError('forbidden', 'Your key is tied to accounts, so it cannot add another.');
    }
    const record = await this.write(async (tx) => {
      const id = await this.repository.nextId(tx);
      await tx.manager.insert(AccountRecord, {
        id,
        verifyToken: this.newVerifyToken(id),
        ...this.columnsOf(id, input, []),
      });
      const made = await this.repository.getIn(tx, id);
      await this.audit.append(tx, [accountEntry('created', id, { ...describeAccount(made), ...secretsIn(input) })]);
      return made;
    });
    return this.refreshed(record);
  }

  /** Changes what is given; with new credentials the profile is read from Meta again. */
  async update(id: number, changes: AccountChanges, by: Principal | null): Promise<AccountRecord> {
    const { record, isProfileOld } = await this.write(async (tx) => {
      const before = await this.lock(tx, id, by);
      if (before.managedBy === 'environment') {
        this.assertLeavesEnvironmentAlone(before, changes);
      }
      const isOtherNumber = changes.phoneNumberId !== undefined && changes.phoneNumberId !== before.phoneNumberId;
      const isOtherWaba = changes.wabaId !== undefined && changes.wabaId !== before.wabaId;
      const columns = {
        ...this.columnsOf(id, changes, before.appSecretFingerprints),
        ...(isOtherNumber ? UNKNOWN_PROFILE : {}),
        ...(isOtherNumber || isOtherWaba ? UNKNOWN_STANDING : {}),
      };
      if (isOtherNumber || isOtherWaba) {
        await this.events.forget(tx, id);
      }
      if (Object.keys(columns).length > 0) {
        await tx.manager.update(AccountRecord, { id }, columns);
      }
      if (changes.accessToken && this.vault.readAccessToken(before) !== changes.accessToken.reveal()) {
        await this.announceCredentials(tx, id);
      }
      if (before.isActive && changes.isActive === false) {
        await this.ports.tell(tx, id, { kind: 'deactivated' });
      }
      const after = await this.repository.getIn(tx, id);
      const changed = accountDifferences(before, after, changes);
      if (Object.keys(changed).length > 0) {
        await this.audit.append(tx, [accountEntry('updated', id, changed)]);
      }
      return {
        record: after,
        isProfileOld: isOtherNumber || changes.accessToken !== undefined,
      };
    });
    return isProfileOld ? this.refreshed(record) : record;
  }

  /** Forgets the credentials and frees the phone number id; what was sent and received stays. */
  async remove(id: number, by: Principal | null): Promise<void> {
    await this.write(async (tx) => {
      const before = await this.lock(tx, id, by);
      if (before.managedBy === 'environment') {
        throw managedByEnvironment('It is deleted by taking its variables out of the environment.');
      }
      for (const check of this.deletionChecks) {
        await check(id, tx);
      }
      await tx.manager.update(
        AccountRecord,
        { id },
        {
          isActive: false,
          deletedAt: () => 'now()',
          accessToken: null,
          accessTokenLast4: null,
          appSecret: null,
          appSecretFingerprints: [],
          verifyToken: '',
        },
      );
      await this.audit.append(tx, [accountEntry('deleted', id, describeAccount(before))]);
    });
  }

  /** Makes a new verify token; the old one is refused from here on. */
  rotateVerifyToken(id: number, by: Principal | null): Promise<AccountRecord> {
    return this.write(async (tx) => {
      await this.lock(tx, id, by);
      await tx.manager.update(AccountRecord, { id }, { verifyToken: this.newVerifyToken(id) });
      await this.audit.append(tx, [accountEntry('verify_token_rotated', id, { verify_token: { changed: true } })]);
      return this.repository.getIn(tx, id);
    });
  }

  /** Reads the profile from Meta again. */
  async refreshProfile(id: number, by: Principal | null): Promise<AccountRecord> {
    return this.refreshed(await this.get(id, by));
  }

  /** Asks Meta whether the account can work now. */
  async health(id: number, by: Principal | null): Promise<AccountHealth> {
    const record = await this.get(id, by);
    return {
      record,
      signatureConfigured: record.appSecret !== null || this.config.webhook.appSecret !== null,
      events: await this.events.listRecent(this.database, id, HEALTH_EVENTS),
      gaps: await this.readGaps(id),
      ...(await this.profiles.check(record)),
    };
  }

  /** How Meta has stopped the account; null: it may send. */
  async findStanding(tx: Tx, id: number): Promise<{ standing: Standing; until: Date | null } | null> {
    const { standing, standingUntil } = await this.repository.getIn(tx, id);
    return isStopped({ standing, standingUntil }) ? { standing, until: standingUntil } : null;
  }

  /**
   * Does the account still have the token it has here? Its row stays locked against another one until the transaction ends,
   * so that what rests on a refusal of the token cannot cross a change of it.
   */
  async hasCurrentToken(tx: Tx, account: Account): Promise<boolean> {
    const record = await this.repository.findForShare(tx, account.id);
    return record !== null && this.vault.readAccessToken(record) === account.accessToken.reveal();
  }

  private async announceCredentials(tx: Tx, id: number): Promise<void> {
    const { resumedIds } = await this.ports.tell(tx, id, { kind: 'credentials' });
    if (resumedIds.length > 0) {
      await this.outbox.append(tx, [
        accountAlertEvent({
          accountId: id,
          code: 'credentials_renewed',
          severity: 'info',
          scope: 'credentials',
          message: 'The account has a new access token; the campaigns that waited for it go on.',
          whatToDo: '',
          resumedCampaignIds: resumedIds,
        }),
      ]);
    }
  }

  /** Runs the work in a transaction, after which this process reads its accounts anew. */
  private async write<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    try {
      return await this.database.transaction(work);
    } catch (error) {
      if (violatedUniqueKey(error) === 'accounts_phone_number_id_key') {
        throw new AppError('account_exists', 'There is an account with this phone_number_id already.');
      }
      throw error;
    } finally {
      this.directory.forget();
    }
  }

  private async lock(tx: Tx, id: number, by: Principal | null): Promise<AccountRecord> {
    const record = by === null || mayUse(by, id) ? await this.repository.findForUpdate(tx, id) : null;
    if (!record) {
      throw noSuchAccount();
    }
    return record;
  }

  private async refreshed(record: AccountRecord): Promise<AccountRecord> {
    await this.profiles.refresh(record);
    return (await this.repository.find(record.id)) ?? record;
  }

  /** The columns for what is given, secrets sealed for this row. */
  private columnsOf(id: number, given: AccountChanges, fingerprints: readonly string[]): Partial<AccountRecord> {
    const { accessToken, appSecret, ...plain } = given;
    const columns: Partial<AccountRecord> = Object.fromEntries(
      Object.entries(plain).filter(([, value]) => value !== undefined),
    );
    if (accessToken) {
      columns.accessToken = this.vault.seal(id, 'access_token', accessToken);
      columns.accessTokenLast4 = accessToken.reveal().slice(-4);
    }
    if (appSecret !== undefined) {
      columns.appSecret = appSecret && this.vault.seal(id, 'app_secret', appSecret);
    }
    if (appSecret) {
      columns.appSecretFingerprints = [...new Set([...fingerprints, fingerprint(appSecret)])];
    }
    return columns;
  }

  private newVerifyToken(id: number): string {
    return this.vault.seal(id, 'verify_token', new Secret(randomUUID()));
  }

  private assertLeavesEnvironmentAlone(before: AccountRecord, changes: AccountChanges): void {
    const namesWaba = typeof this.config.environmentAccount?.wabaId === 'string';
    const isTouched =
      changes.accessToken !== undefined ||
      changes.appSecret !== undefined ||
      (changes.phoneNumberId !== undefined && changes.phoneNumberId !== before.phoneNumberId) ||
      (changes.wabaId !== undefined && changes.wabaId !== before.wabaId && namesWaba);
    if (isTouched) {
      throw managedByEnvironment('Its ids and secrets are changed there.');
    }
  }
}

function managedByEnvironment(hint: string): AppError {
  return new AppError('account_managed_by_environment', `This account comes from the environment. ${hint}`);
}

/** Missing, deleted or not permitted: one answer, so that a key cannot learn of accounts that are not its own. */
export function noSuchAccount(): AppError {
  return new AppError('account_not_found', 'There is no such account.');
}

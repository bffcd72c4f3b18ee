import { Injectable } from '@nestjs/common';
import { AccountsService } from '../accounts/accounts.service.js';
import { AuditTrail } from '../audit/audit-trail.js';
import type { AccountScope } from '../contacts/person.js';
import { Config } from '../config/config.js';
import { isConnectionLoss } from '../database/pg-error.js';
import { ALL_OF_TIME, StatisticsRepository } from '../inbox/statistics/statistics.repository.js';
import { DjangoAccountsRepository } from './django-accounts.repository.js';
import type { DjangoRow } from './django-row.js';
import { DjangoSourceError, openDjango, type DjangoSource, type Selection } from './django-source.js';
import { fernetKeysOf } from './fernet.js';
import type { ImportKind, ImportRun } from './import-kind.js';
import { ImportKinds } from './import-kinds.js';
import { ImportLock } from './import-lock.js';
import { addReport, emptyReport, Tally, type ImportReport, type KindName } from './import-report.js';
import { ImportWork, isRefusal } from './import-work.js';
import { ImportedRowsRepository } from './imported-rows.repository.js';
import { PhoneReader } from './phone-reader.js';

/** What is to be imported, and how. */
export interface DjangoImportOptions {
  databaseUrl: string;
  tablePrefix?: string;
  /** Nothing is kept; the report is that of the real import. */
  isDry?: boolean;
  /** `WHATSAPP["ENCRYPTION_KEY"]` of Django, and former ones. */
  fernetKeys?: readonly string[];
  /** Django's `SECRET_KEY`, which encrypts where there is no key of its own. */
  secretKeys?: readonly string[];
  /** All kinds, when left out. */
  only?: readonly KindName[];
  /** Account here that has what names none over there. */
  accountId?: number;
  mediaRoot?: string;
  onProgress?: (kind: KindName, done: number, total: number) => void;
}

const LINK_BATCH = 5_000;
/** What is not brought in, and is worth saying so. */
const LEFT_OUT: Record<string, Selection> = { webhook_logs: { model: 'whatsappwebhooklog' } };

/**
 * Brings in what the Django package has. Its database is only read; here rows are written by the batch, each in one
 * transaction with the memory of what became of them, so that an import can be killed and run again, and a later one brings
 * what changed since. Nobody is told of anything: no event, no webhook, no call of Meta's, and no message.
 */
@Injectable()
export class DjangoImport {
  constructor(
    private readonly config: Config,
    private readonly work: ImportWork,
    private readonly lock: ImportLock,
    private readonly rows: ImportedRowsRepository,
    private readonly accounts: DjangoAccountsRepository,
    private readonly kinds: ImportKinds,
    private readonly accountsService: AccountsService,
    private readonly statistics: StatisticsRepository,
    private readonly audit: AuditTrail,
  ) {}

  /** @throws {@link DjangoSourceError} with a sentence for the operator */
  async run(options: DjangoImportOptions): Promise<ImportReport> {
    const source = await openDjango(options.databaseUrl, options.tablePrefix);
    try {
      // The account of the environment is made when accounts are read first.
      await this.accountsService.freshSnapshot();
      const session = { isDry: options.isDry ?? false };
      return await this.lock.alone(() => this.work.open(session.isDry, () => this.bring(source, options)));
    } catch (error) {
      throw isConnectionLoss(error)
        ? new DjangoSourceError(
            `A database went away: ${(error as Error).message}. Run the import again: it goes on where it was.`,
          )
        : error;
    } finally {
      await source.close();
      await this.accountsService.freshSnapshot().catch(() => undefined);
    }
  }

  private async bring(source: DjangoSource, options: DjangoImportOptions): Promise<ImportReport> {
    const keys = [...(options.fernetKeys ?? []), ...(options.secretKeys ?? [])];
    const importId = await this.work.step((tx) => this.rows.begin(tx, source.name));
    const base = {
      importId,
      source,
      phones: new PhoneReader(this.config.defaultCountry, await source.waIdsOfTenDigits()),
      startedAt: new Date(),
      isDry: options.isDry ?? false,
      fernetKeys: keys.flatMap(fernetKeysOf),
      mediaRoot: options.mediaRoot ?? null,
    };
    const report: ImportReport = {
      source: source.name,
      dry_run: base.isDry,
      default_account_id: null,
      kinds: {},
      contacts_linked: 0,
      not_imported: {},
      rows_known: 0,
    };
    let run: ImportRun = { ...base, accounts: new Map(), defaultAccount: null };
    for (const kind of this.kinds.all(options.only)) {
      if (kind.name !== 'accounts') {
        run = await this.withAccounts(run, options.accountId);
      }
      report.kinds[kind.name] = await this.take(run, kind, options);
    }
    run = await this.withAccounts(run, options.accountId);
    report.default_account_id = run.defaultAccount?.id ?? null;
    report.contacts_linked = await this.linkStrays(importId, run.defaultAccount);
    for (const [name, selection] of Object.entries(LEFT_OUT)) {
      report.not_imported[name] = await source.count(selection);
    }
    report.rows_known = await this.work.step((tx) => this.rows.countAll(tx, importId));
    if (!base.isDry) {
      // What came in was counted by nobody.
      await this.work.step((tx) => this.statistics.recount(tx, { ...ALL_OF_TIME, fix: true }));
    }
    await this.finish(importId, report);
    return report;
  }

  private async take(
    run: ImportRun,
    kind: ImportKind,
    options: DjangoImportOptions,
  ): Promise<ImportReport['kinds']['contacts']> {
    const sum = emptyReport();
    const total = await run.source.count(kind.selection);
    options.onProgress?.(kind.name, 0, total);
    await this.work.step(async (tx) => kind.begin?.(tx, run));
    for await (const rows of run.source.batches(kind.selection)) {
      await this.work.look((q) => kind.prepare?.(q, run, rows) ?? Promise.resolve());
      await this.takeRows(run, kind, rows, (tally) => addReport(sum, tally.report));
      sum.read += rows.length;
      options.onProgress?.(kind.name, sum.read, total);
    }
    return sum;
  }

  /** A row that the database refuses costs itself alone: the batch is halved until it stands alone. */
  private async takeRows(
    run: ImportRun,
    kind: ImportKind,
    rows: readonly DjangoRow[],
    add: (tally: Tally) => void,
  ): Promise<void> {
    try {
      add(
        await this.work.step(async (tx) => {
          const tally = new Tally();
          await kind.take(tx, run, rows, tally);
          return tally;
        }),
      );
    } catch (error) {
      if (!isRefusal(error)) {
        throw error;
      }
      const [first] = rows;
      if (rows.length === 1 && first) {
        const tally = new Tally();
        tally.skipped(first.id, `refused_${(error as { code: string }).code}`);
        add(tally);
        return;
      }
      const middle = Math.ceil(rows.length / 2);
      await this.takeRows(run, kind, rows.slice(0, middle), add);
      await this.takeRows(run, kind, rows.slice(middle), add);
    }
  }

  private async withAccounts(run: ImportRun, accountId: number | undefined): Promise<ImportRun> {
    return this.work.step(async (tx) => {
      const accounts = await this.accounts.findImported(tx, run.importId);
      const defaultAccount =
        accountId === undefined
          ? await this.accounts.findDefault(tx, run.importId)
          : await this.accounts.find(tx, accountId);
      if (accountId !== undefined && defaultAccount === null) {
        throw new DjangoSourceError(`There is no account ${accountId} here.`);
      }
      return { ...run, accounts, defaultAccount };
    });
  }

  /** People whom no account knows are the default account's, so that keys tied to it see them. */
  private async linkStrays(importId: number, account: AccountScope | null): Promise<number> {
    let sum = 0;
    let afterId: number | null = account === null ? null : 0;
    while (account !== null && afterId !== null) {
      const from: number = afterId;
      const { linked, lastId } = await this.work.step((tx) =>
        this.accounts.linkStrays(tx, importId, account.id, from, LINK_BATCH),
      );
      sum += linked;
      afterId = lastId;
    }
    return sum;
  }

  private async finish(importId: number, report: ImportReport): Promise<void> {
    const changes = Object.fromEntries(
      Object.entries(report.kinds).map(([kind, { created, updated, merged, skipped }]) => [
        kind,
        { created, updated, merged, skipped },
      ]),
    );
    await this.work.step(async (tx) => {
      await this.rows.finish(tx, importId, report);
      await this.audit.append(tx, [
        { action: 'import.django', objectType: 'import', objectId: importId, accountId: null, changes },
      ]);
    });
  }
}

import type { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../../audit/audit-trail.js';
import { AppError } from '../../common/app-error.js';
import type { LineError } from '../../common/csv-cell.js';
import { sleep } from '../../common/sleep.js';
import { Config } from '../../config/config.js';
import { Database } from '../../database/database.js';
import { Enqueue } from '../../queues/enqueue.js';
import type { Viewer } from '../contacts.service.js';
import { readContacts, type ContactLine, type ReadLine } from './contact-file.js';
import { IMPORT_BATCH, ImportRunner } from './import-runner.js';
import { ImportsRepository, type ImportRow, type StagedFile } from './imports.repository.js';

const SHOWN_ERRORS = 1_000;
/** A file with more lines is the worker's. */
const MAX_LINES_AT_ONCE = 10_000;
/** Longest that an answer waits for a small file; after that it is the worker's too. */
const AT_ONCE_MS = 20_000;
const WORKERS_WAIT_S = 10;
const BUSY_WAIT_MS = 100;

/** Files of contacts: read and checked here, made contacts by {@link ImportRunner}. */
@Injectable()
export class ContactImportsService {
  constructor(
    private readonly database: Database,
    private readonly repository: ImportsRepository,
    private readonly runner: ImportRunner,
    private readonly enqueue: Enqueue,
    private readonly config: Config,
    private readonly audit: AuditTrail,
  ) {}

  /**
   * Takes a file. A small one is imported when this returns, a large one is left to the worker. The file goes through by the
   * batch, and no transaction is open while it is read.
   * @throws `400 validation_failed` of `file`, `payload_too_large`
   */
  async upload(viewer: Viewer, file: Readable): Promise<ImportRow> {
    const { account, accountIds } = viewer;
    const id = await this.repository.create(this.database, {
      accountId: account.id,
      portfolio: account.portfolio,
      accountIds,
    });
    const staged = await this.stage(viewer, id, file);
    const isSmall = staged.total <= MAX_LINES_AT_ONCE;
    await this.database.transaction(async (tx) => {
      await this.repository.ready(tx, id, staged, isSmall ? WORKERS_WAIT_S : 0);
      await this.audit.append(tx, [
        {
          action: 'contact_import.uploaded',
          objectType: 'contact_import',
          objectId: id,
          accountId: account.id,
          changes: { lines: staged.total },
        },
      ]);
    });
    if (isSmall) {
      await this.runAtOnce(id);
    } else {
      await this.enqueue.enqueue('contact-import', {}, { key: 'contact-import' });
    }
    return this.get(account.id, id);
  }

  /** @throws `not_found` */
  async get(accountId: number, id: number): Promise<ImportRow> {
    const row = await this.repository.find(this.database, accountId, id);
    if (!row) {
      throw new AppError('not_found', 'There is no such import.');
    }
    return row;
  }

  private async stage(viewer: Viewer, id: number, file: Readable): Promise<StagedFile> {
    const staged: StagedFile = { total: 0, skipped: 0, errors: [], errorsTotal: 0 };
    try {
      let batch: ReadLine[] = [];
      for await (const line of readContacts(file, this.config.defaultCountry)) {
        staged.total += 1;
        batch.push(line);
        if (batch.length === IMPORT_BATCH) {
          await this.stageBatch(viewer, id, batch, staged);
          batch = [];
        }
      }
      await this.stageBatch(viewer, id, batch, staged);
      return staged;
    } catch (error) {
      await this.repository.remove(this.database, id);
      throw error;
    }
  }

  private async stageBatch(viewer: Viewer, id: number, batch: readonly ReadLine[], staged: StagedFile): Promise<void> {
    const exact = batch.flatMap((line) => line.exactPhone ?? []);
    const known =
      exact.length > 0
        ? await this.repository.findKnownPhones(this.database, exact, viewer.accountIds)
        : new Set<string>();
    const lines: ContactLine[] = [];
    for (const { contact, exactPhone, phoneError, errors } of batch) {
      const phone = exactPhone !== null && known.has(exactPhone) ? exactPhone : contact.phone;
      note(staged, [...(phoneError && phone === null ? [phoneError] : []), ...errors]);
      if (phone === null && contact.userId === null) {
        staged.skipped += 1;
      } else {
        lines.push({ ...contact, phone });
      }
    }
    if (lines.length > 0) {
      await this.repository.stage(this.database, id, lines);
    }
  }

  private async runAtOnce(id: number): Promise<void> {
    const deadline = Date.now() + AT_ONCE_MS;
    for (;;) {
      const step = await this.runner.step(id);
      if (step === 'done' || step === 'failed' || Date.now() > deadline) {
        return;
      }
      if (step === 'busy') {
        // A worker took it meanwhile, and may have ended it.
        await sleep(BUSY_WAIT_MS);
        if (!(await this.repository.isOpen(this.database, id))) {
          return;
        }
      }
    }
  }
}

function note(staged: StagedFile, errors: readonly LineError[]): void {
  staged.errorsTotal += errors.length;
  staged.errors.push(...errors.slice(0, Math.max(0, SHOWN_ERRORS - staged.errors.length)));
}

import { randomUUID } from 'node:crypto';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { Logger } from 'pino';
import { AuditTrail } from '../audit/audit-trail.js';
import { onceItSucceeds } from '../common/once.js';
import { Secret } from '../common/secret.js';
import { Config } from '../config/config.js';
import { LOGGER } from '../config/logger.module.js';
import { Database, type Tx } from '../database/database.js';
import { accountEntry } from './account-audit.js';
import { AccountRecord } from './account.entity.js';
import { AccountVault } from './account-vault.js';
import { AccountsRepository } from './accounts.repository.js';

/**
 * Single-account mode: the account that the environment names is a row as any other, marked `managed_by: environment`.
 * Its access token stays in the environment ({@link AccountVault.accessTokenOf}); nothing else knows of the mode.
 */
@Injectable()
export class EnvironmentAccount implements OnModuleInit {
  /** Sees to it that the row says what the environment says. Cheap once it has succeeded. */
  readonly ensure: () => Promise<void>;

  constructor(
    private readonly config: Config,
    private readonly database: Database,
    private readonly repository: AccountsRepository,
    private readonly vault: AccountVault,
    private readonly audit: AuditTrail,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.ensure = onceItSucceeds(() => this.database.transaction((tx) => this.sync(tx)));
  }

  async onModuleInit(): Promise<void> {
    // A database that is away or not migrated yet must not keep the process from saying so at /health/ready; whoever
    // asks for an account tries again.
    await this.ensure().catch((error: unknown) =>
      this.logger.error({ context: 'Accounts', err: error }, 'account of the environment not prepared yet'),
    );
  }

  private async sync(tx: Tx): Promise<void> {
    const named = this.config.environmentAccount;
    await this.repository.lockEnvironment(tx);
    await this.repository.releaseAbandoned(tx, named?.phoneNumberId ?? null);
    if (!named) {
      return;
    }
    const { phoneNumberId, wabaId } = named;
    const known = await this.repository.findByPhoneNumberIdForUpdate(tx, phoneNumberId);
    if (!known) {
      const id = await this.repository.nextId(tx);
      const verifyToken = this.vault.seal(id, 'verify_token', new Secret(randomUUID()));
      await tx.manager.insert(AccountRecord, {
        id,
        name: 'WhatsApp',
        phoneNumberId,
        wabaId,
        verifyToken,
        managedBy: 'environment',
      });
      await this.audit.append(tx, [accountEntry('created', id, { phone_number_id: phoneNumberId, waba_id: wabaId })]);
      return;
    }
    const isTakenOver = known.managedBy !== 'environment';
    await tx.manager.update(
      AccountRecord,
      { id: known.id },
      // An account that was switched off through the API stays off until the environment names it anew.
      { managedBy: 'environment', wabaId: wabaId ?? known.wabaId, isActive: isTakenOver || known.isActive },
    );
  }
}

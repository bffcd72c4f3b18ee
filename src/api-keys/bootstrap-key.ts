import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { Logger } from 'pino';
import { AuditTrail } from '../audit/audit-trail.js';
import { onceItSucceeds } from '../common/once.js';
import { sha256, type Secret } from '../common/secret.js';
import { Config } from '../config/config.js';
import { LOGGER } from '../config/logger.module.js';
import { Database, type Tx } from '../database/database.js';
import { prefixOf } from './api-key-format.js';
import { ApiKey, ApiKeySecret } from './api-key.entity.js';
import { ApiKeysRepository } from './api-keys.repository.js';

/** `BOOTSTRAP_API_KEY`: an active key with all scopes and this value, whoever changed it before. */
@Injectable()
export class BootstrapKey implements OnModuleInit {
  /** Sees to it that the key is there. Cheap once it has succeeded; before every lookup of a key. */
  readonly ensure: () => Promise<void>;

  constructor(
    config: Config,
    private readonly database: Database,
    private readonly repository: ApiKeysRepository,
    private readonly audit: AuditTrail,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    const { bootstrapApiKey } = config;
    this.ensure = onceItSucceeds(async () => {
      if (bootstrapApiKey) {
        await this.database.transaction((tx) => this.createOrKeep(tx, bootstrapApiKey));
      }
    });
  }

  async onModuleInit(): Promise<void> {
    // A database that is away or not migrated yet must not keep the process from saying so at /health/ready; the first
    // request with a key tries again.
    await this.ensure().catch((error: unknown) =>
      this.logger.error({ context: 'ApiKeys', err: error }, 'bootstrap key not prepared yet'),
    );
  }

  private async createOrKeep(tx: Tx, key: Secret): Promise<void> {
    await this.repository.lockAdministration(tx);
    const secretHash = sha256(key.reveal());
    const id = await this.repository.findIdBySecret(tx, secretHash);
    if (id === null) {
      const { identifiers } = await tx.manager.insert(ApiKey, {
        name: 'Bootstrap',
        prefix: prefixOf(key.reveal()),
        scopes: ['*'],
        createdBy: 'system',
      });
      const objectId = identifiers[0]!.id as number;
      await tx.manager.insert(ApiKeySecret, { apiKeyId: objectId, secretHash });
      const changes = { name: 'Bootstrap', scopes: ['*'] };
      await this.audit.append(tx, [
        { action: 'api_key.created', objectType: 'api_key', objectId, accountId: null, changes },
      ]);
      return;
    }
    await tx.manager.update(ApiKeySecret, { secretHash }, { expiresAt: null });
    await this.repository.replaceAccounts(tx, id, []);
    await tx.manager.update(ApiKey, { id }, { isActive: true, scopes: ['*'], expiresAt: null });
  }
}

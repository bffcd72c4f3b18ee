import { Injectable } from '@nestjs/common';
import { AuditTrail, changesBetween } from '../../audit/audit-trail.js';
import { AppError, invalidField } from '../../common/app-error.js';
import { targetProblem } from '../../common/guarded-agent.js';
import { decodeIdCursor, toPage, type Page } from '../../common/page.js';
import type { Secret } from '../../common/secret.js';
import { Config } from '../../config/config.js';
import { Database, type Tx } from '../../database/database.js';
import type { Principal } from '../../http/principal.js';
import type { EventType } from '../../outbox/outbox.js';
import { DeliveryWorkRepository } from './delivery-work.repository.js';
import { assertMayManage, grantableTypes } from './endpoint-rights.js';
import { EndpointVault } from './endpoint-vault.js';
import type { EndpointRow, EndpointView } from './endpoint.js';
import { WebhookEndpointsRepository } from './webhook-endpoints.repository.js';

const LIST = 'webhook_endpoints';
/** Of one account, or of none. */
const MAX_ENDPOINTS = 100;
const OBJECT = 'webhook_endpoint';

export interface EndpointInput {
  url: string;
  description: string;
  types: readonly EventType[];
}

export interface EndpointPatch extends Partial<EndpointInput> {
  isActive?: boolean | undefined;
}

/** An endpoint with the secret that is shown once. */
export interface IssuedEndpoint {
  endpoint: EndpointRow;
  secret: Secret;
}

/** Who wants to be told of events. */
@Injectable()
export class WebhookEndpointsService {
  constructor(
    private readonly database: Database,
    private readonly repository: WebhookEndpointsRepository,
    private readonly work: DeliveryWorkRepository,
    private readonly vault: EndpointVault,
    private readonly audit: AuditTrail,
    private readonly config: Config,
  ) {}

  async list(view: EndpointView, page: { limit: number; cursor?: string | undefined }): Promise<Page<EndpointRow>> {
    const rows = await this.repository.list(this.database, view, decodeIdCursor(LIST, page.cursor), page.limit + 1);
    return toPage(LIST, rows, page.limit, (row) => [row.id]);
  }

  /** @throws `not_found` */
  async get(view: EndpointView, id: number): Promise<EndpointRow> {
    return found(await this.repository.find(this.database, view, id));
  }

  /**
   * @param accountId whose events; null: those of all accounts, and of none
   * @throws `400 validation_failed`, `403 insufficient_scope`, `409 webhook_endpoint_limit`
   */
  async create(by: Principal, accountId: number | null, input: EndpointInput): Promise<IssuedEndpoint> {
    this.checkUrl(input.url);
    const allowedTypes = grantableTypes(by, input.types);
    return this.database.transaction(async (tx) => {
      if ((await this.repository.countForMore(tx, accountId)) >= MAX_ENDPOINTS) {
        throw new AppError('webhook_endpoint_limit', `There may be ${MAX_ENDPOINTS} endpoints. Delete one first.`);
      }
      const id = await this.repository.nextId(tx);
      const secret = this.vault.create();
      await this.repository.insert(tx, {
        ...input,
        id,
        accountId,
        allowedTypes,
        secret: this.vault.seal(id, secret),
        keyId: by.keyId,
        keyName: by.keyName,
      });
      const endpoint = await this.present(tx, id);
      await this.note(tx, endpoint, 'created', { url: addressOf(input.url), types: input.types });
      return { endpoint, secret };
    });
  }

  /** @throws `not_found`, `400 validation_failed`, `403 insufficient_scope` */
  async update(by: Principal, view: EndpointView, id: number, patch: EndpointPatch): Promise<EndpointRow> {
    if (patch.url !== undefined) {
      this.checkUrl(patch.url);
    }
    return this.database.transaction(async (tx) => {
      const before = await this.getForChange(tx, by, view, id);
      await this.repository.update(tx, id, {
        url: patch.url ?? before.url,
        description: patch.description ?? before.description,
        types: patch.types ?? before.types,
        allowedTypes: patch.types === undefined ? before.allowedTypes : grantableTypes(by, patch.types),
      });
      if (patch.isActive === true && !before.isActive) {
        await this.repository.enable(tx, id);
      }
      if (patch.isActive === false && (await this.work.disable(tx, id, 'requested'))) {
        await this.work.cancelWaiting(tx, id);
      }
      const after = await this.present(tx, id);
      const changes = changesBetween(shown(before), shown(after), ['url', 'description', 'types', 'isActive']);
      await this.note(tx, after, 'updated', changes);
      return after;
    });
  }

  /** What waits for it is not told any more. @throws `not_found`, `403 insufficient_scope` */
  async remove(by: Principal, view: EndpointView, id: number): Promise<void> {
    await this.database.transaction(async (tx) => {
      const endpoint = await this.getForChange(tx, by, view, id);
      await this.repository.markDeleted(tx, id);
      await this.work.cancelWaiting(tx, id);
      await this.note(tx, endpoint, 'deleted', { url: addressOf(endpoint.url) });
    });
  }

  /**
   * A new secret; for `overlapS` seconds deliveries are signed with both.
   * @throws `not_found`, `403 insufficient_scope`
   */
  async rotateSecret(by: Principal, view: EndpointView, id: number, overlapS: number): Promise<IssuedEndpoint> {
    return this.database.transaction(async (tx) => {
      await this.getForChange(tx, by, view, id);
      const secret = this.vault.create();
      await this.repository.rotate(tx, id, this.vault.seal(id, secret), overlapS);
      const endpoint = await this.present(tx, id);
      await this.note(tx, endpoint, 'secret_rotated', { secret: { changed: true }, overlap_s: overlapS });
      return { endpoint, secret };
    });
  }

  private checkUrl(url: string): void {
    const problem = targetProblem(url, { allowPrivate: this.config.allowPrivateTargets });
    if (problem !== null) {
      throw invalidField('url', 'bad_target', `url ${problem}.`);
    }
  }

  private async getForChange(tx: Tx, by: Principal, view: EndpointView, id: number): Promise<EndpointRow> {
    const endpoint = found(await this.repository.findForChange(tx, view, id));
    assertMayManage(by, endpoint);
    return endpoint;
  }

  private async present(tx: Tx, id: number): Promise<EndpointRow> {
    return found(await this.repository.find(tx, null, id));
  }

  private async note(tx: Tx, endpoint: EndpointRow, done: string, changes: Record<string, unknown>): Promise<void> {
    await this.audit.append(tx, [
      {
        action: `${OBJECT}.${done}`,
        objectType: OBJECT,
        objectId: endpoint.id,
        accountId: endpoint.accountId,
        changes,
      },
    ]);
  }
}

function found(endpoint: EndpointRow | null): EndpointRow {
  if (!endpoint) {
    throw new AppError('not_found', 'There is no such webhook endpoint.');
  }
  return endpoint;
}

/** As the audit log may have it: a query may hold somebody's token. */
function addressOf(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}

function shown(endpoint: EndpointRow): EndpointRow {
  return { ...endpoint, url: addressOf(endpoint.url) };
}

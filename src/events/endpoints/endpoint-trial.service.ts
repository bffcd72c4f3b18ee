import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { AppError, invalidField } from '../../common/app-error.js';
import { sleep } from '../../common/sleep.js';
import { Config } from '../../config/config.js';
import { Database } from '../../database/database.js';
import type { Principal } from '../../http/principal.js';
import type { EventType } from '../../outbox/outbox.js';
import { EndpointCaller } from './endpoint-caller.js';
import { assertMayManage, receivedTypes } from './endpoint-rights.js';
import { EndpointSettings } from './endpoint-settings.js';
import { EndpointVault } from './endpoint-vault.js';
import type { AttemptRecord, EndpointView } from './endpoint.js';
import { EVENT_SAMPLES } from './event-samples.js';
import { isSuccess } from './schedule.js';
import { WebhookEndpointsRepository } from './webhook-endpoints.repository.js';
import { WebhookEndpointsService } from './webhook-endpoints.service.js';

/** What came of a test. */
export interface Trial {
  isSuccess: boolean;
  attempt: AttemptRecord;
  body: string;
}

/** Asks an endpoint whether it hears us, at once and only once. */
@Injectable()
export class EndpointTrial {
  constructor(
    private readonly database: Database,
    private readonly endpoints: WebhookEndpointsService,
    private readonly repository: WebhookEndpointsRepository,
    private readonly vault: EndpointVault,
    private readonly caller: EndpointCaller,
    private readonly config: Config,
    private readonly settings: EndpointSettings,
  ) {}

  /**
   * Sends a sample of the type (else the first that the endpoint is told of), signed like any event.
   * @throws `not_found`, `400 validation_failed`, `403 insufficient_scope`
   */
  async run(by: Principal, view: EndpointView, id: number, type: EventType | undefined): Promise<Trial> {
    const endpoint = await this.endpoints.get(view, id);
    assertMayManage(by, endpoint);
    const received = receivedTypes(endpoint);
    const chosen = type ?? received[0];
    if (chosen === undefined || !received.includes(chosen)) {
      throw invalidField('type', 'not_received', `The endpoint is told of ${received.join(', ')}.`);
    }
    const sealed = await this.repository.findSecrets(this.database, id);
    if (!sealed) {
      throw new AppError('not_found', 'There is no such webhook endpoint.');
    }
    const messageId = `test_${randomUUID()}`;
    const body = JSON.stringify({
      id: messageId,
      type: chosen,
      timestamp: new Date().toISOString(),
      account_id: endpoint.accountId,
      data: EVENT_SAMPLES[chosen],
    });
    const begun = performance.now();
    const call = { url: endpoint.url, secrets: this.vault.open(id, sealed), messageId, body };
    const result = await this.caller.call(call, new AbortController().signal);
    if (!result) {
      throw new AppError('unavailable');
    }
    if (result.status === null && !this.config.allowPrivateTargets) {
      await sleep(this.settings.unreachableMs - (performance.now() - begun));
    }
    return { isSuccess: isSuccess(result), attempt: result.record, body };
  }
}

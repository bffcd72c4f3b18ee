import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../../audit/audit-trail.js';
import { Database, type Tx } from '../../database/database.js';
import { Outbox } from '../../outbox/outbox.js';
import {
  DeliveryWorkRepository,
  type EndpointProgress,
  type HeldEndpoint,
  type SettledDelivery,
} from './delivery-work.repository.js';
import { deliveriesExhaustedEvent, endpointDisabledEvent } from './endpoint-alerts.js';
import { deliveriesTotal, endpointsDisabled } from './endpoint-metrics.js';
import { EndpointSettings } from './endpoint-settings.js';

/** Deliveries that one alert names. */
const MAX_NAMED = 20;

/** What answers came to, of one endpoint. */
export interface Answers extends EndpointProgress {
  deliveries: readonly SettledDelivery[];
  /** It said that it is no more. */
  isGone: boolean;
  /** It was down, and is back. */
  isBack: boolean;
}

/** Writes down what endpoints answered, with all that follows from it, in one transaction. */
@Injectable()
export class DeliverySettler {
  constructor(
    private readonly database: Database,
    private readonly repository: DeliveryWorkRepository,
    private readonly outbox: Outbox,
    private readonly audit: AuditTrail,
    private readonly settings: EndpointSettings,
  ) {}

  /** @returns how the endpoint stands now; when it is lost to somebody else, nothing is written */
  async settle(endpoint: HeldEndpoint, answers: Answers): Promise<'active' | 'inactive' | 'lost'> {
    const outcome = await this.database.transaction(async (tx) => {
      const standing = await this.repository.noteProgress(tx, endpoint, answers, this.settings);
      if (!standing) {
        return null;
      }
      await this.repository.settle(tx, answers.deliveries);
      await this.tellOfExhausted(tx, endpoint, answers.deliveries);
      const reason = answers.isGone ? 'gone' : standing.isHopeless === true ? 'failing' : null;
      const isDisabled = reason !== null && (await this.disable(tx, endpoint, reason));
      if (answers.isBack && !isDisabled) {
        await this.repository.hasten(tx, endpoint.id);
      }
      return { isActive: standing.isActive && !isDisabled, disabledFor: isDisabled ? reason : null };
    });
    if (!outcome) {
      return 'lost';
    }
    answers.deliveries.forEach(({ status }) => deliveriesTotal.inc({ outcome: status }));
    if (outcome.disabledFor !== null) {
      endpointsDisabled.inc({ reason: outcome.disabledFor });
    }
    return outcome.isActive ? 'active' : 'inactive';
  }

  private async tellOfExhausted(tx: Tx, endpoint: HeldEndpoint, deliveries: readonly SettledDelivery[]): Promise<void> {
    const exhausted = deliveries.filter(({ status }) => status === 'exhausted').map(({ id }) => id);
    const { exhaustedAgainMs } = this.settings;
    if (exhausted.length > 0 && (await this.repository.noteExhausted(tx, endpoint.id, exhaustedAgainMs))) {
      await this.outbox.append(tx, [deliveriesExhaustedEvent(endpoint, exhausted.slice(0, MAX_NAMED))]);
    }
  }

  private async disable(tx: Tx, endpoint: HeldEndpoint, reason: 'gone' | 'failing'): Promise<boolean> {
    if (!(await this.repository.disable(tx, endpoint.id, reason))) {
      return false;
    }
    const cancelled = await this.repository.cancelWaiting(tx, endpoint.id);
    await this.outbox.append(tx, [endpointDisabledEvent(endpoint, reason)]);
    await this.audit.append(tx, [
      {
        action: 'webhook_endpoint.disabled',
        objectType: 'webhook_endpoint',
        objectId: endpoint.id,
        accountId: endpoint.accountId,
        changes: { reason, cancelled },
      },
    ]);
    return true;
  }
}

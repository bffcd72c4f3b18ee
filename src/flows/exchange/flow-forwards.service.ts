import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { AppError, invalidField } from '../../common/app-error.js';
import { targetProblem } from '../../common/guarded-agent.js';
import { Secret } from '../../common/secret.js';
import { Config } from '../../config/config.js';
import { Database, type Tx } from '../../database/database.js';
import { FlowExchangeRepository, type ExchangeFlowRow } from './flow-exchange.repository.js';

/** Standard Webhooks: 24 to 64 bytes. */
const SECRET_BYTES = 24;

/** Where flows get their answers from, when that is somebody's endpoint, and the secret that signs what it is asked. */
@Injectable()
export class FlowForwards {
  constructor(
    private readonly database: Database,
    private readonly repository: FlowExchangeRepository,
    private readonly config: Config,
  ) {}

  /** @throws `validation_failed` for an address that we would not call; '' is none, and fine */
  checkUrl(url: string): void {
    const problem = url === '' ? null : targetProblem(url, { allowPrivate: this.config.allowPrivateTargets });
    if (problem) {
      throw invalidField('forward_url', 'bad_url', `The address in forward_url ${problem}.`);
    }
  }

  /**
   * Gives a flow another forward address, or none (''). It keeps its secret as long as it has an address.
   * @returns the secret, when it was made now: the only time that it can be shown; else null
   * @throws `validation_failed`; `flow_not_found`
   */
  async change(tx: Tx, accountId: number, flowId: number, url: string): Promise<Secret | null> {
    this.checkUrl(url);
    const flow = await this.lock(tx, accountId, flowId);
    const made = url !== '' && flow.forward_secret === null ? newSecret() : null;
    const kept = url === '' ? null : flow.forward_secret;
    await this.repository.setForward(tx, accountId, flowId, { url, secret: made ? this.seal(flowId, made) : kept });
    return made;
  }

  /** @throws `flow_not_found`; `conflict` when the flow has no forward_url */
  async rotateSecret(account: { id: number }, flowId: number): Promise<Secret> {
    return this.database.transaction(async (tx) => {
      const flow = await this.lock(tx, account.id, flowId);
      if (flow.forward_url === '') {
        throw new AppError('conflict', 'The flow has no forward_url: a secret would sign nothing.');
      }
      const secret = newSecret();
      const sealed = this.seal(flowId, secret);
      await this.repository.setForward(tx, account.id, flowId, { url: flow.forward_url, secret: sealed });
      return secret;
    });
  }

  /** Null when there is none that can be read. */
  secretOf({ id, forward_secret: sealed }: Pick<ExchangeFlowRow, 'id' | 'forward_secret'>): Secret | null {
    try {
      return sealed === null ? null : this.config.keyring.decrypt(sealed, contextOf(id));
    } catch {
      return null;
    }
  }

  private seal(flowId: number, secret: Secret): string {
    return this.config.keyring.encrypt(secret, contextOf(flowId));
  }

  private async lock(tx: Tx, accountId: number, flowId: number): Promise<ExchangeFlowRow> {
    const flow = await this.repository.lockFlow(tx, accountId, flowId);
    if (!flow) {
      throw new AppError('flow_not_found', 'There is no such flow.');
    }
    return flow;
  }
}

function newSecret(): Secret {
  return new Secret(`whsec_${randomBytes(SECRET_BYTES).toString('base64')}`);
}

function contextOf(flowId: number): string {
  return `flows.forward_secret.${flowId}`;
}

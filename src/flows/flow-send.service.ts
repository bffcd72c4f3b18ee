import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import type { Address } from '../inbox/address.js';
import { SendService, type Sent } from '../inbox/send.service.js';
import { flowMessage } from './flow-send.js';
import type { SendFlowDto } from './flow.dto.js';
import { FlowsService } from './flows.service.js';

/** Flows on their way to people: messages like all others, with a token that brings the answer back. */
@Injectable()
export class FlowSender {
  constructor(
    private readonly flows: FlowsService,
    private readonly sender: SendService,
  ) {}

  /** @throws `flow_not_found`; otherwise as {@link flowMessage} and {@link SendService.send} do */
  async send(
    account: Account,
    id: number,
    to: Address,
    body: SendFlowDto,
    options: { force?: boolean | undefined; idempotencyKey?: string | undefined },
  ): Promise<Sent> {
    const command = flowMessage(await this.flows.read(account.id, id), to, body);
    return this.sender.send(account, { ...command, ...options });
  }
}

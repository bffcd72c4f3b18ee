import { Injectable, type OnModuleInit } from '@nestjs/common';
import { PeoplePorts } from '../contacts/people-ports.js';
import type { Queryable, Tx } from '../database/database.js';
import type { MessageContent } from '../meta/api/messages.js';
import { TemplatesService } from '../templates/templates.service.js';
import {
  FlowTokensRepository,
  type AnsweredFlow,
  type FlowAnswerKey,
  type FlowSendCount,
} from './flow-tokens.repository.js';
import { sentFlowsOf, type SentFlow } from './flow-tokens.js';

/** Which token went with which flow to whom: what comes back with it is an answer to that. */
@Injectable()
export class FlowTokens implements OnModuleInit {
  constructor(
    private readonly repository: FlowTokensRepository,
    private readonly templates: TemplatesService,
    private readonly ports: PeoplePorts,
  ) {}

  onModuleInit(): void {
    this.ports.onMerge((tx, { survivorId, goneId }) => this.repository.moveTo(tx, survivorId, goneId));
    this.ports.onErase((tx, { contactId }) => this.repository.removeOf(tx, contactId));
  }

  /** Notes the tokens of a message, in the transaction that stores it: before Meta is asked. */
  async note(
    tx: Tx,
    message: {
      id: number;
      accountId: number;
      contactId: number;
      template?: { name: string; language: string } | undefined;
    },
    content: MessageContent,
  ): Promise<void> {
    const flows = sentFlowsOf(content);
    if (flows.length === 0) {
      return;
    }
    const { id: messageId, accountId, contactId, template } = message;
    const known = template ? await this.flowOf(tx, accountId, template.name, template.language) : null;
    await this.repository.insert(
      tx,
      { accountId, contactId, messageId },
      flows.map((flow) => ({
        token: flow.token,
        metaFlowId: flow.metaFlowId ?? known?.metaFlowId ?? null,
        flowName: flow.flowName ?? known?.flowName ?? null,
      })),
    );
  }

  /** What each of the answers is to, in order; null where neither its token nor what it quotes was sent to its writer. */
  async findAnswered(tx: Tx, answers: readonly FlowAnswerKey[]): Promise<(AnsweredFlow | null)[]> {
    if (answers.length === 0) {
      return [];
    }
    const found = await this.repository.findAnswered(tx, answers);
    const flows = new Map<string, Promise<Omit<SentFlow, 'token'> | null>>();
    const completed: (AnsweredFlow | null)[] = [];
    for (const [index, answer] of found.entries()) {
      const isNamed = answer && (answer.metaFlowId !== null || answer.flowName !== null);
      if (!answer || isNamed || answer.templateName === null) {
        completed.push(answer && !isNamed ? null : answer);
        continue;
      }
      const { accountId } = answers[index] as FlowAnswerKey;
      const { templateName, templateLanguage } = answer;
      const key = `${accountId}/${templateName}/${templateLanguage}`;
      const flow = flows.get(key) ?? this.flowOf(tx, accountId, templateName, templateLanguage ?? '');
      flows.set(key, flow);
      const named = await flow;
      completed.push(named && { ...answer, ...named });
    }
    return completed;
  }

  /** How often these flows were sent: messages that Meta took, or may have taken. Not those of campaigns, which have no tokens. */
  countSent(
    q: Queryable,
    accountId: number,
    flows: readonly { metaFlowId: string | null; name: string }[],
  ): Promise<FlowSendCount[]> {
    return this.repository.countSent(q, accountId, flows);
  }

  /** The flow that a template's button opens. */
  private async flowOf(
    tx: Tx,
    accountId: number,
    name: string,
    language: string,
  ): Promise<Omit<SentFlow, 'token'> | null> {
    const template = await this.templates.findByName(tx, accountId, name, language);
    const buttons = [...(template?.buttons ?? []), ...(template?.carousel ?? []).flatMap((card) => card.buttons)];
    const button = buttons.find(({ type }) => typeof type === 'string' && type.toUpperCase() === 'FLOW');
    if (!button) {
      return null;
    }
    const { flow_id, flow_name } = button;
    return {
      metaFlowId: typeof flow_id === 'string' || typeof flow_id === 'number' ? String(flow_id) : null,
      flowName: typeof flow_name === 'string' ? flow_name : null,
    };
  }
}

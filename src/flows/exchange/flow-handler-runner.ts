import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { Agent } from 'undici';
import { guardedAgent } from '../../common/guarded-agent.js';
import { within } from '../../common/within.js';
import { Config } from '../../config/config.js';
import type { ExchangeFlowRow } from './flow-exchange.repository.js';
import { forwardQuestion } from './flow-forward.js';
import { FlowForwards } from './flow-forwards.service.js';
import { loadFlowHandlers, type FlowHandler, type FlowHandlers } from './flow-handler-module.js';
import { readOutcome, type FlowQuestion, type HandlerOutcome } from './flow-question.js';

/** Questions that may wait for their answers at once, in this process. */
const MAX_WAITING = 256;
const CONNECTIONS = 64;

/** Tests wait less. */
@Injectable()
export class FlowAnswerSettings {
  /** Meta waits ten seconds for everything; what is left is for the way there and back. */
  answerMs = 7_500;
}

class Late extends Error {}

/** Asks whoever knows what a flow shows next: its endpoint, else the code of whoever runs Parley. */
@Injectable()
export class FlowHandlerRunner implements OnModuleInit, OnApplicationShutdown {
  private handlers: FlowHandlers = { byName: new Map(), otherwise: null };
  private readonly agent: Agent;
  private waiting = 0;

  constructor(
    private readonly config: Config,
    private readonly forwards: FlowForwards,
    private readonly settings: FlowAnswerSettings,
  ) {
    this.agent = guardedAgent({
      allowPrivate: config.allowPrivateTargets,
      connections: CONNECTIONS,
      silenceMs: settings.answerMs,
    });
  }

  /** @throws FlowHandlersModuleError: better no start than flows that answer nobody */
  async onModuleInit(): Promise<void> {
    const { flowHandlersModule } = this.config;
    if (flowHandlersModule !== null) {
      this.handlers = await loadFlowHandlers(flowHandlersModule);
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.agent.destroy();
  }

  /** Answers a value for every outcome, within {@link FlowAnswerSettings.answerMs}. */
  async ask(flow: ExchangeFlowRow, question: FlowQuestion): Promise<HandlerOutcome> {
    if (this.waiting >= MAX_WAITING) {
      return { kind: 'failed', reason: 'busy' };
    }
    this.waiting += 1;
    try {
      return await this.askNow(flow, question);
    } finally {
      this.waiting -= 1;
    }
  }

  private async askNow(flow: ExchangeFlowRow, question: FlowQuestion): Promise<HandlerOutcome> {
    if (flow.forward_url !== '') {
      const secret = this.forwards.secretOf(flow);
      return secret
        ? forwardQuestion({ url: flow.forward_url, secret: secret.reveal() }, question, {
            agent: this.agent,
            answerMs: this.settings.answerMs,
          })
        : { kind: 'failed', reason: 'no_secret' };
    }
    const handler = this.handlers.byName.get(flow.name) ?? this.handlers.otherwise;
    return handler ? askCode(handler, question, this.settings.answerMs) : { kind: 'failed', reason: 'no_handler' };
  }
}

async function askCode(handler: FlowHandler, question: FlowQuestion, answerMs: number): Promise<HandlerOutcome> {
  const ending = new AbortController();
  try {
    // A handler that throws at once is one that fails, like any other.
    const work = Promise.resolve().then(() => handler(question, { signal: ending.signal }));
    return readOutcome(await within(answerMs, work, () => new Late('the handler took too long')), question.flow_token);
  } catch (error) {
    return { kind: 'failed', reason: error instanceof Late ? 'timeout' : 'failed', error };
  } finally {
    ending.abort();
  }
}

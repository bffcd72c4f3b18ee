import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { requireWaba } from '../accounts/require-waba.js';
import { AppError, invalidField } from '../common/app-error.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { flowEndpointUrl } from './exchange/flow-endpoint-url.js';
import { FlowForwards } from './exchange/flow-forwards.service.js';
import { requireHttpsLink } from '../inbox/sending/links.js';
import { FlowPushService } from './flow-push.service.js';
import { FlowStore, newEndpointToken } from './flow-store.js';
import { OF_WABA } from './flow-sync.js';
import type { Flow } from './flow.entity.js';
import { FlowsRepository } from './flows.repository.js';
import { FlowsService, type CountedFlow } from './flows.service.js';
import { STARTER_FLOWS, type StarterName } from './starter-flows.js';

/** A flow as somebody describes it. */
export interface FlowInput {
  name: string;
  /** None: those of the starter. */
  categories?: readonly string[] | undefined;
  flowJson?: Record<string, unknown> | undefined;
  starter?: StarterName | undefined;
  isDynamic?: boolean | undefined;
  /** '': ours, for a dynamic flow. */
  endpointUri?: string | undefined;
  /** Where our endpoint gets its answers from; '': code. */
  forwardUrl?: string | undefined;
}

export type FlowChanges = Partial<Omit<FlowInput, 'flowJson' | 'starter'>>;

/** A flow as it is now, and its forward secret when that was made just now: the only time that it can be shown. */
export interface EditedFlow {
  flow: CountedFlow;
  forwardSecret: string | null;
}

const MAX_NAME = 255;
const MAX_COPIES = 100;

/** New flows, copies, and what they say of themselves. */
@Injectable()
export class FlowEditor {
  constructor(
    private readonly database: Database,
    private readonly repository: FlowsRepository,
    private readonly flows: FlowsService,
    private readonly store: FlowStore,
    private readonly push: FlowPushService,
    private readonly forwards: FlowForwards,
    private readonly config: Config,
  ) {}

  /**
   * Makes a flow here and at Meta, with its JSON if that is given. Faults in the JSON are no error.
   * @throws `flow_exists`; otherwise as {@link FlowPushService.create} and `upload` do
   */
  async create(account: Account, input: FlowInput): Promise<EditedFlow> {
    requireWaba(account, OF_WABA);
    this.forwards.checkUrl(input.forwardUrl ?? '');
    checkEndpoint(input.endpointUri, '');
    const { starter, name } = input;
    const base = starter === undefined ? null : STARTER_FLOWS[starter];
    const categories = input.categories ?? base?.categories ?? [];
    if (categories.length === 0) {
      throw invalidField('categories', 'array_not_empty', 'categories must have 1 or more items (or give a starter)');
    }
    if (base && input.flowJson) {
      throw invalidField('starter', 'exclusive', 'Give either starter or flow_json');
    }
    await this.requireFree(account.id, name);
    const flowJson = input.flowJson ?? base?.flowJson;
    const endpointToken = newEndpointToken();
    const flow = await this.store.insert({
      accountId: account.id,
      name,
      categories: [...new Set(categories)],
      flowJson: flowJson ?? {},
      endpointToken,
      ...this.endpointOf(endpointToken, input),
    });
    const forwardSecret = await this.forward(account.id, flow.id, input.forwardUrl || undefined);
    await this.push.create(account, flow, null);
    if (flowJson !== undefined) {
      await this.push.upload(account, flow.id, flowJson);
    }
    return { flow: await this.flows.get(account.id, flow.id), forwardSecret };
  }

  /** @throws `flow_not_found`, `flow_exists`; otherwise as {@link FlowPushService.change} does */
  async change(account: Account, id: number, changes: FlowChanges): Promise<EditedFlow> {
    this.forwards.checkUrl(changes.forwardUrl ?? '');
    const before = await this.flows.read(account.id, id);
    const { name, categories } = changes;
    checkEndpoint(changes.endpointUri, before.endpointUri);
    if (categories?.length === 0) {
      throw invalidField('categories', 'array_not_empty', 'categories must have 1 or more items');
    }
    if (name !== undefined && name !== before.name) {
      await this.requireFree(account.id, name);
    }
    const isEndpointChanged = changes.isDynamic !== undefined || changes.endpointUri !== undefined;
    await this.push.change(account, id, {
      ...(name === undefined ? {} : { name }),
      ...(categories === undefined ? {} : { categories: [...new Set(categories)] }),
      ...(isEndpointChanged
        ? this.endpointOf(before.endpointToken, {
            isDynamic: changes.isDynamic ?? before.isDynamic,
            endpointUri: changes.endpointUri ?? before.endpointUri,
          })
        : {}),
    });
    const forwardSecret = await this.forward(account.id, id, changes.forwardUrl);
    return { flow: await this.flows.get(account.id, id), forwardSecret };
  }

  /**
   * A draft with the screens of another flow, whatever the status of that. At Meta it is a copy too, so it has all that Meta
   * has of the other.
   * @param name by default that of the other, and that it is a copy
   */
  async clone(account: Account, id: number, name: string | undefined): Promise<EditedFlow> {
    requireWaba(account, OF_WABA);
    const source = await this.flows.read(account.id, id);
    if (name !== undefined) {
      await this.requireFree(account.id, name);
    }
    const endpointToken = newEndpointToken();
    const isOurs = source.endpointUri === flowEndpointUrl(this.config, source.endpointToken);
    const copy = await this.store.insert({
      accountId: account.id,
      name: name ?? (await this.nameOfCopy(account.id, source.name)),
      categories: source.categories,
      flowJson: source.flowJson,
      jsonVersion: source.jsonVersion,
      endpointToken,
      ...this.endpointOf(endpointToken, {
        isDynamic: source.isDynamic,
        endpointUri: isOurs ? '' : source.endpointUri,
      }),
    });
    await this.push.create(account, copy, source.metaFlowId);
    const isAtMeta = source.metaFlowId !== null && source.uploadedAt !== null;
    if (!isAtMeta && Object.keys(source.flowJson).length > 0) {
      await this.push.upload(account, copy.id, source.flowJson);
    }
    return { flow: await this.flows.get(account.id, copy.id), forwardSecret: null };
  }

  /** @param url undefined: as it is @returns the secret, when it was made now */
  private async forward(accountId: number, id: number, url: string | undefined): Promise<string | null> {
    if (url === undefined) {
      return null;
    }
    const secret = await this.database.transaction((tx) => this.forwards.change(tx, accountId, id, url));
    return secret?.reveal() ?? null;
  }

  private endpointOf(
    endpointToken: string,
    { isDynamic, endpointUri = '' }: Pick<FlowInput, 'isDynamic' | 'endpointUri'>,
  ): Pick<Flow, 'isDynamic' | 'endpointUri'> {
    const dynamic = isDynamic ?? endpointUri !== '';
    return {
      isDynamic: dynamic,
      endpointUri: endpointUri || (dynamic ? flowEndpointUrl(this.config, endpointToken) : ''),
    };
  }

  /** Meta gives a name once in a WABA, and we know flows again by it when an answer was lost. */
  private async requireFree(accountId: number, name: string): Promise<void> {
    const [taken] = await this.repository.findTaken(this.database, accountId, [name]);
    if (taken !== undefined) {
      throw new AppError('flow_exists', `The account has a flow of the name "${name}". Meta wants another for each.`);
    }
  }

  private async nameOfCopy(accountId: number, name: string): Promise<string> {
    const candidates = Array.from({ length: MAX_COPIES }, (_, index) => {
      const ending = index === 0 ? ' (copy)' : ` (copy ${index + 1})`;
      return name.slice(0, MAX_NAME - ending.length).toWellFormed() + ending;
    });
    const taken = new Set(await this.repository.findTaken(this.database, accountId, candidates));
    const free = candidates.find((candidate) => !taken.has(candidate));
    if (free === undefined) {
      throw new AppError('flow_exists', 'The flow has too many copies: name the new one.');
    }
    return free;
  }
}

function checkEndpoint(given: string | undefined, before: string): void {
  if (given && given !== before) {
    requireHttpsLink(given, 'endpoint_uri');
  }
}

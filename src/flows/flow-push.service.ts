import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { requireWaba } from '../accounts/require-waba.js';
import { AppError, type ErrorCode } from '../common/app-error.js';
import { FlowsApi, type MetaFlow, type NewMetaFlow } from '../meta/api/flows.js';
import type { WabaAccount } from '../meta/api/templates.js';
import type { GraphResult } from '../meta/graph-client.js';
import type { GraphFailure } from '../meta/graph-error.js';
import { graphProblem, readingProblem } from '../meta/graph-problem.js';
import { readFlow, readPreview, type SyncedFlow } from './flow-reading.js';
import { allows, requireMove } from './flow-status.js';
import { FlowStore } from './flow-store.js';
import { OF_WABA } from './flow-sync.js';
import type { Flow } from './flow.entity.js';
import { FlowsService } from './flows.service.js';

const MAY_EXIST =
  'Meta did not answer, so it may have the flow. Sync, or upload or publish it, to find out: none of them makes a second one.';
const MAY_BE_DONE = 'Meta did not answer, so it may have been done. Sync the flows to find out.';
/** Meta's way to say that there is no such thing (any more): code and subcode. */
const NO_OBJECT = { code: 100, subcode: 33 };
/** Errors after which Meta has no flow. */
const CERTAINLY_NOT: readonly ErrorCode[] = ['graph_error', 'account_credentials_missing'];
const SECOND_MS = 1_000;

/** A flow with an id of Meta's. */
type LinkedFlow = Flow & { metaFlowId: string };

/** What is done with flows at Meta. After a lost answer what Meta has decides, so nothing is done twice. */
@Injectable()
export class FlowPushService {
  constructor(
    private readonly flows: FlowsService,
    private readonly api: FlowsApi,
    private readonly store: FlowStore,
  ) {}

  /**
   * Creates a flow of ours at Meta, the first time.
   * @param cloneOf Meta's id of the flow whose screens it begins with
   * @throws `graph_error` with Meta's words, and the flow is gone here too; `graph_outcome_unknown`: it stays, and the next upload,
   *   publication or sync finds what Meta has
   */
  async create(account: Account, flow: Flow, cloneOf: string | null): Promise<Flow> {
    try {
      return await this.createAtMeta(requireWaba(account, OF_WABA), flow, cloneOf);
    } catch (error) {
      // Of anything else nobody can say that Meta has it not.
      if (error instanceof AppError && CERTAINLY_NOT.includes(error.code)) {
        await this.store.remove(account.id, flow.id);
      }
      throw error;
    }
  }

  /**
   * Keeps the JSON and gives it to Meta. Faults that Meta finds are no error: they stand in `validation_errors`.
   * @throws `flow_<status>` for anything but a draft; `graph_error`; `graph_outcome_unknown`: upload it again
   */
  async upload(account: Account, id: number, flowJson: Record<string, unknown>): Promise<Flow> {
    const before = await this.flows.read(account.id, id);
    requireMove(before.status, 'upload');
    const flow = await this.store.update(account.id, id, { flowJson, uploadedAt: null, validationErrors: [] });
    try {
      return await this.uploadTo(account, await this.linked(account, flow));
    } catch (error) {
      const { status } = await this.flows.read(account.id, id);
      if (!allows(status, 'upload')) {
        // It was published elsewhere: what it shows is what was there before.
        const { flowJson: shown, uploadedAt, validationErrors } = before;
        await this.store.update(account.id, id, { flowJson: shown, uploadedAt, validationErrors });
      }
      throw error;
    }
  }

  /**
   * Publishes a draft, for good; JSON that Meta has not got yet goes first.
   * @throws `flow_<status>` for anything but a draft; `graph_error` with Meta's words and faults; `graph_outcome_unknown`
   */
  async publish(account: Account, id: number): Promise<Flow> {
    const before = await this.flows.read(account.id, id);
    requireMove(before.status, 'publish');
    let flow = await this.linked(account, before);
    requireMove(flow.status, 'publish');
    if (flow.uploadedAt === null && Object.keys(flow.flowJson).length > 0) {
      flow = linkedOf(await this.uploadTo(account, flow));
    }
    return this.move(account, flow, 'PUBLISHED', () => this.api.publish(account, flow.metaFlowId));
  }

  /** @throws `flow_<status>` for what is not published; `graph_error`; `graph_outcome_unknown` */
  async deprecate(account: Account, id: number): Promise<Flow> {
    const before = await this.flows.read(account.id, id);
    requireMove(before.status, 'deprecate');
    const flow = await this.linked(account, before);
    return this.move(account, flow, 'DEPRECATED', () => this.api.deprecate(account, flow.metaFlowId));
  }

  /**
   * Changes name, categories or endpoint, at Meta first.
   * @param changes of the row; what Meta knows of it, Meta is told
   */
  async change(account: Account, id: number, changes: Partial<Flow>): Promise<Flow> {
    const before = await this.flows.read(account.id, id);
    const { name, categories, endpointUri } = changes;
    const told = {
      ...(name === undefined || name === before.name ? {} : { name }),
      ...(categories === undefined ? {} : { categories }),
      // Meta takes another address, and none never: what is not dynamic any more just does not ask.
      ...(!endpointUri || endpointUri === before.endpointUri ? {} : { endpoint_uri: endpointUri }),
    };
    if (Object.keys(told).length > 0) {
      requireMove(before.status, 'update');
      const flow = await this.linked(account, before);
      const answer = await this.api.update(account, flow.metaFlowId, told);
      const isDone = (found: SyncedFlow): boolean =>
        (name === undefined || found.name === name) &&
        (categories === undefined || categories.every((category) => found.categories.includes(category))) &&
        (!endpointUri || found.endpointUri === endpointUri);
      if (!answer.ok && !(await this.isSettled(account, flow, answer.failure, isDone))) {
        throw graphProblem(answer.failure, {}, MAY_BE_DONE);
      }
    }
    return this.store.update(account.id, id, changes);
  }

  /** Deletes a draft, at Meta and here. @throws `flow_<status>` for anything else; `graph_error`; `graph_outcome_unknown` */
  async remove(account: Account, id: number): Promise<void> {
    const flow = await this.flows.read(account.id, id);
    requireMove(flow.status, 'delete');
    const metaFlowId = flow.metaFlowId ?? (await this.findAtMeta(account, flow))?.metaFlowId ?? null;
    if (metaFlowId !== null) {
      const answer = await this.api.delete(account, metaFlowId);
      if (!answer.ok && !(await this.isGone(account, { ...flow, metaFlowId }, answer.failure))) {
        throw graphProblem(answer.failure, {}, MAY_BE_DONE);
      }
    }
    await this.store.remove(account.id, id, 'deleted');
  }

  /** The address where the flow can be looked at. @param renew lets older addresses end */
  async preview(account: Account, id: number, renew: boolean): Promise<{ url: string; expiresAt: Date | null }> {
    const flow = await this.flows.read(account.id, id);
    const { metaFlowId } = await this.linked(account, flow);
    const answer = await this.api.preview(account, metaFlowId, renew);
    if (!answer.ok) {
      throw readingProblem(answer.failure);
    }
    const preview = readPreview(answer.body);
    if (!preview) {
      throw new AppError('graph_error', 'Meta gave no preview of the flow.');
    }
    await this.store.update(account.id, id, { previewUrl: preview.url, previewExpiresAt: preview.expiresAt });
    return preview;
  }

  /** The flow with Meta's id. One that has none was asked for without an answer, or is gone there: found by name, or created. */
  private async linked(account: Account, flow: Flow): Promise<LinkedFlow> {
    if (flow.metaFlowId !== null) {
      return linkedOf(flow);
    }
    const found = await this.findAtMeta(account, flow);
    if (found) {
      await this.store.keep(account.id, [found], await this.store.now());
      return linkedOf(await this.flows.read(account.id, flow.id));
    }
    return linkedOf(await this.createAtMeta(requireWaba(account, OF_WABA), flow, null));
  }

  private async createAtMeta(account: Account & WabaAccount, flow: Flow, cloneOf: string | null): Promise<Flow> {
    // Durable before Meta is asked: whatever happens to us from here on, the next look is at what Meta has.
    await this.store.update(account.id, flow.id, { creationAskedAt: await this.store.now() });
    const definition: NewMetaFlow = {
      name: flow.name,
      categories: flow.categories,
      ...(flow.endpointUri === '' ? {} : { endpoint_uri: flow.endpointUri }),
      ...(cloneOf === null ? {} : { clone_flow_id: cloneOf }),
    };
    const answer = await this.api.create(account, definition);
    if (!answer.ok) {
      throw graphProblem(answer.failure, { flow: { id: flow.id, name: flow.name } }, MAY_EXIST);
    }
    const { id: metaFlowId, validationErrors } = answer.body;
    return this.store.update(account.id, flow.id, {
      metaFlowId,
      creationAskedAt: null,
      ...(validationErrors === null ? {} : { validationErrors }),
      ...(cloneOf === null ? {} : { uploadedAt: await this.store.now() }),
    });
  }

  private async uploadTo(account: Account, flow: LinkedFlow): Promise<Flow> {
    const answer = await this.api.upload(account, flow.metaFlowId, JSON.stringify(flow.flowJson, null, 2));
    if (!answer.ok) {
      await this.look(account, flow, answer.failure);
      throw graphProblem(
        answer.failure,
        { flow: { id: flow.id, name: flow.name } },
        'Meta did not answer, so it may have the JSON or not. Upload it again: that does no harm.',
      );
    }
    return this.store.update(account.id, flow.id, {
      uploadedAt: await this.store.now(),
      validationErrors: answer.body.validationErrors,
    });
  }

  /** One move along the table. Who is refused because it is done already has what they wanted. */
  private async move(
    account: Account,
    flow: LinkedFlow,
    status: string,
    ask: () => Promise<GraphResult<unknown>>,
  ): Promise<Flow> {
    const askedAt = await this.store.now();
    const answer = await ask();
    if (!answer.ok && !(await this.isSettled(account, flow, answer.failure, (found) => found.status === status))) {
      const { validationErrors } = await this.flows.read(account.id, flow.id);
      throw graphProblem(answer.failure, { validation_errors: validationErrors }, MAY_BE_DONE);
    }
    // In whole seconds, as Meta's events are: one of this second may be newer.
    const statusAt = new Date(Math.floor(askedAt.getTime() / SECOND_MS) * SECOND_MS);
    return this.store.update(account.id, flow.id, { status, statusAt }, status.toLowerCase());
  }

  /** Whether, for all that, it is done: told by what Meta has. */
  private async isSettled(
    account: Account,
    flow: LinkedFlow,
    failure: GraphFailure,
    isDone: (found: SyncedFlow) => boolean,
  ): Promise<boolean> {
    const found = await this.look(account, flow, failure);
    return found !== null && isDone(found);
  }

  /** Reads what Meta has, and keeps it, when a failure says that it may be another than we thought. */
  private async look(account: Account, flow: LinkedFlow, failure: GraphFailure): Promise<SyncedFlow | null> {
    if (failure.kind !== 'ambiguous' && failure.kind !== 'recipient') {
      return null;
    }
    const askedAt = await this.store.now();
    const reading: GraphResult<MetaFlow> = await this.api.get(account, flow.metaFlowId);
    const found = reading.ok ? readFlow(reading.body) : null;
    if (found) {
      await this.store.keep(account.id, [found], askedAt);
    }
    return found;
  }

  private async isGone(account: Account, flow: LinkedFlow, failure: GraphFailure): Promise<boolean> {
    if (isNoObject(failure)) {
      return true;
    }
    if (failure.kind !== 'ambiguous') {
      await this.look(account, flow, failure);
      return false;
    }
    const reading = await this.api.get(account, flow.metaFlowId);
    return !reading.ok && isNoObject(reading.failure);
  }

  private async findAtMeta(account: Account, flow: Flow): Promise<SyncedFlow | null> {
    const answer = await this.api.find(requireWaba(account, OF_WABA), flow.name);
    if (!answer.ok) {
      throw readingProblem(answer.failure);
    }
    return answer.body && readFlow(answer.body);
  }
}

function isNoObject({ code, subcode }: GraphFailure): boolean {
  return code === NO_OBJECT.code && subcode === NO_OBJECT.subcode;
}

function linkedOf(flow: Flow): LinkedFlow {
  if (flow.metaFlowId === null) {
    throw new AppError(
      'conflict',
      'Another flow of the account is this one at Meta. Delete this one, or sync the flows.',
    );
  }
  return flow as LinkedFlow;
}

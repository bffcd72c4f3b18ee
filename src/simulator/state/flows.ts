import { randomBytes } from 'node:crypto';
import type { Json } from '../validation/check.js';
import { hash53 } from './hash.js';
import { keep } from './keep.js';

/** A flow of a WABA. */
export interface StoredFlow {
  readonly id: string;
  readonly wabaId: string;
  name: string;
  status: string;
  categories: string[];
  endpointUri: string;
  /** The text of flow.json as it was uploaded; '': none yet. */
  json: string;
  validationErrors: Json[];
  previewToken: string;
  previewExpiresAt: number;
  /** When messages with it were taken, while it is throttled. */
  sentAt: number[];
}

/** A message that opens a flow: what its answer refers to. */
export interface FlowSend {
  readonly numberId: string;
  readonly waId: string;
  readonly userId: string;
  readonly flowToken: string;
}

const ID_BASE = 600_000_000_000_000;
const ID_SPAN = 90_000_000_000_000;
const REMEMBERED = 100_000;

/** The flows of every WABA, and the messages that carried them. */
export class Flows {
  private readonly byId = new Map<string, StoredFlow>();
  private readonly removed = new Set<string>();
  private readonly sends = new Map<string, FlowSend>();

  /** All flows of a WABA, the oldest first. */
  of(wabaId: string): StoredFlow[] {
    return [...this.byId.values()].filter((flow) => flow.wabaId === wabaId);
  }

  all(): StoredFlow[] {
    return [...this.byId.values()];
  }

  find(id: string): StoredFlow | undefined {
    return this.byId.get(id);
  }

  findByName(wabaId: string, name: string): StoredFlow | undefined {
    return this.of(wabaId).find((flow) => flow.name === name);
  }

  add(wabaId: string, given: Pick<StoredFlow, 'name' | 'categories'> & Partial<StoredFlow>): StoredFlow {
    const flow: StoredFlow = {
      status: 'DRAFT',
      endpointUri: '',
      json: '',
      validationErrors: [],
      previewToken: '',
      previewExpiresAt: 0,
      sentAt: [],
      ...given,
      id: this.freeId(`${wabaId}/${given.name}`),
      wabaId,
    };
    this.byId.set(flow.id, flow);
    return flow;
  }

  remove(flow: StoredFlow): void {
    this.byId.delete(flow.id);
    this.removed.add(flow.id);
  }

  /** Its id is nothing else's from then on. */
  wasRemoved(id: string): boolean {
    return this.removed.has(id);
  }

  remember(wamid: string, send: FlowSend): void {
    keep(this.sends, wamid, send, REMEMBERED);
  }

  sendOf(wamid: string): FlowSend | undefined {
    return this.sends.get(wamid);
  }

  /** A preview address that lives a month, as Meta's do. @param isRenewed older ones end */
  previewOf(flow: StoredFlow, isRenewed: boolean, at: number): { token: string; expiresAt: number } {
    if (isRenewed || flow.previewExpiresAt <= at) {
      flow.previewToken = randomBytes(18).toString('hex');
      flow.previewExpiresAt = at + 30 * 24 * 60 * 60 * 1000;
    }
    return { token: flow.previewToken, expiresAt: flow.previewExpiresAt };
  }

  /** The same flow gets the same id after a restart. */
  private freeId(seed: string): string {
    let id = ID_BASE + (hash53(`flow/${seed}`) % ID_SPAN);
    while (this.byId.has(String(id)) || this.removed.has(String(id))) {
      id++;
    }
    return String(id);
  }
}

import { now } from '../state/clock.js';
import type { StoredFlow } from '../state/flows.js';
import type { Json } from '../validation/check.js';
import type { World } from '../world.js';
import { wireJson } from './wire.js';

/** Posts an event of a flow. Meta: this field has `time` in its entry. @param time Unix seconds; now when left out */
export function reportFlow(world: World, { id, wabaId }: StoredFlow, value: Json, time?: number): void {
  const body = wireJson({
    object: 'whatsapp_business_account',
    entry: [
      {
        id: wabaId,
        time: time ?? Math.floor(now() / 1000),
        changes: [{ value: { ...value, flow_id: id }, field: 'flows' }],
      },
    ],
  });
  world.delivery.enqueue({ updates: 1, attempts: 0, body: () => body, acknowledged: () => undefined });
}

/** Gives a flow another status and reports it, as Meta does. */
export function setFlowStatus(world: World, flow: StoredFlow, status: string): void {
  const old_status = flow.status;
  flow.status = status;
  reportFlow(world, flow, {
    event: 'FLOW_STATUS_CHANGE',
    message: `${flow.name} changed status from ${old_status} to ${status}`,
    old_status,
    new_status: status,
  });
}

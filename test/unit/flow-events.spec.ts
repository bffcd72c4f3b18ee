import { applyFlowEvent, readFlowEvent, type FlowEvent, type FlowState } from '../../src/flows/flow-events.js';
import type { Change } from '../../src/meta/webhook-payload.js';
import { randomOf } from '../support/random.js';

const NEW: FlowState = { status: 'DRAFT', statusAt: null, health: null };

function change(value: Record<string, unknown>, second: number): Change {
  const at = new Date(Date.UTC(2026, 0, 1, 0, 0, second));
  return { field: 'flows', entryId: '1', phoneNumberId: null, value, entryTime: at, receivedAt: at };
}

function event(value: Record<string, unknown>, second: number): FlowEvent {
  return readFlowEvent(1, change({ flow_id: '66', ...value }, second)) as FlowEvent;
}

function shuffled<T>(items: readonly T[], seed: number): T[] {
  const random = randomOf(seed);
  return items
    .map((item) => ({ item, place: random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

describe('events of a flow', () => {
  const events = [
    event({ event: 'FLOW_STATUS_CHANGE', new_status: 'DRAFT' }, 1),
    event({ event: 'FLOW_STATUS_CHANGE', old_status: 'DRAFT', new_status: 'PUBLISHED' }, 2),
    event({ event: 'FLOW_STATUS_CHANGE', old_status: 'PUBLISHED', new_status: 'THROTTLED' }, 3),
    event({ event: 'ENDPOINT_LATENCY', alert_state: 'ACTIVATED', p90_latency: 8_000 }, 3),
    event({ event: 'FLOW_STATUS_CHANGE', new_status: 'BLOCKED' }, 4),
    event({ event: 'ENDPOINT_LATENCY', alert_state: 'DEACTIVATED', p90_latency: 900 }, 5),
    event({ event: 'FLOW_STATUS_CHANGE', new_status: 'PUBLISHED', warning: 'It will freeze in 21 days.' }, 6),
  ];
  const end = events.reduce(applyFlowEvent, NEW);

  it('end with the newest of each kind', () => {
    expect(end).toMatchObject({
      status: 'PUBLISHED',
      statusAt: events[6]?.at,
      health: {
        alerts: {
          ENDPOINT_LATENCY: { alert_state: 'DEACTIVATED', p90_latency: 900 },
          FLOW_VERSION_EXPIRY_WARNING: { warning: 'It will freeze in 21 days.' },
        },
      },
    });
  });

  it('end the same in any order and however often they come', () => {
    for (let seed = 1; seed <= 300; seed += 1) {
      expect(shuffled([...events, ...events], seed).reduce(applyFlowEvent, NEW)).toEqual(end);
    }
  });

  it('that are no news change nothing', () => {
    for (const old of events) {
      expect(applyFlowEvent(end, old)).toBe(end);
    }
  });

  it.each([
    ['no flow', { event: 'ENDPOINT_LATENCY' }],
    ['no event', { flow_id: '66' }],
    ['an event that is no text', { flow_id: '66', event: {} }],
  ])('with %s cannot be read', (_what, value) => {
    expect(readFlowEvent(1, change(value, 1))).toBeNull();
  });

  it('of kinds nobody knows are kept, but not without end', () => {
    const many = Array.from({ length: 50 }, (_, index) => event({ event: `KIND_${index}` }, index));
    expect(Object.keys(many.reduce(applyFlowEvent, NEW).health?.alerts ?? {})).toHaveLength(20);
  });
});

import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Principal } from '../../src/http/principal.js';
import type { NumberedEvent } from '../../src/events/event.js';
import { EventFilter } from '../../src/events/event-filter.js';
import { eventFrame } from '../../src/events/event-frames.js';
import { EventStream, type EndReason } from '../../src/events/event-stream.js';
import type { EventPage } from '../../src/events/events.repository.js';
import { StreamSettings } from '../../src/events/stream-settings.js';

const eventOf = (seq: number, size = 1): NumberedEvent => ({
  seq,
  type: 'message.sent',
  accountId: 1,
  createdAt: new Date(0),
  payload: { text: 'x'.repeat(size) },
});

/** A socket whose reader is in the hands of the test. */
class Wire extends EventEmitter {
  text = '';
  isReading = true;
  ended = false;
  destroyed = false;
  writableLength = 0;
  private flushed: (() => void)[] = [];

  get writableNeedDrain(): boolean {
    return this.writableLength > 0;
  }

  write(bytes: Buffer | string, done: () => void = () => undefined): boolean {
    this.text += bytes.toString();
    if (this.isReading) {
      done();
      return true;
    }
    this.writableLength += bytes.length;
    this.flushed.push(done);
    return false;
  }

  end(bytes: string): void {
    this.text += bytes;
    this.ended = true;
  }

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }

  read(): void {
    this.isReading = true;
    this.writableLength = 0;
    this.flushed.splice(0).forEach((done) => done());
    this.emit('drain');
  }

  get ids(): number[] {
    return [...this.text.matchAll(/^id: (\d+)\nevent: message/gm)].map(([, id]) => Number(id));
  }
}

/** A feed and a past of `past` events, both in the hands of the test. */
function world(past: number, settings: Partial<StreamSettings> = {}) {
  const wire = new Wire();
  const state = { position: past, reads: 0, ended: [] as EndReason[], page: 2, onRead: (): void => undefined };
  const stream = new EventStream(
    { keyId: 1 } as Principal,
    new EventFilter(null, null),
    Object.assign(new StreamSettings(), settings),
    {
      position: () => state.position,
      read: async (_filter, after, upTo): Promise<EventPage> => {
        state.reads += 1;
        await new Promise(setImmediate);
        state.onRead();
        const count = Math.min(state.page, upTo - after);
        return { events: Array.from({ length: count }, (_, i) => eventOf(after + i + 1)), upTo: after + count };
      },
      sent: () => undefined,
      ended: (_stream, reason) => state.ended.push(reason),
    },
  );
  const deliver = (count: number, size = 1): void => {
    const events = Array.from({ length: count }, (_, i) => eventOf(state.position + i + 1, size));
    state.position += count;
    stream.deliver({ bytes: Buffer.from(events.map(eventFrame).join('')), count, upTo: state.position });
  };
  const start = (after: number): void => stream.start(wire as unknown as ServerResponse, { after, reset: null });
  return { wire, state, stream, deliver, start };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);
const settled = async (): Promise<void> => {
  for (let i = 0; i < 50; i += 1) {
    await new Promise(setImmediate);
  }
};

describe('a live stream', () => {
  const worlds: ReturnType<typeof world>[] = [];
  const make = (past: number, settings?: Partial<StreamSettings>): ReturnType<typeof world> => {
    const made = world(past, settings);
    worlds.push(made);
    return made;
  };
  afterEach(() => worlds.splice(0).forEach(({ wire }) => wire.destroy()));

  it('tells of the past and then of what came meanwhile, each once', async () => {
    const { wire, state, deliver, start } = make(7);
    state.onRead = () => deliver(1);
    start(0);
    await settled();
    state.onRead = () => undefined;
    deliver(2);
    expect(wire.ids).toEqual(upTo(state.position));
    expect(state.reads).toBe(4);
  });

  it('goes back to the past when more comes meanwhile than it can hold', async () => {
    const { wire, state, deliver, start } = make(4, { maxQueuedEvents: 3 });
    let bursts = 2;
    state.onRead = () => {
      if (bursts > 0) {
        bursts -= 1;
        deliver(3);
      }
    };
    start(0);
    await settled();
    deliver(1);
    expect(wire.ids).toEqual(upTo(11));
    expect(state.ended).toEqual([]);
  });

  it('waits for its own feed when the client was ahead at another process', async () => {
    const { wire, state, deliver, start } = make(5);
    start(8);
    await settled();
    deliver(2);
    await settled();
    deliver(3);
    await settled();
    deliver(1);
    expect(wire.ids).toEqual([9, 10, 11]);
    expect(state.reads).toBe(1);
  });

  it('reads the past no faster than the client', async () => {
    const { wire, state, start } = make(100);
    wire.isReading = false;
    start(0);
    await settled();
    expect(wire.ids).toEqual([1, 2]);
    wire.read();
    await settled();
    expect(wire.ids).toEqual(upTo(100));
    expect(state.ended).toEqual([]);
  });

  it('ends a client that takes nothing of the past', async () => {
    const { wire, state, start } = make(100, { stallMs: 20 });
    wire.isReading = false;
    start(0);
    while (state.ended.length === 0) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(state.ended).toEqual(['too_slow']);
    expect(wire.text).toMatch(/id: 2\nevent: reset\ndata: .*"reason":"too_slow"/);
  });

  it.each([
    ['events', 1, 11],
    ['bytes', 30_000, 5],
  ])('ends a client for which too many %s wait, with the id to come back with', async (_what, size, bearable) => {
    const { wire, state, deliver, start } = make(0, { maxQueuedEvents: 11, maxQueuedBytes: 160_000 });
    start(0);
    await settled();
    wire.isReading = false;
    upTo(bearable).forEach(() => deliver(1, size));
    expect([wire.ended, state.ended]).toEqual([false, []]);
    deliver(1, size);
    deliver(1, size);
    expect([wire.ended, state.ended]).toEqual([true, ['too_slow']]);
    expect(wire.ids).toEqual(upTo(bearable));
    expect(wire.text).toContain(`id: ${bearable}\nevent: reset\n`);
  });

  it('takes a batch of any size from a client that has read the ones before', async () => {
    const { wire, state, deliver, start } = make(0, { maxQueuedEvents: 11, maxQueuedBytes: 1_000 });
    start(0);
    await settled();
    deliver(20, 100);
    wire.isReading = false;
    deliver(20, 100);
    wire.read();
    deliver(20, 100);
    expect(wire.ids).toEqual(upTo(60));
    expect(state.ended).toEqual([]);
  });

  it('is over when the client goes', async () => {
    const { wire, state, deliver, start } = make(3);
    start(0);
    wire.destroy();
    await settled();
    deliver(1);
    expect(wire.ids).toEqual([]);
    expect(state.ended).toEqual(['gone']);
  });
});

import { eventFrame, farewellFrame, openingFrame, parseEventId, resetFrame } from '../../src/events/event-frames.js';

describe('frames of an event stream', () => {
  const event = {
    seq: 1042,
    type: 'message.received',
    accountId: 3,
    createdAt: new Date('2026-11-21T09:30:00.001Z'),
    payload: { text: 'two\nlines\r\u2028 and "quotes"' },
  };

  it('are one id, one type and one line of JSON', () => {
    const [id, type, data, ...rest] = eventFrame(event).split('\n');
    expect([id, type, rest]).toEqual(['id: 1042', 'event: message.received', ['', '']]);
    expect(JSON.parse(data!.replace('data: ', ''))).toEqual({
      id: '1042',
      type: 'message.received',
      timestamp: '2026-11-21T09:30:00.001Z',
      account_id: 3,
      data: event.payload,
    });
  });

  it('begin with a pace, a comment and the id to come back with', () => {
    expect(openingFrame(7)).toMatch(/^retry: 2000\n: .+\nid: 7\n\n$/);
  });

  it('say why a client has to begin anew', () => {
    const [id, type, data] = resetFrame('too_old', 7).split('\n');
    expect([id, type]).toEqual(['id: 7', 'event: reset']);
    expect(JSON.parse(data!.replace('data: ', ''))).toMatchObject({
      id: '7',
      type: 'reset',
      data: { reason: 'too_old', message: expect.stringContaining('anew') },
    });
  });

  it('send the clients of a process that ends back at different times', () => {
    const paces = Array.from({ length: 50 }, () => Number(/retry: (\d+)/.exec(farewellFrame())?.[1]));
    expect(Math.min(...paces)).toBeGreaterThanOrEqual(2_000);
    expect(Math.max(...paces)).toBeLessThan(5_000);
    expect(new Set(paces).size).toBeGreaterThan(20);
  });

  it.each([
    ['0', 0],
    ['1042', 1042],
    ['', null],
    ['-1', null],
    ['1e3', null],
    ['12abc', null],
    [' 12', null],
    ['9'.repeat(16), null],
  ])('read "%s" as the id %p', (text, id) => {
    expect(parseEventId(text)).toBe(id);
  });
});

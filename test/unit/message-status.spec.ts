import fc from 'fast-check';
import { fold, type Evidence, type MessageFate } from '../../src/inbox/message-status.js';

const NEW: MessageFate = {
  status: 'pending',
  sentAt: null,
  deliveredAt: null,
  readAt: null,
  failedAt: null,
  error: null,
};
const at = (second: number): Date => new Date(Date.UTC(2026, 10, 21, 9, 0, second));

const EVIDENCE: Evidence[] = [
  { sentAt: at(1) },
  { deliveredAt: at(2) },
  { readAt: at(3) },
  { failedAt: at(4), error: { code: 131026, title: 'Message undeliverable', details: '' } },
  { isOutcomeUnknown: true },
];

function foldAll(evidence: Evidence[]): MessageFate {
  return evidence.reduce(fold, NEW);
}

describe('the fate of a message', () => {
  it('is the same in any order and any number of times', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(EVIDENCE, { minLength: 1 }), fc.array(fc.nat(4)), (order, repeats) => {
        const again = repeats.map((index) => order[index % order.length] as Evidence);
        expect(foldAll([...order, ...again])).toEqual(
          foldAll([...order].sort((a, b) => EVIDENCE.indexOf(a) - EVIDENCE.indexOf(b))),
        );
      }),
    );
  });

  it('moves forward only', () => {
    expect(foldAll([{ readAt: at(3) }, { sentAt: at(1) }, { deliveredAt: at(2) }]).status).toBe('read');
  });

  it('counts read as delivered, for Meta leaves out delivered when both happen at once', () => {
    expect(foldAll([{ readAt: at(3) }])).toMatchObject({ status: 'read', deliveredAt: at(3), sentAt: at(3) });
  });

  it('shows delivery before a failure, and keeps both facts', () => {
    const fate = foldAll([{ deliveredAt: at(2) }, EVIDENCE[3] as Evidence]);
    expect(fate).toMatchObject({ status: 'delivered', failedAt: at(4), error: { code: 131026 } });
  });

  it('is unknown only while nothing is known', () => {
    expect(foldAll([{ isOutcomeUnknown: true }]).status).toBe('unknown');
    expect(foldAll([{ isOutcomeUnknown: true }, { sentAt: at(1) }]).status).toBe('sent');
    expect(foldAll([{ sentAt: at(1) }, { isOutcomeUnknown: true }]).status).toBe('sent');
  });

  it('leaves a cancelled message cancelled until there is evidence that it was sent', () => {
    expect(fold({ ...NEW, status: 'cancelled' }, { isOutcomeUnknown: true }).status).toBe('cancelled');
  });
});

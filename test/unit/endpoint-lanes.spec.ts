import { Lanes, type Waiting } from '../../src/events/endpoints/lanes.js';

const NOW = 1_000;
const item = (seq: number, subject: string | null, more: Partial<Waiting> = {}): Waiting => ({
  id: seq * 10,
  seq,
  subject,
  attempt: 0,
  dueAt: 0,
  ...more,
});
const seqs = (items: readonly Waiting[]): number[] => items.map(({ seq }) => seq);

describe('whose turn it is', () => {
  it('is one of each subject at a time, in the order of events, however they were read', () => {
    const lanes = new Lanes<Waiting>();
    [item(3, 'a'), item(1, 'a'), item(2, 'b'), item(4, null), item(5, null)].forEach((one) => lanes.add(one));
    expect(lanes.size).toBe(5);
    const first = lanes.take(10, NOW);
    expect(seqs(first)).toEqual([1, 2, 4, 5]);
    expect(seqs(lanes.take(10, NOW))).toEqual([]);
    lanes.done(first[0]!);
    expect(seqs(lanes.take(10, NOW))).toEqual([3]);
    expect(lanes.size).toBe(0);
  });

  it('is of no more than there is room for, and of none before its time', () => {
    const lanes = new Lanes<Waiting>();
    [item(1, 'a', { dueAt: 2_000 }), item(2, 'b'), item(3, 'c')].forEach((one) => lanes.add(one));
    expect(seqs(lanes.take(1, NOW))).toEqual([2]);
    expect(lanes.nextDueAt()).toBe(0);
    expect(seqs(lanes.take(10, NOW))).toEqual([3]);
    expect(lanes.nextDueAt()).toBe(2_000);
    expect(seqs(lanes.take(10, 2_000))).toEqual([1]);
  });

  it('is not of those behind one that failed once; they are let go and read again', () => {
    const lanes = new Lanes<Waiting>();
    [item(1, 'a'), item(2, 'a'), item(3, 'a')].forEach((one) => lanes.add(one));
    const [first] = lanes.take(10, NOW);
    const letGo = lanes.failed(first!, { attempt: 1, dueAt: 5_000 });
    expect(seqs(letGo)).toEqual([2, 3]);
    expect(lanes.heldSubjects(NOW)).toEqual(['a']);
    expect(lanes.heldSubjects(5_000)).toEqual([]);
    expect(seqs(lanes.take(10, NOW))).toEqual([]);
    expect(seqs(lanes.take(10, 5_000))).toEqual([1]);
  });

  it('is of those behind one that failed twice', () => {
    const lanes = new Lanes<Waiting>();
    [item(1, 'a', { attempt: 1 }), item(2, 'a')].forEach((one) => lanes.add(one));
    const [first] = lanes.take(10, NOW);
    expect(lanes.failed(first!, { attempt: 2, dueAt: 300_000 })).toEqual([]);
    expect(seqs(lanes.take(10, NOW))).toEqual([2]);
    expect(lanes.heldSubjects(NOW)).toEqual([]);
  });

  it('is of one that failed twice whatever else of its subject is on its way', () => {
    const lanes = new Lanes<Waiting>();
    [item(1, 'a', { attempt: 2 }), item(2, 'a')].forEach((one) => lanes.add(one));
    expect(seqs(lanes.take(10, NOW))).toEqual([1, 2]);
  });

  it('is, to find out whether an endpoint lives, of one that was not tried before', () => {
    const lanes = new Lanes<Waiting>();
    [item(1, 'a', { attempt: 3 }), item(2, 'b', { attempt: 1 }), item(3, 'c'), item(4, 'd')].forEach((one) =>
      lanes.add(one),
    );
    expect(seqs(lanes.takeProbe(NOW))).toEqual([3]);
    expect(seqs(lanes.takeProbe(NOW))).toEqual([4]);
    expect(seqs(lanes.takeProbe(NOW))).toEqual([2]);
    expect(seqs(lanes.takeProbe(NOW))).toEqual([1]);
    expect(seqs(lanes.takeProbe(NOW))).toEqual([]);
  });
});

import { AppError } from '../../src/common/app-error.js';
import { allows, FLOW_STATUSES, isNewer, requireMove, sendMode, type FlowMove } from '../../src/flows/flow-status.js';

const MOVES: FlowMove[] = ['update', 'upload', 'publish', 'deprecate', 'delete', 'send'];

describe('the status of a flow', () => {
  it.each([
    ['DRAFT', ['update', 'upload', 'publish', 'delete', 'send']],
    ['PUBLISHED', ['update', 'deprecate', 'send']],
    ['THROTTLED', ['update', 'deprecate', 'send']],
    ['BLOCKED', ['update', 'deprecate']],
    ['DEPRECATED', []],
    ['OF_TOMORROW', []],
  ])('%s allows %j', (status, moves) => {
    expect(MOVES.filter((move) => allows(status, move))).toEqual(moves);
  });

  it.each(FLOW_STATUSES)('%s refuses what it does not allow by its own code', (status) => {
    for (const move of MOVES.filter((one) => !allows(status, one))) {
      const refusal = (): void => requireMove(status, move);
      expect(refusal).toThrow(AppError);
      expect(refusal).toThrow(expect.objectContaining({ code: `flow_${status.toLowerCase()}`, status: 409 }));
    }
  });

  it('opens a draft as a draft, all else as published', () => {
    expect(FLOW_STATUSES.map(sendMode)).toEqual(['draft', 'published', 'published', 'published', 'published']);
  });

  describe('as Meta tells it', () => {
    const at = (second: number): Date => new Date(Date.UTC(2026, 0, 1, 0, 0, second));
    const known = (status: string, second: number | null): { status: string; statusAt: Date | null } => ({
      status,
      statusAt: second === null ? null : at(second),
    });

    it('is believed when it is newer, or the first that is told', () => {
      expect(isNewer('BLOCKED', at(11), known('PUBLISHED', 10))).toBe(true);
      expect(isNewer('BLOCKED', at(10), known('PUBLISHED', 10))).toBe(true);
      expect(isNewer('BLOCKED', at(9), known('PUBLISHED', 10))).toBe(false);
      expect(isNewer('BLOCKED', at(9), known('PUBLISHED', null))).toBe(true);
    });

    it('never goes back to a draft, however late the word of its creation comes', () => {
      expect(isNewer('PUBLISHED', at(9), known('DRAFT', 10))).toBe(true);
      expect(isNewer('DRAFT', at(99), known('PUBLISHED', 10))).toBe(false);
      expect(isNewer('DRAFT', at(99), known('PUBLISHED', null))).toBe(false);
    });

    it('is final once it is deprecated', () => {
      expect(isNewer('PUBLISHED', at(99), known('DEPRECATED', 10))).toBe(false);
      expect(isNewer('DEPRECATED', at(9), known('BLOCKED', 10))).toBe(true);
      expect(isNewer('DEPRECATED', at(99), known('DEPRECATED', 10))).toBe(true);
    });
  });
});

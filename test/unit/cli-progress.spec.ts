import { durationOf, Progress, type Screen } from '../../src/cli/screen.js';
import { sleep } from '../../src/common/sleep.js';

function screen(isTerminal: boolean, width = 100): Screen & { written: string[] } {
  const written: string[] = [];
  return { isTerminal, width: () => width, write: (text) => void written.push(text), written };
}

describe('progress', () => {
  it('is one line that renews itself on a terminal and is taken away at the end', () => {
    const terminal = screen(true);
    const progress = new Progress('contacts', terminal);
    progress.show(2_500, 10_000);
    progress.end();
    expect(terminal.written[0]).toMatch(/^\r\u001b\[Kcontacts {2}██████░{18} 25 % {2}2,500 of 10,000/);
    expect(terminal.written.slice(1)).toEqual(['\r\u001b[K']);
  });

  it('never is wider than the terminal, nor drawn so often that it costs anything', async () => {
    const terminal = screen(true, 20);
    const progress = new Progress('contacts', terminal);
    const from = performance.now();
    for (let done = 0; done < 1_000; done += 1) {
      progress.show(done, 1_000);
    }
    await sleep(120);
    progress.show(1_000, 1_000);
    const tenths = Math.floor((performance.now() - from) / 100);
    expect(terminal.written.length).toBeGreaterThanOrEqual(2);
    expect(terminal.written.length).toBeLessThanOrEqual(1 + tenths);
    expect(terminal.written.every((text) => text.replace('\r\u001b[K', '').length < 20)).toBe(true);
  });

  it('says nothing in a log about what takes less than five seconds', () => {
    const log = screen(false);
    const progress = new Progress('contacts', log);
    progress.show(1, 2);
    progress.end();
    expect(log.written).toEqual([]);
  });

  it.each([
    [41.2, '42 s'],
    [200, '3 min 20 s'],
    [3_900, '1 h 5 min'],
  ])('%s seconds are %s', (seconds, words) => {
    expect(durationOf(seconds)).toBe(words);
  });
});

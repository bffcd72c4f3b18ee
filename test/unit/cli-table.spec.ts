import { factsOf, tableOf, type Column, type Paper } from '../../src/cli/table.js';

interface Row {
  id: number;
  name: string | null;
}

const COLUMNS: Column<Row>[] = [
  { title: 'id', of: (row) => row.id, align: 'right' },
  { title: 'name', of: (row) => row.name },
];
const plain = (width = Infinity): Paper => ({ width, hasColours: false });

describe('a table', () => {
  it('has its columns under their titles, numbers to the right, and nothing behind the last', () => {
    const rows = [
      { id: 7, name: 'Summer' },
      { id: 1204, name: null },
    ];
    expect(tableOf(rows, COLUMNS, plain())).toBe('  ID  NAME\n   7  Summer\n1204  –');
  });

  it.each([20, 30, 60])('fits %s columns: what is too long is wrapped within its column', (width) => {
    const name = 'Everybody who bought something in the last three months and did not come back since';
    const lines = tableOf([{ id: 7, name }], COLUMNS, plain(width)).split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
    expect(lines.length).toBeGreaterThan(2);
    expect(
      lines
        .slice(1)
        .map((line) => line.slice(4).trim())
        .join(' '),
    ).toBe(name);
  });

  it('knows that some letters take two columns', () => {
    const rows = [
      { id: 1, name: '夏のセール' },
      { id: 2, name: 'plain' },
    ];
    const columns = [...COLUMNS, { title: 'end', of: () => '|' }];
    expect(tableOf(rows, columns, plain()).split('\n').slice(1)).toEqual([' 1  夏のセール  |', ' 2  plain       |']);
  });

  it('has bold titles where there are colours, and none elsewhere', () => {
    const rows = [{ id: 7, name: 'Summer' }];
    expect(tableOf(rows, COLUMNS, { width: 80, hasColours: true })).toContain('\u001b[1m');
    expect(tableOf(rows, COLUMNS, plain(80))).not.toContain('\u001b');
  });

  it('lets no name move the cursor or break its line', () => {
    expect(tableOf([{ id: 7, name: 'a\u001b[2J\r\nb' }], COLUMNS, plain()).split('\n')[1]).toBe(' 7  a[2J b');
  });
});

describe('facts', () => {
  it('stand below each other, without those that are not known', () => {
    expect(factsOf({ id: 7, 'waba id': null, active: true, note: '' }, plain())).toBe('id      7\nactive  yes');
  });
});

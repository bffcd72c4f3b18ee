import { Readable } from 'node:stream';
import fc from 'fast-check';
import { cellsOf, openCsv, type CsvRecord } from '../../src/common/csv.js';
import { guardFormula, quoted, unguardFormula } from '../../src/common/csv-cell.js';

function chunksOf(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );
}

async function read(
  content: string | Buffer,
  options: { chunkSize?: number; looksLikeRecord?: ((cells: string[]) => boolean) | null } = {},
): Promise<{ header: string[]; records: CsvRecord[] }> {
  const file = await openCsv(Readable.from(chunksOf(Buffer.from(content), options.chunkSize ?? 5)));
  if (!file) {
    throw new Error('empty');
  }
  const records: CsvRecord[] = [];
  for await (const record of file.records(options.looksLikeRecord ?? null)) {
    records.push(record);
  }
  return { header: file.header, records };
}

describe('a CSV file', () => {
  it.each([
    ['line feeds', '\n'],
    ['carriage returns and line feeds', '\r\n'],
    ['carriage returns', '\r'],
  ])('is read with %s, and its lines keep their numbers', async (_name, lineBreak) => {
    const text = ['a,b', '', '1,"x', 'y"', '   ', '2,z', ''].join(lineBreak);
    expect(await read(text)).toEqual({
      header: ['a', 'b'],
      records: [
        { line: 3, cells: ['1', `x${lineBreak}y`] },
        { line: 6, cells: ['2', 'z'] },
      ],
    });
  });

  it.each<[string, Buffer]>([
    ['UTF-8', Buffer.from('ä;b\n1;ü\n')],
    ['UTF-8 with a BOM', Buffer.from('\ufeffä;b\n1;ü\n')],
    ['UTF-16 as Excel writes it', Buffer.from('\ufeffä;b\n1;ü\n', 'utf16le')],
    ['UTF-16 the other way round', Buffer.from('\ufeffä;b\n1;ü\n', 'utf16le').swap16()],
  ])('is read in %s, however it is cut', async (_name, bytes) => {
    for (const chunkSize of [2, 3, 1_000]) {
      expect(await read(bytes, { chunkSize })).toEqual({
        header: ['ä', 'b'],
        records: [{ line: 2, cells: ['1', 'ü'] }],
      });
    }
  });

  it.each([
    ['a "b" c', ['a "b" c']],
    ['5" pipe,x', ['5" pipe', 'x']],
    [' a , " b " ,c ', ['a', ' b ', 'c']],
    ['"a,b","c""d"', ['a,b', 'c"d']],
    ['"x"y,z', ['x"y', 'z']],
    ['"never closed,z', ['never closed', 'z']],
    [',,', ['', '', '']],
    ['', ['']],
  ])('has in the line %j the cells %j', (line, cells) => {
    expect(cellsOf(line, ',')).toEqual(cells);
  });

  it('may have lines that are shorter or longer than its first', async () => {
    const { records } = await read('a,b,c\n1\n1,2,3,4\n');
    expect(records.map((record) => record.cells)).toEqual([['1'], ['1', '2', '3', '4']]);
  });

  it('loses no line to a stray quote: they are told apart by what looks like a line of its own', async () => {
    const looksLikeRecord = (cells: string[]): boolean => /^\d$/.test(cells[0] ?? '');
    const text = 'id,name\n1,"open\n2,b\n3,"x"y\n4,"two\nlines"\n5,"end';
    expect((await read(text, { looksLikeRecord })).records).toEqual([
      { line: 2, cells: ['1', 'open'] },
      { line: 3, cells: ['2', 'b'] },
      { line: 4, cells: ['3', 'x"y'] },
      { line: 5, cells: ['4', 'two\nlines'] },
      { line: 7, cells: ['5', 'end'] },
    ]);
  });

  it('keeps little of a line without end', async () => {
    const { records } = await read(`a\n${'x'.repeat(3_000_000)}\nb\n`, { chunkSize: 65_536 });
    expect(records.map((record) => [record.line, record.cells[0]?.length])).toEqual([
      [2, 256 * 1024],
      [3, 1],
    ]);
  });

  it('lets the rest of the stream run out when nobody reads on', async () => {
    let given = 0;
    const stream = Readable.from(
      (function* () {
        for (; given < 100; given += 1) {
          yield Buffer.from('a,b\n1,2\n');
        }
      })(),
    );
    const file = await openCsv(stream);
    await file?.close();
    await new Promise((resolve) => stream.once('end', resolve));
    expect(given).toBe(100);
  });

  it('is nothing when it is empty', async () => {
    expect(await openCsv(Readable.from([]))).toBeNull();
    expect(await openCsv(Readable.from([Buffer.from('\ufeff\r\n \n')]))).toBeNull();
  });
});

describe('a cell that is written', () => {
  const text = fc
    .oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom(...'=+-@\t\r\n\'" ,;＝＋－＠ab\u00a0\ufeff') }),
    )
    .map((value) => value.replaceAll('\u0000', ''));

  it('is read back as it was, whatever it is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(text, { minLength: 3, maxLength: 3 }), { minLength: 1 }), async (rows) => {
        const lines = rows.map((row) => row.map((cell) => quoted(guardFormula(cell))).join(','));
        const { records } = await read(`x,y,z\r\n${lines.map((line) => `${line}\r\n`).join('')}`);
        const blank = (cells: string[]): boolean => cells.join(',').trim() === '';
        expect(records.map((record) => record.cells.map(unguardFormula)).filter((cells) => !blank(cells))).toEqual(
          rows.filter((cells) => !blank(cells)),
        );
      }),
      { numRuns: 300 },
    );
  });

  it('is never a formula for a spreadsheet', () => {
    fc.assert(
      fc.property(text, (cell) => {
        expect(guardFormula(cell)).not.toMatch(/^[\s"]*[=+\-@\t\r＝＋－＠]/u);
      }),
    );
  });

  it.each([
    '=1+1',
    '+91',
    '-1',
    '@SUM(A1)',
    '\tx',
    '\rx',
    '  =1',
    '"=1',
    "'=1",
    '＝1',
    '＋1',
    '－1',
    '＠x',
    '\u200b=1',
  ])('has a quote before %j', (cell) => {
    expect(guardFormula(cell)).toBe(`'${cell}`);
    expect(unguardFormula(`'${cell}`)).toBe(cell);
  });

  it.each(['Asha', "'quoted'", 'a=b', '1-2', '', "O'Neill"])('is left alone when it is %j', (cell) => {
    expect(guardFormula(cell)).toBe(cell);
    expect(unguardFormula(cell)).toBe(cell);
  });
});

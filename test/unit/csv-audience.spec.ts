import { Readable } from 'node:stream';
import { readAudience, type LineError } from '../../src/campaigns/audience/csv-audience.js';
import type { AudienceLine } from '../../src/campaigns/recipients.repository.js';

async function read(text: string, chunkSize = 7): Promise<{ lines: AudienceLine[]; errors: LineError[] }> {
  const bytes = Buffer.from(text);
  const chunks = Array.from({ length: Math.ceil(bytes.length / chunkSize) }, (_, index) =>
    bytes.subarray(index * chunkSize, (index + 1) * chunkSize),
  );
  const lines: AudienceLine[] = [];
  const errors: LineError[] = [];
  for await (const { line, error } of readAudience(Readable.from(chunks), 'IN')) {
    lines.push(line);
    if (error) {
      errors.push(error);
    }
  }
  return { lines, errors };
}

describe('a file of recipients', () => {
  it.each([
    ['comma', ','],
    ['semicolon', ';'],
    ['tab', '\t'],
  ])('is read with a BOM, any case of columns, and %s', async (_name, delimiter) => {
    const text =
      ['\ufeffName', 'PHONE', 'Order_ID'].join(delimiter) +
      '\r\n' +
      ['Asha', '+91 98765 00001', 'A-1'].join(delimiter) +
      '\r\n';
    const { lines, errors } = await read(text);
    expect(errors).toEqual([]);
    expect(lines).toEqual([
      {
        line: 2,
        identity: 'phone:+919876500001',
        phone: '+919876500001',
        userId: null,
        name: 'Asha',
        parameters: { name: 'Asha', phone: '+91 98765 00001', order_id: 'A-1' },
        skipReason: null,
      },
    ]);
  });

  it('keeps a line without a readable phone, with its number', async () => {
    const { lines, errors } = await read('phone,name\n9876500001,Asha\nnonsense,Bo\n,Cy\n9876500002,Di\n');
    expect(errors).toEqual([
      { line: 3, field: 'phone', code: 'invalid_phone_number', value: 'nonsense' },
      { line: 4, field: 'phone', code: 'required', value: '' },
    ]);
    expect(lines.map((line) => line.identity)).toEqual([
      'phone:+919876500001',
      'line:3',
      'line:4',
      'phone:+919876500002',
    ]);
  });

  it('knows people by their phone, else by the user id of Meta', async () => {
    const { lines, errors } = await read(
      ['phone,user_id,name', ',IN.1349,Asha', '9876500001,IN.ENT.7,Bo', 'nonsense,IN.8,Cy', ',1349,Di', ',,Ed'].join(
        '\n',
      ),
    );
    expect(lines.map(({ identity, phone, userId, skipReason }) => [identity, phone, userId, skipReason])).toEqual([
      ['user:IN.1349', null, 'IN.1349', null],
      ['phone:+919876500001', '+919876500001', 'IN.ENT.7', null],
      ['user:IN.8', null, 'IN.8', null],
      ['line:5', null, null, 'invalid'],
      ['line:6', null, null, 'invalid'],
    ]);
    expect(errors).toEqual([
      { line: 5, field: 'user_id', code: 'invalid_user_id', value: '1349' },
      { line: 6, field: 'phone', code: 'required', value: '' },
    ]);
  });

  it('may name its people by user ids only', async () => {
    const { lines, errors } = await read('USER_ID,name\nIN.1349,"Asha\nIN.1350,Bo\n,Cy\n');
    expect(lines.map(({ identity, name }) => [identity, name])).toEqual([
      ['user:IN.1349', 'Asha'],
      ['user:IN.1350', 'Bo'],
      ['line:4', 'Cy'],
    ]);
    expect(errors).toEqual([{ line: 4, field: 'user_id', code: 'required', value: '' }]);
  });

  it('loses no line behind a quote that is never closed', async () => {
    const text = 'phone,name\n9876500001,Asha\n9876500002,"Bo\n9876500003,Cy\n9876500004,Di\n';
    const { lines } = await read(text);
    expect(lines.map((line) => line.phone)).toEqual([
      '+919876500001',
      '+919876500002',
      '+919876500003',
      '+919876500004',
    ]);
  });

  it('loses no line between two stray quotes', async () => {
    const text = 'phone,name,city\n9876500001,"Bo,Pune\n9876500002,Cy,Goa\n9876500003,Di",Agra\n9876500004,Ed,Delhi\n';
    const { lines } = await read(text);
    expect(lines.map((line) => line.phone)).toEqual([
      '+919876500001',
      '+919876500002',
      '+919876500003',
      '+919876500004',
    ]);
  });

  it('loses no line behind a quote that is closed in the middle of a cell', async () => {
    const { lines } = await read('phone,name,n\n9876500001,"x"y,z\n9876500002,Bo,c\n9876500003,Cy,c\n');
    expect(lines.map((line) => [line.line, line.phone, line.name])).toEqual([
      [2, '+919876500001', 'x"y'],
      [3, '+919876500002', 'Bo'],
      [4, '+919876500003', 'Cy'],
    ]);
  });

  it('reads a cell of several lines when it is quoted well', async () => {
    const { lines } = await read('phone,name,note\n9876500001,Asha,"one\ntwo"\n9876500002,Bo,x\n');
    expect(lines.map((line) => [line.phone, line.parameters.note])).toEqual([
      ['+919876500001', 'one\ntwo'],
      ['+919876500002', 'x'],
    ]);
  });

  it('drops NUL characters and survives strange columns', async () => {
    const { lines } = await read('phone,__proto__,name\n9876500001,x,A\u0000sha\n');
    expect(lines[0]?.name).toBe('Asha');
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  it.each([
    ['an empty file', '', 'empty_file'],
    ['a file that names nobody', 'name,email\nAsha,a@b.c\n', 'no_phone_column'],
  ])('refuses %s', async (_name, text, code) => {
    await expect(read(text)).rejects.toMatchObject({
      code: 'validation_failed',
      options: { errors: [{ field: 'file', code }] },
    });
  });
});

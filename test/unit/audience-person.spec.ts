import { asDuplicate, readPerson } from '../../src/campaigns/audience/audience-person.js';

const read = (given: unknown): ReturnType<typeof readPerson> => readPerson(given, 7, 'IN');

describe('a person of a named audience', () => {
  it('is known by phone in any spelling, with what the template may need', () => {
    expect(read({ phone: '98765 00001', name: 'Asha', email: 'a@example.com', params: { order_id: 'A-1' } })).toEqual({
      line: 7,
      identity: 'phone:+919876500001',
      phone: '+919876500001',
      userId: null,
      name: 'Asha',
      parameters: { name: 'Asha', email: 'a@example.com', order_id: 'A-1' },
      skipReason: null,
    });
  });

  it('may give its phone as a number, and be known by user id alone', () => {
    expect(read({ phone: 919876500001 }).identity).toBe('phone:+919876500001');
    expect(read({ user_id: 'IN.13491208655302741918' })).toMatchObject({
      identity: 'user:IN.13491208655302741918',
      phone: null,
      userId: 'IN.13491208655302741918',
      skipReason: null,
    });
    expect(read({ phone: '+919876500001', user_id: 'IN.1349' })).toMatchObject({
      identity: 'phone:+919876500001',
      userId: 'IN.1349',
    });
  });

  it.each([
    [null],
    [undefined],
    ['+919876500001'],
    [[]],
    [{}],
    [{ phone: '12' }],
    [{ user_id: 'nonsense' }],
    [{ phone: {} }],
  ])('that cannot be read is a skipped line: %j', (given) => {
    expect(read(given)).toMatchObject({ line: 7, identity: 'line:7', phone: null, skipReason: 'invalid' });
  });

  it('has columns of its own before name and email, as text', () => {
    const when = new Date('2026-11-21T09:00:00Z');
    const { parameters } = read({
      phone: '+919876500001',
      name: 'Asha',
      params: { name: 'Ms. Asha', total: 12.5, paid: false, when, none: null, list: [1], nested: { a: 1 } },
    });
    expect(parameters).toEqual({
      name: 'Ms. Asha',
      total: '12.5',
      paid: 'false',
      when: '2026-11-21T09:00:00.000Z',
      none: '',
      list: '',
      nested: '',
    });
  });

  it('holds nothing that cannot be stored, nor without end', () => {
    const line = read({
      phone: '+919876500001',
      name: `a\u0000b\ud800${'x'.repeat(1_000)}`,
      params: {
        'k\u0000': 'v\udfff',
        long: 'y'.repeat(10_000),
        ...Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`c${i}`, 'z'])),
      },
    });
    expect(line.name).toHaveLength(255);
    expect(JSON.stringify(line)).not.toMatch(/\\u0000|\\ud800|\\udfff/);
    expect(line.parameters.long).toHaveLength(4_096);
    expect(Object.keys(line.parameters).length).toBeLessThanOrEqual(65);
  });

  it('that comes again is kept as a skipped line', () => {
    expect(asDuplicate(read({ phone: '+919876500001' }))).toMatchObject({
      line: 7,
      identity: 'line:7',
      phone: '+919876500001',
      skipReason: 'duplicate',
    });
  });
});

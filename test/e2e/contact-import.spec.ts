import { request } from 'node:http';
import { ConsentService } from '../../src/contacts/consent.service.js';
import { ContactsService } from '../../src/contacts/contacts.service.js';
import { ImportsRepository } from '../../src/contacts/import/imports.repository.js';
import { PeopleService } from '../../src/contacts/people.service.js';
import type { PhoneNumber } from '../../src/common/phone-number.js';
import { ADMIN_KEY, eventually, startTestApp, type Answer, type TestApp } from '../support/app.js';
import { kill, startProcesses, type Processes } from '../support/processes.js';

interface ImportError {
  line: number;
  field: string;
  code: string;
  value: string;
}

interface Result {
  created: number;
  updated: number;
  skipped: number;
  errors: ImportError[];
  errors_total: number;
  code?: string;
}

interface Import extends Result {
  id: number;
  status: string;
  total: number;
  processed: number;
  rate: number | null;
  seconds_left: number | null;
  created_at: string;
  started_at: string | null;
  completed_at: string | null;
}

interface ContactBody {
  id: number;
  phone: string | null;
  user_id: string | null;
  name: string;
  email: string;
  notes: string;
  labels: { name: string }[];
  opted_out: boolean;
  opted_out_at: string | null;
  opted_out_source: string | null;
}

type Options = { key?: string; accountId?: number };
type Caller = Pick<TestApp, 'call'>;

function formOf(csv: string | Buffer, fields: Record<string, string> = {}): FormData {
  const form = new FormData();
  Object.entries(fields).forEach(([name, value]) => form.append(name, value));
  form.append('file', new Blob([csv as unknown as ArrayBuffer], { type: 'text/csv' }), 'contacts.csv');
  return form;
}

function upload<T = Result>(api: Caller, csv: string | Buffer, options: Options = {}): Promise<Answer<T>> {
  return api.call<T>('POST', '/contacts/import', { body: formOf(csv), ...options });
}

let nextPhone = 9_400_000_000;
const newPhone = (): string => `+91${(nextPhone += 1)}`;
/** `count` lines of `phone,name,labels`. */
function manyLines(count: number, first: number): string {
  const lines = Array.from({ length: count }, (_, index) => `+91${first + index},Person ${index},"Bulk,L${index % 7}"`);
  return ['phone,name,labels', ...lines].join('\n');
}

describe('a file of contacts', () => {
  let api: TestApp;
  let accountId: number;
  let otherAccountId: number;
  let tiedKey: string;
  let otherKey: string;

  const take = async (csv: string | Buffer, options: Options = {}): Promise<Result> => {
    const answer = await upload(api, csv, options);
    expect([answer.status, answer.body]).toEqual([200, expect.anything()]);
    return answer.body;
  };
  const find = async (q: string, options: Options = {}): Promise<ContactBody | undefined> => {
    const { body } = await api.call<{ contacts: ContactBody[] }>(
      'GET',
      `/contacts?q=${encodeURIComponent(q)}`,
      options,
    );
    expect(body.contacts.length).toBeLessThanOrEqual(1);
    return body.contacts[0];
  };
  const get = async (q: string, options: Options = {}): Promise<ContactBody> => {
    const contact = await find(q, options);
    if (!contact) {
      throw new Error(`nobody is found by ${q}`);
    }
    return contact;
  };
  const labelsOf = (contact: ContactBody): string[] => contact.labels.map((label) => label.name);
  const create = async (body: object, options: Options = {}): Promise<ContactBody> =>
    (await api.call<ContactBody>('POST', '/contacts', { body: { phone: newPhone(), ...body }, ...options })).body;

  beforeAll(async () => {
    api = await startTestApp({ worker: true });
    const account = async (phoneNumberId: string): Promise<number> =>
      (
        await api.call<{ id: number }>('POST', '/accounts', {
          body: {
            name: phoneNumberId,
            access_token: 'EAAtest',
            phone_number_id: phoneNumberId,
            waba_id: phoneNumberId,
          },
        })
      ).body.id;
    accountId = await account('5301');
    otherAccountId = await account('5302');
    const tied = async (id: number): Promise<string> =>
      (
        await api.call<{ key: string }>('POST', '/api-keys', {
          body: { name: 'Tied', scopes: ['contacts:read', 'contacts:write'], account_ids: [id] },
        })
      ).body.key;
    tiedKey = await tied(accountId);
    otherKey = await tied(otherAccountId);
  });
  afterAll(() => api.close());

  describe('is read', () => {
    it.each([
      ['commas', ','],
      ['semicolons', ';'],
      ['tabs', '\t'],
    ])('with %s, a BOM, CRLF and columns in any case and order', async (_name, delimiter) => {
      const phone = newPhone();
      const line = (...cells: string[]): string => cells.join(delimiter);
      const csv = [
        line('\ufeffE-Mail', ' NAME ', 'Tags', 'Phone Number', 'Notes', 'Whatever', 'Opted Out'),
        line('a@example.com', 'Asha', '"VIP,Wholesale"', phone, 'Calls at noon', 'x', 'no'),
        '',
      ].join('\r\n');
      expect(await take(csv)).toEqual({ created: 1, updated: 0, skipped: 0, errors: [], errors_total: 0 });
      const contact = await get(phone);
      expect(contact).toMatchObject({
        phone,
        name: 'Asha',
        email: 'a@example.com',
        notes: 'Calls at noon',
        opted_out: false,
      });
      expect(labelsOf(contact)).toEqual(['VIP', 'Wholesale']);
    });

    it('as Excel writes Unicode text', async () => {
      const phone = newPhone();
      await take(Buffer.from(`\ufeffPhone\tName\r\n${phone}\tआशा\r\n`, 'utf16le'));
      expect(await get(phone)).toMatchObject({ name: 'आशा' });
    });

    it('with quoted cells, lines that are too short or too long, and blank ones', async () => {
      const [a, b, c] = [newPhone(), newPhone(), newPhone()];
      const csv = `phone,name,notes\n${a},"Rao, Asha ""A""","two\nlines"\n\n${b}\n${c},Cy,n,extra,cells\n`;
      expect(await take(csv)).toMatchObject({ created: 3, skipped: 0 });
      expect(await get(a)).toMatchObject({ name: 'Rao, Asha "A"', notes: 'two\nlines' });
      expect(await get(b)).toMatchObject({ name: '', notes: '' });
      expect(await get(c)).toMatchObject({ name: 'Cy', notes: 'n' });
    });

    it('with first and last names, and the first of several phone columns that has a phone', async () => {
      const [a, b] = [newPhone(), newPhone()];
      await take(`Mobile,Phone,First Name,Last Name\n${a},,Asha,Rao\n123,${b},Ben,\n`);
      expect(await get(a)).toMatchObject({ name: 'Asha Rao' });
      expect(await get(b)).toMatchObject({ name: 'Ben' });
    });

    it('with labels in a cell: names with commas in quotes, numbers are names, one whatever its case', async () => {
      const phone = newPhone();
      await create({ labels: ['Existing One'] });
      const csv = `phone,labels,tags\n${phone},"""Gold, silver"", 42 ,existing ONE,,Existing one","from tags"\n`;
      expect(await take(csv)).toMatchObject({ created: 1, errors: [] });
      expect(labelsOf(await get(phone))).toEqual(['42', 'Existing One', 'from tags', 'Gold, silver']);
    });

    it('with user ids in the place of phones', async () => {
      const phone = newPhone();
      const result = await take(`user_id,phone,name\nIN.5301001,,Asha\nIN.5301002,${phone},Ben\nIN.ENT.5301003,,Cy\n`);
      expect(result).toMatchObject({ created: 3, errors: [] });
      expect(await get('IN.5301001')).toMatchObject({ phone: null, user_id: 'IN.5301001', name: 'Asha' });
      expect(await get(phone)).toMatchObject({ user_id: 'IN.5301002', name: 'Ben' });
      expect(await get('IN.ENT.5301003')).toMatchObject({ name: 'Cy' });
      expect(await take(`bsuid,name\nIN.5301001,Asha Rao\n`)).toMatchObject({ created: 0, updated: 1 });
      expect(await get('IN.5301001')).toMatchObject({ name: 'Asha Rao' });
    });

    it('without what spreadsheets need to take a cell as text', async () => {
      const phone = newPhone();
      await take(`phone,name,notes\n'${phone},'=HYPERLINK(1),'plain\n`);
      expect(await get(phone)).toMatchObject({ name: '=HYPERLINK(1)', notes: "'plain" });
    });
  });

  describe('that is broken', () => {
    it('tells the numbers of its lines, and imports the others', async () => {
      const [a, b, c, d] = [newPhone(), newPhone(), newPhone(), newPhone()];
      const csv = [
        'phone,name,email,opted_out,user_id,labels',
        `${a},"two`,
        'lines",,,,',
        '',
        'nonsense,Bo,,,,',
        ',Cy,,,,',
        `${b},"Di,b@example.com,,,`,
        `${c},Ed,not an email,maybe,no id,${'x'.repeat(51)}`,
        ',,,,,',
        `12,Flo,,,IN.5301099,`,
        `${d},${'n'.repeat(256)},,,,`,
      ].join('\n');
      const result = await take(csv);
      expect(result).toEqual({
        created: 5,
        updated: 0,
        skipped: 3,
        errors: [
          { line: 5, field: 'phone', code: 'invalid_phone_number', value: 'nonsense' },
          { line: 6, field: 'phone', code: 'required', value: '' },
          { line: 8, field: 'user_id', code: 'invalid_user_id', value: 'no id' },
          { line: 8, field: 'email', code: 'invalid_email', value: 'not an email' },
          { line: 8, field: 'opted_out', code: 'invalid_boolean', value: 'maybe' },
          { line: 8, field: 'labels', code: 'invalid_label', value: 'x'.repeat(51) },
          { line: 9, field: 'phone', code: 'required', value: '' },
          { line: 10, field: 'phone', code: 'invalid_phone_number', value: '12' },
          { line: 11, field: 'name', code: 'too_long', value: 'n'.repeat(100) },
        ],
        errors_total: 9,
      });
      expect(await get(a)).toMatchObject({ name: 'two\nlines' });
      expect(await get(b)).toMatchObject({ name: 'Di', email: 'b@example.com' });
      expect(await get(c)).toMatchObject({ name: 'Ed', email: '', opted_out: false, labels: [] });
      expect(await get(d)).toMatchObject({ name: '' });
    });

    it('shows the first thousand errors and counts all', async () => {
      const result = await take(`phone\n${'x\n'.repeat(1_500)}${newPhone()}\n`);
      expect(result).toMatchObject({ created: 1, skipped: 1_500, errors_total: 1_500 });
      expect(result.errors).toHaveLength(1_000);
    });

    it.each([
      ['is empty', '', 'empty'],
      ['has blank lines only', ' \n\n', 'empty_file'],
      ['has no header', '9876500001,Asha\n9876500002,Ben\n', 'no_phone_column'],
      ['has no column of phones', 'name,email\nAsha,a@example.com\n', 'no_phone_column'],
      ['has too many columns', `phone${',x'.repeat(64)}\n`, 'too_many_columns'],
    ])('is refused when it %s', async (_name, csv, code) => {
      const answer = await upload<{ errors: ImportError[]; detail: string }>(api, csv);
      expect([answer.status, answer.body.errors]).toEqual([400, [expect.objectContaining({ field: 'file', code })]]);
      expect(await api.db.query('select 1 from contact_imports where status = $1', ['uploading'])).toEqual([]);
    });

    it('names the columns that it found instead', async () => {
      const answer = await upload<{ detail: string }>(api, 'Given;Surname\nA;B\n');
      expect(answer.body.detail).toContain('given, surname');
    });

    it('is a file in the field file', async () => {
      const form = (name: string, fields: Record<string, string> = {}): FormData => {
        const made = new FormData();
        Object.entries(fields).forEach(([key, value]) => made.append(key, value));
        made.append(name, new Blob(['phone\n']), 'x.csv');
        return made;
      };
      const post = (body: unknown): Promise<Answer> => api.call('POST', '/contacts/import', { body });
      expect(await post(form('upload'))).toMatchObject({ status: 400, body: { code: 'validation_failed' } });
      expect(await post(form('file', { dedupe: 'yes' }))).toMatchObject({
        status: 400,
        body: { errors: [{ field: 'dedupe' }] },
      });
      const none = new FormData();
      none.append('account_id', String(accountId));
      expect(await post(none)).toMatchObject({ status: 400, body: { errors: [{ field: 'file', code: 'required' }] } });
      expect(await post({ file: 'phone\n' })).toMatchObject({ status: 415, body: { code: 'unsupported_media_type' } });
      expect(await post(form('file', { account_id: '999999' }))).toMatchObject({
        status: 404,
        body: { code: 'account_not_found' },
      });
    });

    it('has at most 100 MB', async () => {
      const answer = await upload<Result>(api, Buffer.alloc(100 * 1024 * 1024 + 1, 'phone\n'));
      expect([answer.status, answer.body.code]).toEqual([413, 'payload_too_large']);
    });
  });

  describe('changes people', () => {
    it('however their phones are spelled: what is not empty replaces, labels are added', async () => {
      await create({
        phone: '+919411122233',
        name: 'Before',
        email: 'before@example.com',
        notes: 'Kept',
        labels: ['Old'],
      });
      const result = await take('phone,name,email,notes,labels\n"094111 22233",After,,  ,New\n');
      expect(result).toMatchObject({ created: 0, updated: 1 });
      const contact = await get('+919411122233');
      expect(contact).toMatchObject({ name: 'After', email: 'before@example.com', notes: 'Kept' });
      expect(labelsOf(contact)).toEqual(['New', 'Old']);
    });

    it('who are in several lines: the later values that are not empty win', async () => {
      const phone = '+919411100001';
      const csv = `phone,name,email,labels\n${phone},First,first@example.com,A\n9411100001,Second,,B\n0091 94111-00001,,third@example.com,a\n`;
      expect(await take(csv)).toMatchObject({ created: 1, updated: 2, skipped: 0 });
      const contact = await get(phone);
      expect(contact).toMatchObject({ name: 'Second', email: 'third@example.com' });
      expect(labelsOf(contact)).toEqual(['A', 'B']);
    });

    it('opts out who says so, with an event each, and never in', async () => {
      const [a, b, c] = [newPhone(), newPhone(), newPhone()];
      await create({ phone: b, opted_out: true });
      const before = await get(b);
      await take(`phone,opted_out\n${a},TRUE\n${b},true\n${c},0\n`);
      expect(await get(a)).toMatchObject({ opted_out: true, opted_out_source: 'import' });
      expect(await get(b)).toEqual(before);
      await take(`phone,opted_out\n${a},false\n${b},no\n`);
      expect([await get(a), await get(b)]).toMatchObject([{ opted_out: true }, { opted_out: true }]);
      const events = await api.db.query(
        `select account_id from outbox_events where type = 'contact.opted_out' and payload ->> 'phone' = any($1)`,
        [[a, b, c]],
      );
      expect(events).toHaveLength(2);
    });

    it('not against what they said after the file came', async () => {
      const contact = await create({});
      const later = new Date(Date.now() + 60_000);
      const consent = api.app.get(ConsentService, { strict: false });
      await api.db.transaction((tx) =>
        consent.apply(tx, [{ contactId: contact.id, accountId, optedOut: false, at: later, source: 'keyword' }]),
      );
      await take(`phone,opted_out\n${contact.phone},true\n`);
      expect(await get(contact.phone as string)).toMatchObject({ opted_out: false });
    });

    it('once, when two files with the same people come at once', async () => {
      const phones = Array.from({ length: 800 }, newPhone);
      const file = (name: string, list: string[]): string =>
        [
          'phone,name,labels,opted_out',
          ...list.map((phone, index) => `${phone},${name} ${index},At once ${index % 5},${index % 2}`),
        ].join('\n');
      const results = await Promise.all([
        take(file('A', phones)),
        take(file('B', [...phones].reverse())),
        take(file('C', phones), { accountId: otherAccountId }),
      ]);
      expect(results.reduce((sum, result) => sum + result.created, 0)).toBe(800);
      expect(results.map((result) => result.created + result.updated)).toEqual([800, 800, 800]);
      const [row] = await api.db.query<{ n: number; labels: number; out: number }>(
        `select count(*)::int as n, count(*) filter (where opted_out)::int as out,
           (select count(*)::int from contact_labels k join contacts d on d.id = k.contact_id where d.phone = any($1)) as labels
         from contacts where phone = any($1)`,
        [phones],
      );
      // Forwards and backwards, everybody is once on an odd line.
      expect(row).toMatchObject({ n: 800, out: 800 });
      const [events] = await api.db.query<{ n: number }>(
        `select count(*)::int as n from outbox_events where type = 'contact.opted_out' and payload ->> 'phone' = any($1)`,
        [phones],
      );
      expect(events?.n).toBe(800);
    });
  });

  describe('of a tenant', () => {
    it('makes people of its account, and of no other', async () => {
      const phone = newPhone();
      await take(`phone,name\n${phone},Asha\n`, { key: tiedKey });
      expect(await get(phone, { key: tiedKey })).toMatchObject({ name: 'Asha' });
      expect(await find(phone, { key: otherKey })).toBeUndefined();
      const named = newPhone();
      const answer = await api.call('POST', '/contacts/import', {
        body: formOf(`phone\n${named}\n`, { account_id: String(otherAccountId) }),
      });
      expect(answer.status).toBe(200);
      expect(await find(named, { key: otherKey })).toBeDefined();
      expect(await find(named, { key: tiedKey })).toBeUndefined();
    });

    it('fills what is empty of a stranger, and overwrites nothing', async () => {
      const stranger = await create({ name: 'Theirs', email: 'theirs@example.com' }, { key: otherKey });
      const csv = `phone,name,email,notes,labels,opted_out\n${stranger.phone},Mine,mine@example.com,Mine,Mine too,true\n`;
      expect(await take(csv, { key: tiedKey })).toMatchObject({ created: 0, updated: 1 });
      const contact = await get(stranger.phone as string, { key: otherKey });
      expect(contact).toMatchObject({ name: 'Theirs', email: 'theirs@example.com', notes: 'Mine', opted_out: true });
      expect(labelsOf(contact)).toEqual(['Mine too']);
      await take(csv, { key: tiedKey });
      expect(await get(stranger.phone as string, { key: otherKey })).toMatchObject({ name: 'Mine' });
    });

    it('needs the scope', async () => {
      const { body } = await api.call<{ key: string }>('POST', '/api-keys', {
        body: { name: 'Reader', scopes: ['contacts:read'] },
      });
      expect((await upload(api, 'phone\n', { key: body.key })).status).toBe(403);
      expect((await api.call('GET', '/contacts/import/sample', { key: body.key })).status).toBe(200);
    });
  });

  describe('that is large', () => {
    const progress = async (id: number, options: Options = {}): Promise<Answer<Import>> =>
      api.call<Import>('GET', `/contact-imports/${id}`, options);

    it('is imported in the background, with its progress', async () => {
      const bad = 'nobody,,\n';
      const csv = `${manyLines(12_000, 8_100_000_000)}\n${bad}+918100000000,Last,Last\n`;
      const answer = await upload<{ import: Import }>(api, csv, { key: tiedKey });
      // The worker may have begun: what it counts is judged with the looks below.
      expect([answer.status, answer.body]).toMatchObject([
        202,
        {
          import: {
            id: expect.any(Number),
            status: expect.stringMatching(/^(waiting|running|completed)$/),
            total: 12_002,
            skipped: 1,
            errors: [{ line: 12_002, field: 'phone', code: 'invalid_phone_number', value: 'nobody' }],
            errors_total: 1,
            created_at: expect.any(String),
          },
        },
      ]);
      const { id } = answer.body.import;
      const seen = [answer.body.import];
      await eventually(
        async () => {
          const { body } = await progress(id, { key: tiedKey });
          seen.push(body);
          return body;
        },
        (body) => body.status === 'completed',
        60_000,
      );
      for (const [index, look] of seen.entries()) {
        expect(look.processed).toBeGreaterThanOrEqual(seen[index - 1]?.processed ?? 0);
        expect(look.created + look.updated + look.skipped).toBe(look.processed);
        expect(Object.keys(look)).toEqual(Object.keys(answer.body.import));
      }
      expect(seen.at(-1)).toMatchObject({
        processed: 12_002,
        created: 12_000,
        updated: 1,
        skipped: 1,
        seconds_left: 0,
        rate: expect.any(Number),
        started_at: expect.any(String),
        completed_at: expect.any(String),
      });
      expect(await get('+918100000000', { key: tiedKey })).toMatchObject({ name: 'Last' });
      expect(labelsOf(await get('+918100011999'))).toEqual(['Bulk', `L${11_999 % 7}`]);
      expect(await api.db.query('select 1 from contact_import_lines limit 1')).toEqual([]);
      expect((await progress(id, { key: otherKey })).status).toBe(404);
      expect((await progress(999_999)).status).toBe(404);
    }, 90_000);

    it('comes slowly without holding anything: others are served, and no transaction stands open', async () => {
      const boundary = 'slow';
      const phone = newPhone();
      const slow = request(`${api.url}/whatsapp/api/contacts/import`, {
        method: 'POST',
        headers: { 'x-api-key': ADMIN_KEY, 'content-type': `multipart/form-data; boundary=${boundary}` },
      });
      const status = new Promise((resolve) => slow.once('response', (response) => resolve(response.statusCode)));
      slow.write(
        `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="c.csv"\r\n\r\nphone,name\n${phone},Slow\n`,
      );
      await new Promise((resolve) => setTimeout(resolve, 500));
      // Others stand open for a moment now and then; one of the upload's would until it ends.
      await eventually(
        () =>
          api.db.query<{ n: number }>(
            `select count(*)::int as n from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'`,
          ),
        ([open]) => open?.n === 0,
      );
      expect(await take(`phone,name\n${phone},Quick\n`)).toMatchObject({ created: 1 });
      slow.end(`\r\n--${boundary}--\r\n`);
      expect(await status).toBe(200);
      expect(await get(phone)).toMatchObject({ name: 'Slow' });
    });

    it('leaves nothing behind when it breaks off', async () => {
      const phone = newPhone();
      const cut = request(`${api.url}/whatsapp/api/contacts/import`, {
        method: 'POST',
        headers: { 'x-api-key': ADMIN_KEY, 'content-type': 'multipart/form-data; boundary=cut' },
      });
      cut.on('error', () => undefined);
      cut.write(
        `--cut\r\ncontent-disposition: form-data; name="file"; filename="c.csv"\r\n\r\nphone,name\n${phone},Cut\n`,
      );
      await new Promise((resolve) => setTimeout(resolve, 200));
      cut.destroy();
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(await find(phone)).toBeUndefined();
      expect(await api.db.query('select 1 from contact_imports where status = $1', ['uploading'])).toEqual([]);
    });
  });

  describe('that waits', () => {
    const plant = async (values: {
      status: string;
      attempts?: number;
      age?: string;
      isDone?: boolean;
    }): Promise<number> => {
      const [row] = await api.db.query<{ id: number }>(
        `insert into contact_imports (account_id, portfolio, status, attempts, total_count, created_at, completed_at)
         values ($1, '5301', $2, $3, 1, now() - $4::interval, case when $5 then now() - $4::interval end) returning id`,
        [accountId, values.status, values.attempts ?? 0, values.age ?? '0', values.isDone ?? false],
      );
      return row?.id ?? 0;
    };
    const look = (id: number): Promise<Answer<Import>> => api.call<Import>('GET', `/contact-imports/${id}`);

    it('is given up after ten attempts, and holds up no other', async () => {
      const broken = await plant({ status: 'waiting', attempts: 9 });
      const sound = await plant({ status: 'running' });
      await api.db.query(
        `insert into contact_import_lines (import_id, line, phone, user_id) values ($1, 2, null, $3), ($2, 2, $4, null)`,
        [broken, sound, `IN.${'9'.repeat(600)}`, newPhone()],
      );
      await api.db.query('update contact_imports set next_attempt_at = now() where id = any($1)', [[broken, sound]]);
      await eventually(
        () => look(sound),
        ({ body }) => body.status === 'completed',
      );
      const { body } = await eventually(
        () => look(broken),
        (answer) => answer.body.status === 'failed',
      );
      expect(body).toMatchObject({ processed: 0, created: 0, completed_at: expect.any(String) });
    });

    it('is forgotten a week after its end, and an upload that never ended after an hour', async () => {
      const [old, recent] = [
        await plant({ status: 'completed', age: '8 days', isDone: true }),
        await plant({ status: 'completed', age: '6 days', isDone: true }),
      ];
      const [dead, young] = [
        await plant({ status: 'uploading', age: '2 hours' }),
        await plant({ status: 'uploading', age: '1 minute' }),
      ];
      await api.app.get(ImportsRepository, { strict: false }).prune(api.db, 7);
      const statuses = await Promise.all([old, recent, dead, young].map(async (id) => (await look(id)).status));
      expect(statuses).toEqual([404, 200, 404, 200]);
    });
  });

  describe('that was exported', () => {
    const download = async (query = '', options: Options = {}): Promise<string> => {
      const answer = await api.call<string>('GET', `/contacts/export${query}`, options);
      expect(answer.status).toBe(200);
      return String(answer.body);
    };

    it('has a header, one line for each, and can be opened by spreadsheets', async () => {
      const contact = await create({
        name: '=HYPERLINK("http://x")',
        email: '+a@example.com',
        notes: '  -1;2\nthree',
        labels: ['@home', 'Gold, silver', 'Q"uote'],
        opted_out: true,
        user_id: 'IN.5301777',
      });
      const answer = await api.call<string>('GET', `/contacts/export?q=${encodeURIComponent('HYPERLINK("http')}`);
      expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8');
      expect(answer.headers.get('content-disposition')).toBe('attachment; filename="whatsapp_contacts.csv"');
      const row = await api.call<{ created_at: string }>('GET', `/contacts/${contact.id}`);
      expect(String(answer.body)).toBe(
        'phone,name,email,labels,opted_out,created_at,user_id,username,notes\r\n' +
          `'${contact.phone},"'=HYPERLINK(""http://x"")",'+a@example.com,"'@home,""Gold, silver"",""Q""""uote""",true,` +
          `${row.body.created_at},IN.5301777,,"'  -1;2\nthree"\r\n`,
      );
    });

    it('comes back as it was: nothing is new, nothing changes, and the next export is the same to the byte', async () => {
      const people = api.app.get(PeopleService, { strict: false });
      // Numbers that no plan of numbers has, as Meta may write them, and a person without a phone.
      await api.db.transaction((tx) =>
        people.ensure(tx, { id: accountId, portfolio: '5301' }, [
          { phone: '+999123456' as PhoneNumber, name: 'Strange' },
          { phone: '+1234567890123' as PhoneNumber, name: 'Stranger', username: '-dash' },
          { phone: null, userId: 'IN.5301888', name: "'=quoted" },
        ]),
      );
      await create({ name: '\t tab ', notes: '"', labels: ["'+", ' ,', '=,"'] });
      await create({ name: '＝full width', notes: 'a\r\nb\rc\n9876500001,looks like a line\n' });
      const first = await download();
      expect(first.split('\r\n').length).toBeGreaterThan(10_000);
      const answer = await upload<{ import: Import }>(api, first);
      expect(answer.status).toBe(202);
      const done = await eventually(
        async () => (await api.call<Import>('GET', `/contact-imports/${answer.body.import.id}`)).body,
        (body) => body.status === 'completed',
        60_000,
      );
      expect(done).toMatchObject({ created: 0, skipped: 0, errors_total: 0 });
      expect((await download()) === first).toBe(true);
    }, 90_000);

    it('breaks off when it cannot go on, so that a part is not taken for the whole', async () => {
      const contacts = api.app.get(ContactsService, { strict: false });
      const each = contacts.each.bind(contacts);
      contacts.each = async function* (...args) {
        for await (const page of each(...args)) {
          yield page;
          throw new Error('the database is gone');
        }
      };
      try {
        await expect(download()).rejects.toThrow();
      } finally {
        contacts.each = each;
      }
    });

    it('has only the people that the key sees and the filters leave', async () => {
      const mine = await create({ name: 'Export mine', labels: ['Exported'], opted_out: true }, { key: tiedKey });
      const theirs = await create({ name: 'Export theirs', labels: ['Exported'] }, { key: otherKey });
      const all = await download('?label=exported');
      expect([all.includes(mine.phone as string), all.includes(theirs.phone as string)]).toEqual([true, true]);
      const tied = await download('?label=exported', { key: tiedKey });
      expect([tied.includes(mine.phone as string), tied.includes(theirs.phone as string)]).toEqual([true, false]);
      expect((await download('?q=export&opted_out=false')).includes(mine.phone as string)).toBe(false);
      expect((await download('?is_blocked=true')).split('\r\n')).toHaveLength(2);
      expect((await api.call('GET', '/contacts/export?limit=5')).status).toBe(400);
      expect((await api.call('GET', '/contacts/export?opted_out=perhaps')).status).toBe(400);
    });
  });

  it('has a sample that can be imported', async () => {
    const sample = await api.call<string>('GET', '/contacts/import/sample');
    expect([sample.status, sample.headers.get('content-type')]).toEqual([200, 'text/csv; charset=utf-8']);
    expect(sample.headers.get('content-disposition')).toContain('attachment');
    expect(await take(String(sample.body))).toMatchObject({ created: 3, skipped: 0, errors: [] });
    expect(labelsOf(await get('+919876500001'))).toEqual(['VIP', 'Wholesale']);
    expect(await get('+12025550123')).toMatchObject({ opted_out: true });
  });
});

describe('an import whose worker is killed', () => {
  const LINES = 40_000;
  let processes: Processes;

  beforeAll(async () => {
    processes = await startProcesses();
    await processes.call('POST', '/accounts', {
      body: { name: 'Test', access_token: 'EAAtest', phone_number_id: '5399' },
    });
  });
  afterAll(() => processes.close());

  it('goes on where it stood, and counts every line once', async () => {
    const look = async (id: number): Promise<Import> =>
      (await processes.call<Import>('GET', `/contact-imports/${id}`)).body;
    let worker = await processes.startWorker();
    const csv = `${manyLines(LINES, 8_200_000_000)}\n+918200000000,Again,Last\n`;
    const { body } = await upload<{ import: Import }>(processes, csv);
    const { id } = body.import;
    for (const share of [0.2, 0.6]) {
      await eventually(
        () => look(id),
        (seen) => seen.processed >= LINES * share,
        60_000,
      );
      await kill(worker);
      worker = await processes.startWorker();
    }
    const done = await eventually(
      () => look(id),
      (seen) => seen.status === 'completed',
      90_000,
    );
    expect(done).toMatchObject({ total: LINES + 1, processed: LINES + 1, created: LINES, updated: 1, skipped: 0 });
    const { body: last } = await processes.call<{ contacts: ContactBody[] }>('GET', '/contacts?q=%2B918200000000');
    expect(last.contacts).toMatchObject([{ name: 'Again' }]);
  }, 240_000);
});

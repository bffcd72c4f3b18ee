import { Readable } from 'node:stream';
import { openCsv } from '../../src/common/csv.js';
import { draftWithCsv, startJourney, type Journey } from '../support/journey.js';

interface RecipientBody {
  id: number;
  line: number | null;
  phone_number: string | null;
  name: string;
  status: string;
  skip_reason: string | null;
  variant_id: number | null;
  not_before: string | null;
  sent_at: string | null;
  replied_at: string | null;
  opted_out_at: string | null;
  cost: number | null;
}

interface ListBody {
  recipients: RecipientBody[];
  next_cursor: string | null;
}

/** Every test has people of its own. */
let nextPhone = 9_660_000_000;
const somebody = (): string => `+91${(nextPhone += 1)}`;

describe('the recipients of a campaign', () => {
  let journey: Journey;
  let id: number;
  /** One of each kind, in the order of the file. */
  let people: { phone: string; status: string; skip?: string; code?: number; replied?: boolean; optedOut?: boolean }[];

  const list = async (query = '', of = id): Promise<ListBody> => {
    const { status, body } = await journey.api.call<ListBody>('GET', `/campaigns/${of}/recipients?${query}`);
    expect(status).toBe(200);
    return body;
  };
  const phonesOf = ({ recipients }: ListBody): (string | null)[] => recipients.map((row) => row.phone_number);
  const download = async (query = '', of = id): Promise<{ header: string[]; rows: Record<string, string>[] }> => {
    const { status, headers, body } = await journey.api.call<unknown>(
      'GET',
      `/campaigns/${of}/recipients/export?${query}`,
    );
    expect([status, headers.get('content-type')]).toEqual([200, 'text/csv; charset=utf-8']);
    const csv = await openCsv(Readable.from([Buffer.from(body as string)]));
    const rows: Record<string, string>[] = [];
    for await (const { cells } of csv?.records(null) ?? []) {
      rows.push(Object.fromEntries(csv?.header.map((name, index) => [name, cells[index] ?? '']) ?? []));
    }
    return { header: csv?.header ?? [], rows };
  };

  beforeAll(async () => {
    journey = await startJourney({ worker: false });
    people = [
      { phone: somebody(), status: 'pending' },
      { phone: somebody(), status: 'sending' },
      { phone: somebody(), status: 'sending' },
      { phone: somebody(), status: 'sent' },
      { phone: somebody(), status: 'delivered', replied: true },
      { phone: somebody(), status: 'read', optedOut: true },
      { phone: somebody(), status: 'failed', code: 131_026 },
      { phone: somebody(), status: 'failed', code: 131_049 },
      { phone: somebody(), status: 'skipped', skip: 'opted_out' },
      { phone: somebody(), status: 'unknown' },
    ];
    const lines = people.map(({ phone }, index) => `${phone},"=Person ${index}",ORD-${index},x`);
    const repeated = `${people[3]?.phone},Again,ORD-9,x`;
    id = await draftWithCsv(journey, ['phone,name,order_id,status', ...lines, repeated].join('\n'));
    for (const { phone, status, skip, code, replied, optedOut } of people) {
      await journey.api.db.query(
        `update campaign_recipients set status = $3, skip_reason = $4, error_code = $5,
           error_message = case when $5::int is not null then 'Meta: no' end,
           sent_at = case when $3 in ('sent', 'delivered', 'read') then timestamptz '2026-11-20T10:00:00.123Z' end,
           message_id = case when $3 in ('sent', 'delivered', 'read') then 'wamid.' || $2 end,
           replied_at = case when $6 then timestamptz '2026-11-20T11:00:00Z' end,
           opted_out_at = case when $7 then timestamptz '2026-11-20T12:00:00Z' end,
           cost_micros = case when $3 = 'read' then 10700 end
         where campaign_id = $1 and phone = $2 and line < 12`,
        [id, phone, status, skip ?? null, code ?? null, replied ?? false, optedOut ?? false],
      );
    }
  });
  afterAll(() => journey.close());

  const of = (...statuses: string[]): string[] =>
    people.filter(({ status }) => statuses.includes(status)).map(({ phone }) => phone);

  describe('are listed', () => {
    it('in the order of the file, page by page, without gap or repetition', async () => {
      const seen: RecipientBody[] = [];
      let cursor = '';
      for (;;) {
        const page = await list(`limit=3${cursor}`);
        seen.push(...page.recipients);
        if (page.next_cursor === null) {
          break;
        }
        expect(page.recipients).toHaveLength(3);
        cursor = `&cursor=${page.next_cursor}`;
      }
      expect(seen.map(({ line }) => line)).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
      expect(new Set(seen.map((row) => row.id)).size).toBe(11);
    });

    it.each<[string, () => (string | null)[]]>([
      ['status=pending', () => of('pending', 'sending')],
      ['status=sent', () => of('sent')],
      ['status=delivered', () => of('delivered')],
      ['status=read', () => of('read')],
      ['status=failed', () => of('failed')],
      ['status=skipped', () => [...of('skipped'), people[3]?.phone as string]],
      ['status=unknown', () => of('unknown')],
      ['skip_reason=opted_out', () => of('skipped')],
      ['skip_reason=duplicate', () => of('sent')],
      ['error_code=131049', () => [people[7]?.phone as string]],
      ['status=sent&error_code=131049', () => []],
      ['replied=true', () => of('delivered')],
      ['opted_out=true', () => of('read')],
      ['opted_out=false&status=read', () => []],
      ['q=ORD-1', () => []],
      ['q=Person 4', () => of('delivered')],
      ['q=again', () => of('sent')],
    ])('by %s', async (query, expected) => {
      expect(phonesOf(await list(query))).toEqual(expected());
    });

    it('by a part of the phone, and by the whole phone in any spelling, with the lines that repeat it', async () => {
      const phone = people[3]?.phone as string;
      const spellings = [phone, phone.slice(3), `${phone.slice(3, 8)} ${phone.slice(8)}`, `0${phone.slice(3)}`];
      for (const spelling of spellings) {
        const found = await list(`q=${encodeURIComponent(spelling)}`);
        expect(found.recipients.map(({ skip_reason }) => skip_reason)).toEqual([null, 'duplicate']);
      }
      expect(phonesOf(await list(`q=${phone.slice(5, 12)}`))).toEqual(expect.arrayContaining([phone]));
      expect(phonesOf(await list(`q=${encodeURIComponent(phone)}&status=sent`))).toEqual([phone]);
    });

    it('with what came of each', async () => {
      const { recipients } = await list();
      expect(recipients[3]).toMatchObject({ sent_at: '2026-11-20T10:00:00.123Z', replied_at: null, cost: null });
      expect(recipients[4]).toMatchObject({ replied_at: '2026-11-20T11:00:00.000Z', opted_out_at: null });
      expect(recipients[5]).toMatchObject({ opted_out_at: '2026-11-20T12:00:00.000Z', cost: 0.0107 });
      expect(recipients[0]).toMatchObject({ status: 'pending', not_before: null, variant_id: null });
    });

    it('with when they may go, where they have to wait, and with their variant', async () => {
      const template_id = journey.templates.order_update;
      const waiting = await draftWithCsv(
        journey,
        `phone,name,order_id\n${somebody()},Asha,A\n${somebody()},Bo,B\n${somebody()},Chitra,C`,
        {
          variants: [
            { name: 'A', template_id },
            { name: 'B', template_id },
          ],
        },
      );
      const { body } = await journey.api.call<{ variants: { id: number; name: string }[] }>(
        'GET',
        `/campaigns/${waiting}`,
      );
      const [a, b] = body.variants.map((variant) => variant.id);
      const rows = (await list('', waiting)).recipients;
      const set = (index: number, variant: number | undefined, notBefore: string): Promise<unknown> =>
        journey.api.db.query(
          'update campaign_recipients set variant_id = $2, not_before = $3::timestamptz where id = $1',
          [rows[index]?.id, variant ?? null, notBefore],
        );
      await set(0, a, '2099-01-01T08:00:00Z');
      await set(1, b, 'infinity');
      await set(2, b, '2020-01-01T08:00:00Z');
      expect((await list('', waiting)).recipients.map((row) => [row.variant_id, row.not_before])).toEqual([
        [a, '2099-01-01T08:00:00.000Z'],
        [b, null],
        [b, null],
      ]);
      expect((await list(`variant_id=${b}`, waiting)).recipients.map(({ name }) => name)).toEqual(['Bo', 'Chitra']);
      const exported = await download('status=pending', waiting);
      expect(exported.rows.map(({ name, variant }) => [name, variant])).toEqual([
        ['Asha', 'A'],
        ['Bo', 'B'],
        ['Chitra', 'B'],
      ]);
    });

    it.each([
      ['status=claimed', 'status'],
      ['error_code=x', 'error_code'],
      ['error_code=99999999999', 'error_code'],
      ['replied=perhaps', 'replied'],
      ['variant_id=0', 'variant_id'],
      ['skip_reason=', 'skip_reason'],
    ])('and %s is refused by name', async (query, field) => {
      for (const path of ['recipients', 'recipients/export']) {
        const { status, body } = await journey.api.call('GET', `/campaigns/${id}/${path}?${query}`);
        expect([status, body.errors]).toMatchObject([400, [{ field }]]);
      }
    });

    it('to their account only', async () => {
      const other = await journey.api.call<{ id: number }>('POST', '/accounts', {
        body: { name: 'Other', phone_number_id: '300000000000778', access_token: 'EAAy' },
      });
      for (const path of [
        `${id}/recipients`,
        `${id}/recipients/export`,
        '999999/recipients',
        '999999/recipients/export',
      ]) {
        const { status, body } = await journey.api.call('GET', `/campaigns/${path}`, { accountId: other.body.id });
        expect([status, body.code]).toEqual([404, 'not_found']);
      }
    });
  });

  describe('are exported', () => {
    it('as they are listed, with the columns of the audience behind, safe for spreadsheets', async () => {
      const { header, rows } = await download();
      expect(header).toEqual([
        ...['line', 'phone', 'user_id', 'name', 'status', 'skip_reason', 'error_code', 'error_message', 'message_id'],
        ...['sent_at', 'delivered_at', 'read_at', 'replied_at', 'opted_out_at', 'cost', 'variant'],
        ...['order_id', 'parameter_status'],
      ]);
      expect(rows.map(({ line }) => line)).toEqual(['2', '3', '4', '5', '6', '7', '8', '9', '10', '11', '12']);
      expect(rows[5]).toEqual({
        line: '7',
        phone: `'${people[5]?.phone}`,
        user_id: '',
        name: "'=Person 5",
        status: 'read',
        skip_reason: '',
        error_code: '',
        error_message: '',
        message_id: `wamid.${people[5]?.phone}`,
        sent_at: '2026-11-20T10:00:00.123Z',
        delivered_at: '',
        read_at: '',
        replied_at: '',
        opted_out_at: '2026-11-20T12:00:00.000Z',
        cost: '0.0107',
        variant: '',
        order_id: 'ORD-5',
        parameter_status: 'x',
      });
    });

    it('with the same filters', async () => {
      expect((await download('status=failed')).rows.map(({ error_code }) => error_code)).toEqual(['131026', '131049']);
      expect((await download('status=pending')).rows.map(({ status }) => status)).toEqual([
        'pending',
        'pending',
        'pending',
      ]);
      const none = await download('skip_reason=blocked');
      expect(none.rows).toEqual([]);
      expect(none.header).toContain('status');
    });

    it('whole, however many pages they are', async () => {
      const many = await draftWithCsv(journey, `phone,name,order_id\n${somebody()},Asha,A`);
      await journey.api.db.query(
        `insert into campaign_recipients (account_id, campaign_id, identity, line, phone, name, parameters)
         select $1, $2, 'phone:' || n, n, '+9197' || lpad(n::text, 8, '0'), 'Person, ' || n, jsonb_build_object('order_id', n::text)
         from generate_series(3, 3502) n`,
        [journey.accountId, many],
      );
      const { rows } = await download('', many);
      expect(rows.map(({ line }) => Number(line))).toEqual(Array.from({ length: 3_501 }, (_, index) => index + 2));
      expect(rows[3_500]).toMatchObject({ name: 'Person, 3502', order_id: '3502' });
    });

    it('and uploaded again, they are the audience of another campaign', async () => {
      const { body } = await journey.api.call<string>('GET', `/campaigns/${id}/recipients/export?status=failed`);
      const again = await draftWithCsv(journey, body as unknown as string);
      expect((await list('', again)).recipients.map((row) => [row.phone_number, row.name, row.status])).toEqual([
        [people[6]?.phone, '=Person 6', 'pending'],
        [people[7]?.phone, '=Person 7', 'pending'],
      ]);
    });

    it('and uploaded again with those who have no phone but a user id', async () => {
      const first = await draftWithCsv(
        journey,
        `phone,user_id,name,order_id\n,IN.1234567890,Bo,B-1\n${somebody()},,Cy,C-1`,
      );
      const { body } = await journey.api.call<string>('GET', `/campaigns/${first}/recipients/export`);
      const again = await draftWithCsv(journey, body as unknown as string);
      const rows = await journey.api.db.query(
        'select user_id, name, status, parameters ->> $2 as order_id from campaign_recipients where campaign_id = $1 order by line',
        [again, 'order_id'],
      );
      expect(rows).toEqual([
        { user_id: 'IN.1234567890', name: 'Bo', status: 'pending', order_id: 'B-1' },
        { user_id: null, name: 'Cy', status: 'pending', order_id: 'C-1' },
      ]);
    });
  });
});

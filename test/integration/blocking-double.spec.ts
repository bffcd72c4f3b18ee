import { DOUBLE_CUSTOMER, DOUBLE_PHONE, GraphDouble, type GraphAnswer } from '../support/graph-double.js';

type Json = Record<string, unknown>;

const PATH = `${DOUBLE_PHONE}/block_users`;
const WA_ID = DOUBLE_CUSTOMER.slice(1);

let double: GraphDouble;

beforeEach(async () => {
  double = await GraphDouble.start();
});

afterEach(() => double.close());

function block(...users: Json[]): Promise<[number, GraphAnswer]> {
  return double.graph('POST', PATH, { messaging_product: 'whatsapp', block_users: users });
}

function unblock(...users: Json[]): Promise<[number, GraphAnswer]> {
  return double.graph('DELETE', PATH, { messaging_product: 'whatsapp', block_users: users });
}

interface Page extends Json {
  data: Json[];
  paging?: { cursors: { after: string }; next?: string };
}

async function page(query = ''): Promise<Page> {
  return (await double.graph('GET', `${PATH}${query}`))[1] as unknown as Page;
}

describe('the double’s block_users', () => {
  it('answers 400 with both lists when one of several is refused, and blocks the others', async () => {
    await double.configure({ enforce_window: true });
    await double.inbound();
    const [status, body] = await block({ user: DOUBLE_CUSTOMER }, { user: '+919876500002' });

    expect(status).toBe(400);
    expect(body.block_users).toEqual({
      added_users: [{ input: DOUBLE_CUSTOMER, wa_id: WA_ID }],
      failed_users: [
        {
          input: '+919876500002',
          wa_id: '919876500002',
          errors: [
            {
              code: 131047,
              message: expect.any(String) as string,
              error_data: { details: expect.any(String) as string },
            },
          ],
        },
      ],
    });
    expect(body.error).toMatchObject({ code: 139100, type: 'OAuthException' });
    expect((await page()).data).toEqual([{ messaging_product: 'whatsapp', wa_id: WA_ID }]);
  });

  it('knows one person by phone and by user id', async () => {
    await double.tell('PUT', `people/${WA_ID}`, { user_id: 'IN.1234567890' });
    await block({ user_id: 'IN.1234567890' });
    await block({ user: DOUBLE_CUSTOMER });
    const blocked = (await page()).data;
    await unblock({ user: DOUBLE_CUSTOMER });

    expect(blocked).toEqual([{ messaging_product: 'whatsapp', wa_id: WA_ID, user_id: 'IN.1234567890' }]);
    expect((await page()).data).toEqual([]);
  });

  it('refuses parent ids, user ids that nobody has, more than 1,000, and nobody', async () => {
    const many = Array.from({ length: 1_001 }, (_, index) => ({ user: `+91987650${1_000 + index}` }));
    const codes = await Promise.all(
      [block({ user_id: 'IN.ENT.1' }), block({ user_id: 'IN.42' }), block(...many), block()].map(
        double.codeOf.bind(double),
      ),
    );

    expect(codes).toEqual([139100, 139100, 131009, 131009]);
    expect((await page()).data).toEqual([]);
  });

  it('lets nobody be unblocked only because they have not written', async () => {
    await block({ user: DOUBLE_CUSTOMER });
    await double.configure({ enforce_window: true });

    expect((await unblock({ user: DOUBLE_CUSTOMER }))[0]).toBe(200);
  });

  it('refuses the next page with 139102 when the list changed, and a made-up cursor with 131059', async () => {
    await double.tell('PUT', 'blocks', { add: ['919876500001', '919876500002', '919876500003'] });
    const first = await page('?limit=2');
    const next = `?limit=2&after=${first.paging?.cursors.after}`;
    const second = await page(next);
    await double.tell('PUT', 'blocks', { remove: ['919876500001'] });

    expect([first.data.length, second.data.length, second.paging?.next]).toEqual([2, 1, undefined]);
    expect(first.paging?.next).toContain(first.paging?.cursors.after);
    expect(await double.codeOf(double.graph('GET', PATH + next))).toBe(139102);
    expect(await double.codeOf(double.graph('GET', `${PATH}?after=nonsense`))).toBe(131059);
  });

  it('takes only what docs/simulator.md names', async () => {
    const answers = await Promise.all([
      double.control('PUT', 'blocks', { block: [] }),
      double.control('PUT', 'blocks', { add: ['nobody'] }),
      double.control('PUT', 'blocks', { refuse: { [DOUBLE_CUSTOMER]: 'no' } }),
    ]);
    await double.tell('PUT', 'blocks', { refuse: { [DOUBLE_CUSTOMER]: 131047 } });
    const refused = await block({ user: DOUBLE_CUSTOMER });
    await double.tell('PUT', 'blocks', { refuse: { [DOUBLE_CUSTOMER]: null } });

    expect(answers.map(([status]) => status)).toEqual([400, 400, 400]);
    expect([refused[0], (await block({ user: DOUBLE_CUSTOMER }))[0]]).toEqual([400, 200]);
  });
});

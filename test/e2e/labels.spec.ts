import type { Database } from '../../src/database/database.js';
import { LabelsService } from '../../src/contacts/labels.service.js';
import { startTestApp, type Answer, type TestApp } from '../support/app.js';

interface LabelBody {
  id: number;
  name: string;
  color: string;
  usage_count: number;
  created_at: string;
  code?: string;
  errors?: { field: string; code: string }[];
}

let nextPhone = 9_500_000_000;
const newPhone = (): string => `+91${(nextPhone += 1)}`;

describe('labels', () => {
  let api: TestApp;
  let accountId: number;
  let otherAccountId: number;
  let tiedKey: string;

  const post = (body: object, options: { key?: string } = {}): Promise<Answer<LabelBody>> =>
    api.call<LabelBody>('POST', '/labels', { body, ...options });
  const create = async (body: object): Promise<LabelBody> => {
    const answer = await post(body);
    expect([answer.status, answer.body]).toEqual([201, expect.anything()]);
    return answer.body;
  };
  const patch = (id: number, body: object): Promise<Answer<LabelBody>> =>
    api.call<LabelBody>('PATCH', `/labels/${id}`, { body });
  const list = async (query = 'limit=200', options: { key?: string } = {}): Promise<LabelBody[]> => {
    const answer = await api.call<{ labels: LabelBody[] }>('GET', `/labels?${query}`, options);
    expect(answer.status).toBe(200);
    return answer.body.labels;
  };
  const newContact = async (labels: unknown[], account = accountId): Promise<number> =>
    (
      await api.call<{ id: number }>('POST', '/contacts', {
        body: { phone: newPhone(), labels },
        accountId: account,
      })
    ).body.id;
  const newConversation = async (contactId: number, labelId: number, account = accountId): Promise<void> => {
    await api.db.query('insert into conversations (account_id, contact_id, label_id) values ($1, $2, $3)', [
      account,
      contactId,
      labelId,
    ]);
  };

  beforeAll(async () => {
    api = await startTestApp();
    const account = async (phoneNumberId: string): Promise<number> =>
      (
        await api.call<{ id: number }>('POST', '/accounts', {
          body: { name: phoneNumberId, access_token: 'EAAtest', phone_number_id: phoneNumberId },
        })
      ).body.id;
    accountId = await account('5101');
    otherAccountId = await account('5102');
    tiedKey = (
      await api.call<{ key: string }>('POST', '/api-keys', {
        body: { name: 'Tied', scopes: ['contacts:read', 'contacts:write'], account_ids: [accountId] },
      })
    ).body.key;
  });
  afterAll(() => api.close());

  describe('creating', () => {
    it('answers every field', async () => {
      const { status, body } = await post({ name: '  Gold members ', color: 'amber' });
      expect([status, body]).toEqual([
        201,
        {
          id: expect.any(Number),
          name: 'Gold members',
          color: 'amber',
          usage_count: 0,
          created_at: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/),
        },
      ]);
      expect((await create({ name: 'Plain' })).color).toBe('gray');
      expect((await create({ name: 'Hex', color: '#1A2b3C' })).color).toBe('#1A2b3C');
      expect((await create({ name: '42' })).name).toBe('42');
    });

    it('refuses a name that is taken in any case, also of two requests at once', async () => {
      await create({ name: 'Straße' });
      for (const name of ['Straße', 'STRAßE', ' straße ']) {
        expect(await post({ name })).toMatchObject({ status: 409, body: { code: 'label_exists' } });
      }
      const answers = await Promise.all(
        Array.from({ length: 8 }, (_, index) => post({ name: index % 2 ? 'race' : 'RACE' })),
      );
      expect(answers.map((answer) => answer.status).sort()).toEqual([201, ...new Array<number>(7).fill(409)]);
    });

    it.each([
      [{}, 'name'],
      [{ name: '' }, 'name'],
      [{ name: '   ' }, 'name'],
      [{ name: 'x'.repeat(51) }, 'name'],
      [{ name: 7 }, 'name'],
      [{ name: 'a\u0000' }, 'name'],
      [{ name: 'Ok', color: 'reddish' }, 'color'],
      [{ name: 'Ok', color: '#12345' }, 'color'],
      [{ name: 'Ok', color: null }, 'color'],
      [{ name: 'Ok', usage_count: 1 }, 'usage_count'],
    ])('refuses %j by field', async (body, field) => {
      const answer = await post(body);
      expect([answer.status, answer.body.errors?.map((error) => error.field)]).toEqual([400, [field]]);
    });
  });

  describe('changing', () => {
    it('changes the given fields only', async () => {
      const { id } = await create({ name: 'Before', color: 'red' });
      expect((await patch(id, { color: 'sky' })).body).toMatchObject({ name: 'Before', color: 'sky' });
      expect((await patch(id, { name: ' BEFORE' })).body).toMatchObject({ name: 'BEFORE', color: 'sky' });
      expect((await patch(id, {})).body).toMatchObject({ name: 'BEFORE', color: 'sky' });
    });

    it('refuses a name that another label has, and a label that is not there', async () => {
      await create({ name: 'Taken' });
      const { id } = await create({ name: 'Mine' });
      expect(await patch(id, { name: 'tAKEN' })).toMatchObject({ status: 409, body: { code: 'label_exists' } });
      expect(await patch(999_999, { color: 'red' })).toMatchObject({ status: 404, body: { code: 'not_found' } });
      expect(await patch(id, { name: '' })).toMatchObject({ status: 400 });
    });
  });

  describe('listing', () => {
    it('pages by name, whatever its case, and finds a part of it', async () => {
      for (const name of ['zz-b', 'ZZ-a', 'zz-C', 'Zz-100%']) {
        await create({ name });
      }
      const seen: string[] = [];
      let cursor: string | null = null;
      do {
        const { body }: Answer<{ labels: LabelBody[]; next_cursor: string | null }> = await api.call(
          'GET',
          `/labels?q=zz&limit=3${cursor === null ? '' : `&cursor=${cursor}`}`,
        );
        seen.push(...body.labels.map((label) => label.name));
        cursor = body.next_cursor;
      } while (cursor !== null);
      expect(seen).toEqual(['Zz-100%', 'ZZ-a', 'zz-b', 'zz-C']);
      expect((await list('q=0%25')).map((label) => label.name)).toEqual(['Zz-100%']);
      for (const bad of ['nonsense', Buffer.from('["labels","a\\u0000",1]').toString('base64url')]) {
        expect(await api.call('GET', `/labels?cursor=${bad}`)).toMatchObject({ body: { code: 'bad_cursor' } });
      }
    });

    it('counts the contacts and conversations that have it, for a tied key those of its accounts', async () => {
      const { id } = await create({ name: 'Counted' });
      const mine = await newContact([id]);
      await newContact([id]);
      const theirs = await newContact([id], otherAccountId);
      await newConversation(mine, id);
      await newConversation(theirs, id, otherAccountId);
      const countFor = async (key?: string): Promise<number | undefined> =>
        (await list('q=counted', key === undefined ? {} : { key }))[0]?.usage_count;
      expect(await countFor()).toBe(5);
      expect(await countFor(tiedKey)).toBe(3);
      expect((await patch(id, { color: 'red' })).body.usage_count).toBe(5);
    });
  });

  describe('deleting', () => {
    it('takes the label from contacts and conversations', async () => {
      const { id } = await create({ name: 'Going' });
      const contactId = await newContact([id, 'Staying']);
      await newConversation(contactId, id);
      expect((await api.call('DELETE', `/labels/${id}`)).status).toBe(204);
      expect((await api.call('DELETE', `/labels/${id}`)).status).toBe(404);
      const contact = await api.call<{ labels: LabelBody[] }>('GET', `/contacts/${contactId}`);
      expect(contact.body.labels.map((label) => label.name)).toEqual(['Staying']);
      expect(await api.db.query('select label_id from conversations where contact_id = $1', [contactId])).toEqual([
        { label_id: null },
      ]);
    });

    it('leaves a key that is tied to accounts the labels of others', async () => {
      const { id } = await create({ name: 'Theirs' });
      await newContact([id], otherAccountId);
      expect(await api.call('DELETE', `/labels/${id}`, { key: tiedKey })).toMatchObject({
        status: 409,
        body: { code: 'label_in_use' },
      });
      expect(
        (await api.call('DELETE', `/labels/${(await create({ name: 'Free' })).id}`, { key: tiedKey })).status,
      ).toBe(204);
    });
  });

  it('need their scopes', async () => {
    const { body } = await api.call<{ key: string }>('POST', '/api-keys', {
      body: { name: 'Reader', scopes: ['contacts:read'] },
    });
    expect((await api.call('GET', '/labels', { key: body.key })).status).toBe(200);
    expect((await post({ name: 'No' }, { key: body.key })).status).toBe(403);
    expect(await api.call('GET', '/labels', { accountId: 999_999 })).toMatchObject({ status: 404 });
  });

  describe('as others mean them', () => {
    const service = (): LabelsService => api.app.get(LabelsService, { strict: false });
    const resolve = (reference: number | string): Promise<number> =>
      api.db.transaction((tx) => service().resolveOne(tx, reference, 'label'));
    const db = (): Database => api.db;

    it('are found by id or name, and made of a name that is new', async () => {
      const { id } = await create({ name: 'Resolved' });
      expect(await resolve(id)).toBe(id);
      expect(await resolve(' rESOLVED ')).toBe(id);
      const made = await resolve('Made by name');
      expect((await list('q=made by'))[0]).toMatchObject({ id: made, name: 'Made by name', color: 'gray' });
      const [one, two] = await Promise.all([resolve('At once'), resolve('AT ONCE')]);
      expect(one).toBe(two);
    });

    it.each([[999_999], [''], ['   '], ['x'.repeat(51)], [1.5], [-1]])('refuse %j by field', async (reference) => {
      await expect(resolve(reference)).rejects.toMatchObject({
        code: 'validation_failed',
        options: { errors: [{ field: 'label' }] },
      });
    });

    it('are an id first and then a name when digits are asked for', async () => {
      const { id } = await create({ name: 'By id' });
      const named = await create({ name: '777000' });
      const shadowed = await create({ name: String(id) });
      expect(await service().findByQuery(db(), String(id))).toBe(id);
      expect(await service().findByQuery(db(), '777000')).toBe(named.id);
      expect(await service().findByQuery(db(), 'BY ID')).toBe(id);
      expect(await service().findByQuery(db(), 'nobody has it')).toBeNull();
      expect(await service().findByQuery(db(), '9'.repeat(40))).toBeNull();
      expect(shadowed.id).not.toBe(id);
    });
  });
});

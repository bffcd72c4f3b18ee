import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Answer } from '../support/app.js';
import { campaignIs, startJourney, type CampaignBody, type Journey } from '../support/journey.js';

interface Body extends CampaignBody {
  code?: string;
  errors?: { field: string; code: string }[];
  missing_variables: string;
  default_value: string;
  template_id: number | null;
}
interface ContactBody {
  id: number;
  labels: { name: string }[];
  [field: string]: unknown;
}
interface PreflightBody {
  will_be_sent: number;
  samples: { preview: { body: string } }[];
}

const AUDIENCES = `export const audiences = {
  members: { people: ({ people }) => people },
};`;

/** Every test has people of its own. */
let nextPhone = 9_677_000_000;
const somebody = (): string => `+91${(nextPhone += 1)}`;

describe('the settings of a campaign', () => {
  let journey: Journey;
  let folder: string;

  const call = <T = Body>(method: string, path: string, body?: unknown, key?: string): Promise<Answer<T>> =>
    journey.api.call<T>(method, path, { ...(body === undefined ? {} : { body }), ...(key ? { key } : {}) });
  const create = (body: object = {}): Promise<Answer<Body>> =>
    call('POST', '/campaigns', { name: 'Draft', template_id: journey.templates.order_update, ...body });
  const draft = async (body: object = {}): Promise<number> => {
    const made = await create(body);
    expect([made.status, made.body]).toMatchObject([201, {}]);
    return made.body.id;
  };
  const refusal = ({ status, body }: Answer<Body>): unknown[] => [
    status,
    body.code,
    ...(body.errors ?? []).map(({ field, code }) => `${field} ${code}`),
  ];
  const upload = async (id: number, ...rows: string[]): Promise<void> => {
    const form = new FormData();
    form.append('file', new Blob([rows.join('\n')], { type: 'text/csv' }), 'audience.csv');
    expect((await call('POST', `/campaigns/${id}/csv`, form)).status).toBe(200);
  };
  const createContact = async (body: object): Promise<ContactBody> => {
    const { status, body: contact } = await call<ContactBody>('POST', '/contacts', body);
    expect(status).toBe(201);
    return contact;
  };
  /** What a preflight says the person gets, and what they then get. */
  const told = async (id: number): Promise<{ foreseen: unknown[]; sent: string[] }> => {
    const { body } = await call<PreflightBody>('GET', `/campaigns/${id}/preflight`);
    expect((await call('POST', `/campaigns/${id}/run`)).status).toBe(202);
    await campaignIs(journey, id, 'completed');
    const rows = await journey.api.db.query<{ message_body: string }>(
      'select message_body from messages where campaign_id = $1 order by id',
      [id],
    );
    return {
      foreseen: [body.will_be_sent, ...body.samples.map(({ preview }) => preview.body)],
      sent: rows.map(({ message_body }) => message_body),
    };
  };
  const order = (first: unknown, second: unknown): string =>
    `Hi ${String(first)}, your order ${String(second)} is on its way to you.`;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'parley-settings-'));
    const path = join(folder, 'audiences.mjs');
    await writeFile(path, AUDIENCES);
    // Statuses would tell more of the people.
    journey = await startJourney({ env: { AUDIENCES_MODULE: path }, simulator: { webhooks: { enabled: false } } });
  });
  afterAll(async () => {
    await journey.close();
    await rm(folder, { recursive: true });
  });

  describe('fill a template', () => {
    const FIELDS: [string, string][] = [
      ['id', 'phone'],
      ['normalized_phone', 'wa_id'],
      ['user_id', 'username'],
      ['name', 'display_name'],
      ['email', 'notes'],
      ['opted_out', 'is_blocked'],
      ['created_at', 'updated_at'],
    ];
    /** A person of whom everything is known. */
    const acquaintance = async (label: string): Promise<ContactBody> => {
      const userId = `IN.${nextPhone}`;
      const made = await createContact({
        phone: somebody(),
        user_id: userId,
        name: 'Asha Rao',
        email: 'asha@example.com',
        notes: 'prefers mornings',
        labels: [label, 'Zebra'],
      });
      await journey.api.db.query(
        `insert into contact_identities (contact_id, kind, scope, value)
         select contact_id, 'username', scope, 'asha.' || contact_id from contact_identities where value = $1`,
        [userId],
      );
      return (await call<ContactBody>('GET', `/contacts/${made.id}`)).body;
    };

    it('with any field of a contact', async () => {
      const contact = await acquaintance('Fields');
      const audience = { audience_type: 'contacts', audience_filters: { labels__name: 'Fields' } };
      for (const [first, second] of FIELDS) {
        expect([contact[first], contact[second]]).not.toContain(null);
        const id = await draft({ ...audience, parameter_mappings: { '1': first, '2': second.toUpperCase() } });
        const expected = order(contact[first], contact[second]);
        expect([first, await told(id)]).toEqual([first, { foreseen: [1, expected], sent: [expected] }]);
      }
      const id = await draft({ ...audience, parameter_mappings: { '1': 'last_name', '2': 'labels' } });
      const expected = order('Rao', 'Fields, Zebra');
      expect(await told(id)).toEqual({ foreseen: [1, expected], sent: [expected] });
    });

    it('of a file with what the address book has, where the file has nothing', async () => {
      const contact = await acquaintance('File');
      const id = await draft({ audience_type: 'csv', parameter_mappings: { '1': 'first_name', '2': 'notes' } });
      const other = somebody();
      await upload(id, 'phone,notes', `${String(contact.phone)},`, `${other},their own`);
      expect(await told(id)).toEqual({
        foreseen: [1, order('Asha', 'prefers mornings'), expect.any(String)],
        sent: [order('Asha', 'prefers mornings')],
      });
      const third = await draft({ audience_type: 'csv', parameter_mappings: { '1': 'name', '2': 'notes' } });
      await upload(third, 'phone,name,notes', `${String(contact.phone)},Asha of the file,of the file`);
      const expected = order('Asha of the file', 'of the file');
      expect(await told(third)).toEqual({ foreseen: [1, expected], sent: [expected] });
    });

    it('of a named audience too, whoever it names by phone or user id', async () => {
      const [first, second] = [await acquaintance('Named'), await acquaintance('Named')];
      const id = await draft({
        audience_type: 'members',
        audience_filters: { people: [{ phone: first.phone }, { user_id: second.user_id }] },
        parameter_mappings: { '1': 'name', '2': 'email' },
      });
      const expected = order('Asha Rao', 'asha@example.com');
      expect(await told(id)).toEqual({ foreseen: [2, expected, expected], sent: [expected, expected] });
    });

    it('but show a key that is tied to accounts nothing of people it may not see', async () => {
      const contact = await acquaintance('Secret');
      const other = await call<{ id: number }>('POST', '/accounts', {
        name: 'Other',
        phone_number_id: '300000000000044',
        waba_id: '200000000000001',
        access_token: 'EAAother',
      });
      const { body: tied } = await call<{ key: string }>('POST', '/api-keys', {
        name: 'Tied',
        scopes: ['*'],
        account_ids: [other.body.id],
      });
      await call('POST', '/templates/sync', {}, tied.key);
      const { body } = await call<{ templates: { id: number }[] }>(
        'GET',
        '/templates?q=order_update',
        undefined,
        tied.key,
      );
      const made = await call(
        'POST',
        '/campaigns',
        {
          name: 'Curious',
          template_id: body.templates[0]?.id,
          audience_type: 'members',
          audience_filters: { people: [{ phone: contact.phone }] },
          parameter_mappings: { '1': { field: 'name', default: 'nobody' }, '2': 'notes' },
        },
        tied.key,
      );
      expect(made.status).toBe(201);
      const seen = await call<PreflightBody>('GET', `/campaigns/${made.body.id}/preflight`, undefined, tied.key);
      expect(seen.body).toMatchObject({ will_be_sent: 0 });
      expect(JSON.stringify(seen.body)).not.toMatch(/mornings|Asha/);
    });

    it.each([
      [{ '1': 'name', '2': 'order_id' }, 'parameter_mappings.2'],
      [{ '1': { field: 'nmae' }, '2': 'email' }, 'parameter_mappings.1'],
      [{ '1': 'constructor' }, 'parameter_mappings.1'],
    ])('and refuse %j for contacts, who have no such field', async (parameter_mappings, field) => {
      const expected = [400, 'validation_failed', `${field} unknown_field`];
      expect(refusal(await create({ audience_type: 'contacts', parameter_mappings }))).toEqual(expected);
      const filtered = { audience_filters: { name: 'Asha' } };
      expect(refusal(await create({ ...filtered, parameter_mappings }))).toEqual(expected);
      const id = await draft(filtered);
      expect(refusal(await call('PATCH', `/campaigns/${id}`, { parameter_mappings }))).toEqual(expected);
      // Nobody chose the audience: a file may come, and else the run says it.
      await createContact({ phone: somebody(), name: 'Somebody' });
      const open = await draft({ parameter_mappings });
      expect(refusal(await call('POST', `/campaigns/${open}/run`))).toEqual(expected);
      expect(refusal(await call('PATCH', `/campaigns/${open}`, { audience_type: 'contacts' }))).toEqual(expected);
      expect((await call('PATCH', `/campaigns/${open}`, { audience_type: 'csv' })).status).toBe(200);
    });

    it('and refuse it of a variant', async () => {
      const template_id = journey.templates.order_update;
      const variants = [
        { name: 'A', template_id, parameter_mappings: { '1': 'name', '2': 'email' } },
        { name: 'B', template_id, parameter_mappings: { '1': 'name', '2': 'order_id' } },
      ];
      expect(refusal(await create({ audience_type: 'contacts', variants }))).toEqual([
        400,
        'validation_failed',
        'variants.1.parameter_mappings.2 unknown_field',
      ]);
    });

    it('while a default of the mapping stands in for a field that contacts have not', async () => {
      await createContact({ phone: somebody(), name: 'Bo', labels: ['Standing in'] });
      const id = await draft({
        audience_type: 'contacts',
        audience_filters: { labels__name: 'Standing in' },
        parameter_mappings: { '1': 'name', '2': { field: 'order_id', default: 'of today' } },
      });
      expect((await told(id)).sent).toEqual([order('Bo', 'of today')]);
    });
  });

  describe('are merged by a change', () => {
    it('so that what stands in need not be said again', async () => {
      const id = await draft({ default_value: 'friend' });
      const { status, body } = await call('PATCH', `/campaigns/${id}`, { missing_variables: 'default' });
      expect([status, body]).toMatchObject([200, { missing_variables: 'default', default_value: 'friend' }]);
    });

    it('and cannot lose what stands in while it is needed', async () => {
      const id = await draft({ missing_variables: 'default', default_value: 'friend' });
      const path = `/campaigns/${id}`;
      const refused = [400, 'validation_failed', 'default_value required'];
      expect(refusal(await call('PATCH', path, { default_value: '' }))).toEqual(refused);
      expect(refusal(await create({ missing_variables: 'default' }))).toEqual(refused);
      expect((await call('PATCH', path, { default_value: '', missing_variables: 'skip' })).status).toBe(200);
      expect(refusal(await call('PATCH', path, { missing_variables: 'default' }))).toEqual(refused);
    });
  });

  describe('of one that is scheduled', () => {
    const scheduled_at = '2050-01-01T10:00:00Z';

    it('cannot lose the template', async () => {
      const id = await draft({ scheduled_at });
      const refused = [400, 'validation_failed', 'template_id required'];
      expect(refusal(await call('PATCH', `/campaigns/${id}`, { template_id: null }))).toEqual(refused);
      expect((await call('GET', `/campaigns/${id}`)).body.template_id).toBe(journey.templates.order_update);
      const off = await call('PATCH', `/campaigns/${id}`, { template_id: null, scheduled_at: null });
      expect([off.status, off.body]).toMatchObject([200, { status: 'draft', template_id: null }]);
      expect(refusal(await call('POST', `/campaigns/${id}/schedule`, { scheduled_at }))).toEqual(refused);
    });

    it('cannot lose the variants that stand for it', async () => {
      const template_id = journey.templates.order_update;
      const variants = ['A', 'B'].map((name) => ({ name, template_id }));
      const id = await draft({ template_id: null, variants, scheduled_at });
      expect(refusal(await call('PATCH', `/campaigns/${id}`, { variants: [] }))).toEqual([
        400,
        'validation_failed',
        'template_id required',
      ]);
      expect((await call('PATCH', `/campaigns/${id}`, { name: 'Another' })).status).toBe(200);
    });
  });

  it.each(['contacts', 'members'])('can be tested when the first of %s are left out', async (audience) => {
    const [first, second] = [somebody(), somebody()];
    await createContact({ phone: first, name: 'Left out', labels: [`Tested ${audience}`], opted_out: true });
    await createContact({ phone: second, name: 'Bo', email: 'bo@example.com', labels: [`Tested ${audience}`] });
    const people = [{ phone: first }, { phone: second }];
    const id = await draft({
      audience_type: audience,
      audience_filters: audience === 'contacts' ? { labels__name: `Tested ${audience}` } : { people },
      parameter_mappings: { '1': 'name', '2': 'email' },
    });
    const { status, body } = await call<{ message: { message_body: string } }>('POST', `/campaigns/${id}/test`, {
      phone: somebody(),
    });
    expect([status, body.message?.message_body]).toEqual([200, order('Bo', 'bo@example.com')]);
  });

  it('lead from a template to those that send it by a variant', async () => {
    const { named_offer: offer, order_update: other } = journey.templates;
    const own = await draft({ template_id: offer });
    const split = await draft({
      template_id: null,
      variants: [
        { name: 'A', template_id: offer },
        { name: 'B', template_id: other },
      ],
    });
    await draft({ template_id: other });
    const { body } = await call<{ campaigns: { id: number }[] }>('GET', `/campaigns?template_id=${offer}`);
    expect(body.campaigns.map(({ id }) => id)).toEqual([split, own]);
  });

  describe('are refused by name', () => {
    it.each([
      '0000-01-01',
      '2026-02-30',
      '2025-02-29T10:00:00Z',
      '0001-01-01T00:00:00+10:00',
      '9999-12-31T23:00:00-10:00',
    ])('when a filter asks for the time %s', async (value) => {
      expect(refusal(await create({ audience_filters: { created_at__gte: value } }))).toEqual([
        400,
        'validation_failed',
        'audience_filters.created_at__gte invalid_filter',
      ]);
    });

    it.each(['0001-01-01', '2028-02-29', '2026-02-28T23:59:59.123456+05:30', '9999-12-31T23:59:59Z'])(
      'but not when the time %s is one',
      async (value) => {
        const id = await draft({ audience_filters: { created_at__gte: value } });
        expect((await call('GET', `/campaigns/${id}/preflight`)).status).toBe(200);
      },
    );

    it.each(['\u0000', '\ud800', 'x\udfff'])('when %j stands in them', async (text) => {
      const variant = { name: 'A', template_id: journey.templates.order_update };
      const members = { audience_type: 'members' };
      const bodies: [object, string][] = [
        [{ ...members, audience_filters: { city: text } }, 'audience_filters'],
        [{ ...members, audience_filters: { deep: [{ [text]: 1 }] } }, 'audience_filters'],
        [{ parameter_mappings: { '1': text } }, 'parameter_mappings'],
        [{ parameter_mappings: { '1': { value: text } } }, 'parameter_mappings'],
        [
          { variants: [variant, { ...variant, name: 'B', parameter_mappings: { '1': text } }] },
          'variants.1.parameter_mappings',
        ],
      ];
      const id = await draft();
      for (const [body, field] of bodies) {
        const expected = [400, 'validation_failed', `${field} not_storable`];
        expect(refusal(await create(body))).toEqual(expected);
        expect(refusal(await call('PATCH', `/campaigns/${id}`, body))).toEqual(expected);
      }
      const preset = { name: 'Preset', ...members, audience_filters: { city: text } };
      expect(refusal(await call('POST', '/audience-presets', preset))).toEqual([
        400,
        'validation_failed',
        'audience_filters not_storable',
      ]);
    });
  });
});

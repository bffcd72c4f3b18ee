import { eventually, type Answer, type CallOptions } from './app.js';
import { startJourney, type Journey } from './journey.js';
import { messagesBody, newWamid, postWebhook, profile, secondsAgo, text, type JsonObject } from './webhook-payloads.js';

/** An account of its own number, WABA and people, in which every text that can be stored says whose it is. */
export interface Tenant {
  tag: string;
  accountId: number;
  phoneNumberId: string;
  wabaId: string;
  /** Somebody who wrote, and who has a conversation. */
  customer: string;
  blocked: string;
  userId: string;
}

export interface MatrixWorld {
  journey: Journey;
  a: Tenant;
  b: Tenant;
  call<T = Record<string, unknown>>(method: string, path: string, options?: CallOptions): Promise<Answer<T>>;
  close(): Promise<void>;
}

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

const TENANTS = {
  a: { tag: 'CANARYA', phoneNumberId: '300000000000101', wabaId: '200000000000101', first: 9_851_000_000 },
  b: { tag: 'CANARYB', phoneNumberId: '300000000000102', wabaId: '200000000000102', first: 9_852_000_000 },
} as const;

/** Two accounts, of which the second is still empty: {@link fillTenant} fills it. */
export async function startMatrixWorld(): Promise<MatrixWorld> {
  const journey = await startJourney({ env: { ALLOW_PRIVATE_NETWORK_TARGETS: 'true', TRUST_PROXY: '1' } });
  const make = async (which: keyof typeof TENANTS): Promise<Tenant> => {
    const { tag, phoneNumberId, wabaId, first } = TENANTS[which];
    const { body, status } = await journey.api.call<{ id: number }>('POST', '/accounts', {
      body: { name: `${tag} account`, phone_number_id: phoneNumberId, waba_id: wabaId, access_token: `EAA${tag}` },
    });
    if (status !== 201) {
      throw new Error(`no account: ${JSON.stringify(body)}`);
    }
    const userId = `IN.${first}`;
    return {
      tag,
      accountId: body.id,
      phoneNumberId,
      wabaId,
      customer: `+91${first}`,
      blocked: `+91${first + 1}`,
      userId,
    };
  };
  return {
    journey,
    a: await make('a'),
    b: await make('b'),
    call: (method, path, options) => journey.api.call(method, path, options),
    close: () => journey.close(),
  };
}

/** One of everything, through the API and Meta's door. */
export async function fillTenant({ journey }: MatrixWorld, tenant: Tenant): Promise<void> {
  const { tag, accountId, customer, blocked, phoneNumberId } = tenant;
  const { api } = journey;
  const does = async <T extends object = { id: number }>(method: string, path: string, body?: unknown): Promise<T> => {
    const answer = await api.call<T>(method, path, { accountId, body });
    if (answer.status >= 300) {
      throw new Error(`${tag}: ${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    }
    return answer.body;
  };
  const upload = async <T extends object = { id: number }>(
    path: string,
    content: string | Buffer,
    name: string,
    type: string,
  ): Promise<T> => {
    const form = new FormData();
    form.append('file', new Blob([content as never], { type }), name);
    return does<T>('POST', path, form);
  };
  const arrive = async (messages: JsonObject[], name = `${tag} profile`): Promise<void> => {
    const contacts = [profile(customer.slice(1), name, { user_id: tenant.userId })];
    const { status } = await postWebhook(api.url, messagesBody({ contacts, messages }, phoneNumberId));
    if (status !== 200) {
      throw new Error(`no webhook: ${status}`);
    }
  };
  const from = customer.slice(1);

  await does('POST', '/templates/sync', {});
  await does('POST', '/labels', { name: `${tag} label`, color: 'red' });
  await does('POST', '/contacts', {
    phone: `+${Number(from) + 2}`,
    name: `${tag} contact`,
    email: `${tag.toLowerCase()}@example.com`,
    notes: `${tag} notes`,
    labels: [`${tag} label`],
  });
  await upload('/contacts/import', `phone,name\n+${Number(from) + 3},${tag} imported\n`, 'people.csv', 'text/csv');
  // What a larger file becomes: a job.
  await api.db.queryDynamic(
    `insert into contact_imports (account_id, portfolio, status, attempts, total_count, created_at, completed_at)
     values ($1, 'waba:x', 'completed', 1, 1, now(), now())`,
    [accountId],
  );

  await arrive([text(from, `${tag} inbound`)]);
  await eventually(
    () => api.call('GET', `/chats/${customer}`, { accountId }),
    ({ status }) => status === 200,
  );
  await does('PATCH', `/chats/${customer}`, { assigned_to: `${tag} agent`, label: `${tag} label` });
  await does('POST', '/send-message', {
    phone: customer,
    message: `${tag} outbound`,
    sent_by: `${tag} sender`,
    client_ref: `${tag} ref`,
  });
  await does('POST', '/send-message', {
    phone: customer,
    message: `${tag} later`,
    send_at: new Date(Date.now() + 86_400_000).toISOString(),
  });
  await does('POST', '/send-location', {
    phone: customer,
    latitude: 1,
    longitude: 2,
    name: `${tag} place`,
    address: `${tag} street`,
  });
  const media = await upload<{ media_id: string }>('/media', PNG, `${tag}.png`, 'image/png');
  await does('POST', '/send-media', {
    phone: customer,
    type: 'image',
    media_id: media.media_id,
    caption: `${tag} caption`,
  });

  const template = await does('POST', '/templates', {
    name: `${tag.toLowerCase()}_draft`,
    category: 'UTILITY',
    body_text: `${tag} body`,
    footer_text: `${tag} footer`,
  });
  const { templates } = await does<{ templates: { id: number; name: string }[] }>('GET', '/templates?limit=200');
  const approved = templates.find(({ name }) => name === 'order_update');
  await does('POST', '/audience-presets', {
    name: `${tag} preset`,
    audience_type: 'contacts',
    audience_filters: { name__icontains: tag },
  });
  const campaign = await does('POST', '/campaigns', {
    name: `${tag} campaign`,
    template_id: approved?.id,
    audience_type: 'csv',
    parameter_mappings: { '1': 'name', '2': 'order_id' },
  });
  await upload(
    `/campaigns/${campaign.id}/csv`,
    `phone,name,order_id\n+${Number(from) + 4},${tag} recipient,${tag} order\n`,
    'audience.csv',
    'text/csv',
  );
  await does('POST', `/campaigns/${campaign.id}/run`);
  await eventually(
    () => api.call<{ status: string }>('GET', `/campaigns/${campaign.id}`, { accountId }),
    ({ body }) => body.status === 'completed',
  );
  await does('POST', '/campaigns', { name: `${tag} draft`, template_id: template.id, audience_type: 'csv' });

  await does('POST', '/block', { phone: blocked, reason: `${tag} reason`, blocked_by: `${tag} blocker` });
  const signup = {
    display_name: `${tag} signup`,
    signup_message: `${tag} asks`,
    confirmation_message: `${tag} thanks`,
    privacy_policy_url: `https://example.com/${tag}`,
    website_url: `https://example.com/${tag}`,
    auto_add_to_label: `${tag} label`,
    tos_accepted: true,
  };
  await does('POST', '/signups', signup);
  const flow = await does('POST', '/flows', { name: `${tag} flow`, categories: ['SURVEY'], starter: 'feedback' });
  await does('POST', `/flows/${flow.id}/publish`);
  await does('POST', `/flows/${flow.id}/send`, {
    phone: customer,
    cta: 'Answer',
    body: `${tag} question`,
    flow_token: `${tag}-token`,
  });
  await does('POST', '/catalog/products', {
    catalog_id: `50000000000${accountId}`,
    name: `${tag} product`,
    description: `${tag} description`,
    retailer_id: `${tag}-sku`,
    brand: `${tag} brand`,
  });
  const reply = {
    name: 'flow',
    body: 'Sent',
    response_json: JSON.stringify({ flow_token: `${tag}-token`, answer: `${tag} answer` }),
  };
  const order = {
    catalog_id: '1',
    text: `${tag} note`,
    product_items: [{ product_retailer_id: `${tag}-sku`, quantity: 1 }],
  };
  await arrive([
    {
      from,
      id: newWamid(),
      timestamp: secondsAgo(4),
      type: 'interactive',
      interactive: { type: 'nfm_reply', nfm_reply: reply },
    },
    { from, id: newWamid(), timestamp: secondsAgo(3), type: 'order', order },
  ]);
  await eventually(
    () => api.call<{ orders: unknown[] }>('GET', '/orders', { accountId }),
    ({ body }) => body.orders?.length > 0,
  );
  await api.call('POST', '/catalog/sync', { accountId, body: { catalog_id: `50000000000${accountId}` } });
  await does('POST', '/api-keys', { name: `${tag} key`, scopes: ['inbox:read'], account_ids: [accountId] });
  const endpoint = await does('POST', '/webhook-endpoints', {
    url: `http://127.0.0.1:9/${tag}`,
    description: `${tag} endpoint`,
    account_id: accountId,
  });
  await does('POST', '/send-message', { phone: customer, message: `${tag} told to the endpoint` });
  await eventually(
    () => does<{ deliveries: unknown[] }>('GET', `/webhook-endpoints/${endpoint.id}/deliveries`),
    ({ deliveries }) => deliveries.length > 0,
  );
  await api.db.queryDynamic(
    `insert into webhook_replays (account_ids, filter, queued_count) values (array[$1::bigint], '{}', 0)`,
    [accountId],
  );
}

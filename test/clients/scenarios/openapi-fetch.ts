import assert from 'node:assert/strict';
import createClient from 'openapi-fetch';
import type { components, paths } from './schema.js';

const { API_URL = '', API_KEY = '', CUSTOMER = '' } = process.env;

const api = createClient<paths>({ baseUrl: API_URL, headers: { 'X-API-Key': API_KEY } });

/** How openapi-fetch wants forms written. */
const bodySerializer = (body: { file: Blob }): FormData => {
  const form = new FormData();
  form.set('file', body.file, 'file');
  return form;
};

const step = (name: string): void => console.log(name);

// Labels: made, refused, renamed.
const label = await api.POST('/whatsapp/api/labels', { body: { name: 'openapi-fetch', color: 'amber' } });
assert(label.data);
const taken = await api.POST('/whatsapp/api/labels', { body: { name: 'openapi-fetch' } });
assert.equal(taken.response.status, 409);
assert.equal(taken.error?.code, 'label_exists');
const renamed = await api.PATCH('/whatsapp/api/labels/{id}', {
  params: { path: { id: label.data.id } },
  body: { color: 'teal' },
});
assert.equal(renamed.data?.color, 'teal');
step('labels');

// Errors say what they are about, by their code.
const refused = await api.POST('/whatsapp/api/contacts', { body: { phone: '12', email: 'nobody' } });
assert(refused.error);
switch (refused.error.code) {
  case 'validation_failed':
    assert(refused.error.errors?.some(({ field }) => field === 'email' || field === 'phone'));
    break;
  default:
    assert.fail(`unexpected: ${refused.error.code}`);
}
const missing = await api.GET('/whatsapp/api/contacts/{id}', { params: { path: { id: 999_999_999 } } });
assert.equal(missing.error?.code, 'not_found');
const stranger = createClient<paths>({ baseUrl: API_URL });
assert.equal((await stranger.GET('/whatsapp/api/labels')).error?.code, 'unauthorized');
step('errors');

// People, and a list in pages.
for (const index of [1, 2, 3]) {
  const contact = await api.POST('/whatsapp/api/contacts', {
    body: { phone: `+9198111000${index}0`, name: `Page ${index}`, labels: ['openapi-fetch'] },
  });
  assert.equal(contact.data?.phone, `+9198111000${index}0`);
}
const seen: components['schemas']['Contact'][] = [];
for (let cursor: string | undefined, more = true; more;) {
  const page = await api.GET('/whatsapp/api/contacts', {
    params: { query: { label: 'openapi-fetch', limit: 2, cursor } },
  });
  assert(page.data);
  seen.push(...page.data.contacts);
  cursor = page.data.next_cursor ?? undefined;
  more = cursor !== undefined;
}
assert.equal(new Set(seen.map(({ id }) => id)).size, 3);
const csv = await api.GET('/whatsapp/api/contacts/export', {
  params: { query: { label: 'openapi-fetch' } },
  parseAs: 'text',
});
assert.match(csv.data ?? '', /Page 1/);
step('contacts');

// A campaign from a file, until it has ended.
const sync = await api.POST('/whatsapp/api/templates/sync');
assert(sync.data);
const templates = await api.GET('/whatsapp/api/templates', { params: { query: { q: 'order_update' } } });
const [template] = templates.data?.templates ?? [];
assert(template);
const draft = await api.POST('/whatsapp/api/campaigns', {
  body: { name: 'openapi-fetch', template_id: template.id, parameter_mappings: { '1': 'name', '2': 'order_id' } },
});
assert(draft.data);
const path = { id: draft.data.id };
const upload = await api.POST('/whatsapp/api/campaigns/{id}/csv', {
  params: { path },
  body: { file: new Blob(['phone,name,order_id\n+919812200001,Asha,A-1\n+919812200002,Vikram,A-2\nnonsense,X,A-3\n']) },
  bodySerializer,
});
assert.deepEqual([upload.data?.accepted, upload.data?.invalid], [2, 1]);
const preflight = await api.GET('/whatsapp/api/campaigns/{id}/preflight', { params: { path } });
assert(preflight.data);
const run = await api.POST('/whatsapp/api/campaigns/{id}/run', { params: { path } });
assert.equal(run.response.status, 202);
let campaign = draft.data;
while (campaign.status !== 'completed') {
  await new Promise((resolve) => setTimeout(resolve, 100));
  const now = await api.GET('/whatsapp/api/campaigns/{id}', { params: { path } });
  assert(now.data && now.data.status !== 'failed' && now.data.status !== 'paused');
  campaign = now.data;
}
assert.equal(campaign.sent_count, 2);
const recipients = await api.GET('/whatsapp/api/campaigns/{id}/recipients', { params: { path } });
assert.equal(recipients.data?.recipients.length, 3);
step('campaign');

// Sends: once, however often they are asked for.
const key = { header: { 'Idempotency-Key': 'openapi-fetch-1' } };
const hello = { phone: CUSTOMER, message: 'Hello from openapi-fetch' };
const first = await api.POST('/whatsapp/api/send-message', { params: key, body: hello });
const again = await api.POST('/whatsapp/api/send-message', { params: key, body: hello });
assert.equal(first.data?.status, 'sent');
assert.equal(again.data?.message.id, first.data.message.id);
assert.equal(again.response.headers.get('Idempotency-Replayed'), 'true');
const other = await api.POST('/whatsapp/api/send-message', { params: key, body: { ...hello, message: 'Another' } });
assert.equal(other.error?.code, 'idempotency_key_reused');
const cold = await api.POST('/whatsapp/api/send-message', { body: { phone: '+919812299999', message: 'Hello' } });
assert.equal(cold.error?.code, 'outside_service_window');
const place = await api.POST('/whatsapp/api/send-location', {
  body: { phone: CUSTOMER, latitude: 12.97, longitude: 77.59, name: 'Office' },
});
assert.equal(place.data?.message.message_type, 'location');
const order = await api.POST('/whatsapp/api/send-template', {
  body: { phone: CUSTOMER, template_name: 'order_update', language: 'en', body_params: ['Asha', 'A-1'] },
});
assert.equal(order.data?.message.message_type, 'template');
step('sends');

// A file: uploaded, read back, sent.
const bytes = Uint8Array.from(Buffer.from(process.env.PICTURE ?? '', 'base64'));
const media = await api.POST('/whatsapp/api/media', { body: { file: new Blob([bytes]) }, bodySerializer });
assert(media.data);
const content = await api.GET('/whatsapp/api/media/{id}/content', {
  params: { path: { id: media.data.id } },
  parseAs: 'arrayBuffer',
});
assert(content.data);
assert.deepEqual(new Uint8Array(content.data), bytes);
assert(media.data.media_id);
const picture = await api.POST('/whatsapp/api/send-media', {
  body: { phone: CUSTOMER, type: 'image', media_id: media.data.media_id, caption: 'Look' },
});
assert.equal(picture.data?.message.message_type, 'image');
step('media');

// The inbox sees it all.
const chats = await api.GET('/whatsapp/api/chats', { params: { query: { status: 'open' } } });
assert(chats.data?.conversations.some(({ phone_number: phone }) => phone === CUSTOMER));
const thread = await api.GET('/whatsapp/api/chats/{phone}/messages', { params: { path: { phone: CUSTOMER } } });
assert(thread.data?.messages.some(({ message_body: body }) => body === 'Hello from openapi-fetch'));
const chat = await api.PATCH('/whatsapp/api/chats/{phone}', {
  params: { path: { phone: CUSTOMER } },
  body: { label: label.data.id, is_resolved: true },
});
assert.equal(chat.data?.label_name, 'openapi-fetch');
const read = await api.POST('/whatsapp/api/chats/{phone}/read', { params: { path: { phone: CUSTOMER } }, body: {} });
assert.equal(read.response.status, 200);
const gone = await api.DELETE('/whatsapp/api/messages/{id}', { params: { path: { id: picture.data.message.id } } });
assert.equal(gone.response.status, 204);
step('inbox');

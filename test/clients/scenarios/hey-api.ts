import assert from 'node:assert/strict';
import { client } from './client.gen.js';
import {
  createCampaign,
  createContact,
  createLabel,
  deleteMessage,
  exportContacts,
  getCampaign,
  getContact,
  getMediaContent,
  listCampaignRecipients,
  listChatMessages,
  listChats,
  listContacts,
  listLabels,
  listTemplates,
  markChatRead,
  preflightCampaign,
  runCampaign,
  sendLocation,
  sendMedia,
  sendMessage,
  sendTemplate,
  syncTemplates,
  updateChat,
  updateLabel,
  uploadCampaignCsv,
  uploadMedia,
} from './sdk.gen.js';
import type { Contact } from './types.gen.js';

const { API_URL = '', API_KEY = '', CUSTOMER = '' } = process.env;

client.setConfig({ baseUrl: API_URL, auth: () => API_KEY });

const step = (name: string): void => console.log(name);

// Labels: made, refused, renamed.
const label = await createLabel({ body: { name: 'hey-api', color: 'amber' } });
assert(label.data);
const taken = await createLabel({ body: { name: 'hey-api' } });
assert.equal(taken.response?.status, 409);
assert.equal(taken.error?.code, 'label_exists');
const renamed = await updateLabel({ path: { id: label.data.id }, body: { color: 'teal' } });
assert.equal(renamed.data?.color, 'teal');
step('labels');

// Errors say what they are about, by their code.
const refused = await createContact({ body: { phone: '12', email: 'nobody' } });
assert(refused.error);
switch (refused.error.code) {
  case 'validation_failed':
    assert(refused.error.errors?.some(({ field }) => field === 'email' || field === 'phone'));
    break;
  default:
    assert.fail(`unexpected: ${refused.error.code}`);
}
const missing = await getContact({ path: { id: 999_999_999 } });
assert.equal(missing.error?.code, 'not_found');
const stranger = await listLabels({ auth: () => undefined });
assert.equal(stranger.error?.code, 'unauthorized');
step('errors');

// People, and a list in pages.
for (const index of [1, 2, 3]) {
  const contact = await createContact({
    body: { phone: `+9198222000${index}0`, name: `Page ${index}`, labels: ['hey-api'] },
  });
  assert.equal(contact.data?.phone, `+9198222000${index}0`);
}
const seen: Contact[] = [];
for (let cursor: string | undefined, more = true; more;) {
  const page = await listContacts({ query: { label: 'hey-api', limit: 2, cursor } });
  assert(page.data);
  seen.push(...page.data.contacts);
  cursor = page.data.next_cursor ?? undefined;
  more = cursor !== undefined;
}
assert.equal(new Set(seen.map(({ id }) => id)).size, 3);
const csv = await exportContacts({ query: { label: 'hey-api' } });
assert.match(csv.data ?? '', /Page 1/);
step('contacts');

// A campaign from a file, until it has ended.
const sync = await syncTemplates();
assert(sync.data);
const templates = await listTemplates({ query: { q: 'order_update' } });
const [template] = templates.data?.templates ?? [];
assert(template);
const draft = await createCampaign({
  body: { name: 'hey-api', template_id: template.id, parameter_mappings: { '1': 'name', '2': 'order_id' } },
});
assert(draft.data);
const path = { id: draft.data.id };
const upload = await uploadCampaignCsv({
  path,
  body: { file: new Blob(['phone,name,order_id\n+919812300001,Asha,A-1\n+919812300002,Vikram,A-2\nnonsense,X,A-3\n']) },
});
assert.deepEqual([upload.data?.accepted, upload.data?.invalid], [2, 1]);
const preflight = await preflightCampaign({ path });
assert(preflight.data);
const run = await runCampaign({ path });
assert.equal(run.response?.status, 202);
let campaign = draft.data;
while (campaign.status !== 'completed') {
  await new Promise((resolve) => setTimeout(resolve, 100));
  const now = await getCampaign({ path });
  assert(now.data && now.data.status !== 'failed' && now.data.status !== 'paused');
  campaign = now.data;
}
assert.equal(campaign.sent_count, 2);
const recipients = await listCampaignRecipients({ path });
assert.equal(recipients.data?.recipients.length, 3);
step('campaign');

// Sends: once, however often they are asked for.
const headers = { 'Idempotency-Key': 'hey-api-1' };
const hello = { phone: CUSTOMER, message: 'Hello from hey-api' };
const first = await sendMessage({ headers, body: hello });
const again = await sendMessage({ headers, body: hello });
assert.equal(first.data?.status, 'sent');
assert.equal(again.data?.message.id, first.data.message.id);
assert.equal(again.response?.headers.get('Idempotency-Replayed'), 'true');
const other = await sendMessage({ headers, body: { ...hello, message: 'Another' } });
assert.equal(other.error?.code, 'idempotency_key_reused');
const cold = await sendMessage({ body: { phone: '+919812299999', message: 'Hello' } });
assert.equal(cold.error?.code, 'outside_service_window');
const place = await sendLocation({ body: { phone: CUSTOMER, latitude: 12.97, longitude: 77.59, name: 'Office' } });
assert.equal(place.data?.message.message_type, 'location');
const order = await sendTemplate({
  body: { phone: CUSTOMER, template_name: 'order_update', language: 'en', body_params: ['Asha', 'A-1'] },
});
assert.equal(order.data?.message.message_type, 'template');
step('sends');

// A file: uploaded, read back, sent.
const bytes = Uint8Array.from(Buffer.from(process.env.PICTURE ?? '', 'base64'));
const media = await uploadMedia({ body: { file: new Blob([bytes]) } });
assert(media.data);
const content = await getMediaContent({ path: { id: media.data.id }, parseAs: 'blob' });
assert(content.data);
assert.deepEqual(new Uint8Array(await content.data.arrayBuffer()), bytes);
assert(media.data.media_id);
const picture = await sendMedia({
  body: { phone: CUSTOMER, type: 'image', media_id: media.data.media_id, caption: 'Look' },
});
assert.equal(picture.data?.message.message_type, 'image');
step('media');

// The inbox sees it all.
const chats = await listChats({ query: { status: 'open' } });
assert(chats.data?.conversations.some(({ phone_number: phone }) => phone === CUSTOMER));
const thread = await listChatMessages({ path: { phone: CUSTOMER } });
assert(thread.data?.messages.some(({ message_body: body }) => body === 'Hello from hey-api'));
const chat = await updateChat({ path: { phone: CUSTOMER }, body: { label: label.data.id, is_resolved: true } });
assert.equal(chat.data?.label_name, 'hey-api');
const read = await markChatRead({ path: { phone: CUSTOMER }, body: {} });
assert.equal(read.response?.status, 200);
const gone = await deleteMessage({ path: { id: picture.data.message.id } });
assert.equal(gone.response?.status, 204);
step('inbox');

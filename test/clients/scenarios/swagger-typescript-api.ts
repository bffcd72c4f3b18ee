import assert from 'node:assert/strict';
import { Api, type Contact, type HttpResponse, type Problem } from './api.js';

const { API_URL = '', API_KEY = '', CUSTOMER = '' } = process.env;

const { whatsapp: api } = new Api({
  baseUrl: API_URL,
  securityWorker: () => ({ headers: { 'X-API-Key': API_KEY } }),
});

/** This client throws its answers when they are errors. */
async function problemOf(call: Promise<unknown>): Promise<Problem> {
  const answer = await call.then(
    () => assert.fail('should have been refused'),
    (thrown: HttpResponse<unknown, Problem>) => thrown,
  );
  return answer.error;
}

const step = (name: string): void => console.log(name);

// Labels: made, refused, renamed.
const label = await api.createLabel({ name: 'swagger-typescript-api', color: 'amber' });
const taken = await problemOf(api.createLabel({ name: 'swagger-typescript-api' }));
assert.equal(taken.status, 409);
assert.equal(taken.code, 'label_exists');
const renamed = await api.updateLabel(label.data.id, { color: 'teal' });
assert.equal(renamed.data.color, 'teal');
step('labels');

// Errors say what they are about, by their code.
const refused = await problemOf(api.createContact({ phone: '12', email: 'nobody' }));
switch (refused.code) {
  case 'validation_failed':
    assert(refused.errors?.some(({ field }) => field === 'email' || field === 'phone'));
    break;
  default:
    assert.fail(`unexpected: ${refused.code}`);
}
assert.equal((await problemOf(api.getContact(999_999_999))).code, 'not_found');
assert.equal((await problemOf(api.listLabels({}, { secure: false }))).code, 'unauthorized');
step('errors');

// People, and a list in pages.
for (const index of [1, 2, 3]) {
  const contact = await api.createContact({
    phone: `+9198333000${index}0`,
    name: `Page ${index}`,
    labels: ['swagger-typescript-api'],
  });
  assert.equal(contact.data.phone, `+9198333000${index}0`);
}
const seen: Contact[] = [];
for (let cursor: string | undefined, more = true; more;) {
  const page = await api.listContacts({ label: 'swagger-typescript-api', limit: 2, cursor });
  seen.push(...page.data.contacts);
  cursor = page.data.next_cursor ?? undefined;
  more = cursor !== undefined;
}
assert.equal(new Set(seen.map((contact) => contact.id)).size, 3);
const csv = await api.exportContacts({ label: 'swagger-typescript-api' }, { format: 'text' });
assert.match(csv.data, /Page 1/);
step('contacts');

// A campaign from a file, until it has ended.
await api.syncTemplates();
const templates = await api.listTemplates({ q: 'order_update' });
const [template] = templates.data.templates;
assert(template);
const draft = await api.createCampaign({
  name: 'swagger-typescript-api',
  template_id: template.id,
  parameter_mappings: { '1': 'name', '2': 'order_id' },
});
const { id } = draft.data;
const lines = ['phone,name,order_id\n+919812400001,Asha,A-1\n+919812400002,Vikram,A-2\nnonsense,X,A-3\n'];
const upload = await api.uploadCampaignCsv(id, { file: new File(lines, 'audience.csv') });
assert.deepEqual([upload.data.accepted, upload.data.invalid], [2, 1]);
await api.preflightCampaign(id);
const run = await api.runCampaign(id);
assert.equal(run.status, 202);
let campaign = draft.data;
while (campaign.status !== 'completed') {
  await new Promise((resolve) => setTimeout(resolve, 100));
  campaign = (await api.getCampaign(id)).data;
  assert(campaign.status !== 'failed' && campaign.status !== 'paused');
}
assert.equal(campaign.sent_count, 2);
const recipients = await api.listCampaignRecipients(id);
assert.equal(recipients.data.recipients.length, 3);
step('campaign');

// Sends: once, however often they are asked for.
const once = { headers: { 'Idempotency-Key': 'swagger-typescript-api-1' } };
const hello = { phone: CUSTOMER, message: 'Hello from swagger-typescript-api' };
const first = await api.sendMessage(hello, {}, once);
const again = await api.sendMessage(hello, {}, once);
assert.equal(first.data.status, 'sent');
assert.equal(again.data.message.id, first.data.message.id);
assert.equal(again.headers.get('Idempotency-Replayed'), 'true');
const other = await problemOf(api.sendMessage({ ...hello, message: 'Another' }, {}, once));
assert.equal(other.code, 'idempotency_key_reused');
const cold = await problemOf(api.sendMessage({ phone: '+919812299999', message: 'Hello' }));
assert.equal(cold.code, 'outside_service_window');
const place = await api.sendLocation({ phone: CUSTOMER, latitude: 12.97, longitude: 77.59, name: 'Office' });
assert.equal(place.data.message.message_type, 'location');
const order = await api.sendTemplate({
  phone: CUSTOMER,
  template_name: 'order_update',
  language: 'en',
  body_params: ['Asha', 'A-1'],
});
assert.equal(order.data.message.message_type, 'template');
step('sends');

// A file: uploaded, read back, sent.
const bytes = Uint8Array.from(Buffer.from(process.env.PICTURE ?? '', 'base64'));
const media = await api.uploadMedia({ file: new File([bytes], 'picture.png') });
const content = await api.getMediaContent(media.data.id, {}, { format: 'arrayBuffer' });
assert.deepEqual(new Uint8Array(content.data as unknown as ArrayBuffer), bytes);
assert(media.data.media_id);
const picture = await api.sendMedia({
  phone: CUSTOMER,
  type: 'image',
  media_id: media.data.media_id,
  caption: 'Look',
});
assert.equal(picture.data.message.message_type, 'image');
step('media');

// The inbox sees it all.
const chats = await api.listChats({ status: 'open' });
assert(chats.data.conversations.some(({ phone_number: phone }) => phone === CUSTOMER));
const thread = await api.listChatMessages(CUSTOMER);
assert(thread.data.messages.some(({ message_body: body }) => body === 'Hello from swagger-typescript-api'));
const chat = await api.updateChat(CUSTOMER, { label: label.data.id, is_resolved: true });
assert.equal(chat.data.label_name, 'swagger-typescript-api');
await api.markChatRead(CUSTOMER, {});
const gone = await api.deleteMessage(picture.data.message.id);
assert.equal(gone.status, 204);
step('inbox');

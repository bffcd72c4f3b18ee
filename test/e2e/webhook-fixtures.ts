import { WABA_ID } from '../support/journey.js';
import {
  envelope,
  messagesBody,
  newWamid,
  numberChange,
  secondsAgo,
  status,
  BUSINESS_PHONE,
  type JsonObject,
} from '../support/webhook-payloads.js';

/** One shape that Meta documents, with invented content. */
export interface Shape {
  name: string;
  body: JsonObject;
  /** The message it leaves in the inbox; none: nothing. */
  message?: { id: string; type: string; raw: JsonObject };
}

const PERSON = '919820000001';
const USER = 'IN.5550000000000000001';
const PARENT_USER = 'IN.ENT.6660000000000000001';
const TEMPLATE = {
  message_template_id: 770_000_000_000_001,
  message_template_name: 'not_one_of_ours',
  message_template_language: 'en',
};

const person = (more: JsonObject = {}): JsonObject => ({ profile: { name: 'Asha Rao' }, wa_id: PERSON, ...more });
const personOfTomorrow = person({
  profile: { name: 'Asha Rao', username: 'asha.rao' },
  user_id: USER,
  parent_user_id: PARENT_USER,
});

/** They change a message, and are none. */
const IS_CHANGE = new Set(['reaction', 'edit', 'revoke']);
/** Types that are stored under another name. */
const STORED_AS: Record<string, string> = { request_welcome: 'system', telepathy: 'unknown' };

/** An inbound message of this type, in a body of its own. */
function inbound(name: string, type: string, content: JsonObject, more: JsonObject = {}): Shape {
  const raw: JsonObject = { from: PERSON, id: newWamid(), timestamp: secondsAgo(30), type, ...content };
  return {
    name,
    body: messagesBody({ contacts: [person()], messages: [raw], ...more }),
    ...(IS_CHANGE.has(type) ? {} : { message: { id: raw.id as string, type: STORED_AS[type] ?? type, raw } }),
  };
}

/** The same from a person of whom the user id is known, and no phone. */
function inboundOfUser(name: string, type: string, content: JsonObject): Shape {
  const shape = inbound(name, type, { from_user_id: USER, from_parent_user_id: PARENT_USER, ...content });
  const raw = { ...(shape.message as NonNullable<Shape['message']>).raw };
  delete raw.from;
  return {
    name,
    body: messagesBody({
      contacts: [{ profile: { name: 'Asha Rao', username: 'asha.rao' }, user_id: USER }],
      messages: [raw],
    }),
    message: { id: raw.id as string, type, raw },
  };
}

function statusShape(name: string, kind: string, more: JsonObject = {}, beside: JsonObject = {}): Shape {
  return { name: `status ${name}`, body: messagesBody({ statuses: [status(newWamid(), kind, more)], ...beside }) };
}

function failed(code: number, title: string, details: string, more: JsonObject = {}): Shape {
  const href = '/documentation/business-messaging/whatsapp/support/error-codes';
  return statusShape(`failed with ${code}`, 'failed', {
    errors: [{ code, title, message: title, error_data: { details }, href }],
    ...more,
  });
}

/** A change of the account or the WABA: no number, but a time. */
function ofWaba(name: string, field: string, value: JsonObject): Shape {
  return { name, body: envelope([{ field, value }], WABA_ID, { time: Number(secondsAgo(60)) }) };
}

function ofNumber(name: string, field: string, value: JsonObject): Shape {
  return { name, body: envelope([numberChange(field, value)]) };
}

const media = (more: JsonObject): JsonObject => ({
  id: '660000000000001',
  sha256: 'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=',
  url: 'https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=660000000000001&ext=1&hash=x',
  ...more,
});
const quoting = { context: { from: BUSINESS_PHONE, id: newWamid() } };
const pricing = { billable: true, pricing_model: 'PMP', type: 'regular', category: 'marketing' };
const group = 'R3JvdXA6OTE5ODAwMDAwMDAx';

const TEXTS: Shape[] = [
  inbound('a text', 'text', { text: { body: 'Is it still there?' } }),
  inbound('a text beyond ASCII', 'text', { text: { body: 'Çà coûte 5 €/kg? नमस्ते 🙏 <b>&</b>' } }),
  inbound('a reply', 'text', { text: { body: 'The second one' }, ...quoting }),
  inbound('a forwarded text', 'text', { text: { body: 'Look' }, context: { forwarded: true } }),
  inbound('a text forwarded often', 'text', { text: { body: 'Look' }, context: { frequently_forwarded: true } }),
  inbound('a question about a product', 'text', {
    text: { body: 'In green?' },
    context: {
      from: BUSINESS_PHONE,
      id: newWamid(),
      referred_product: { catalog_id: '5', product_retailer_id: 'SKU-7' },
    },
  }),
  inbound('a text from an ad', 'text', {
    text: { body: 'Tell me more' },
    referral: {
      source_url: 'https://fb.me/invented',
      source_id: '120',
      source_type: 'ad',
      body: 'Fresh plants',
      headline: 'Chat with us',
      media_type: 'image',
      image_url: 'https://example.com/ad.jpg',
      ctwa_clid: 'invented-click',
      welcome_message: { text: 'Hi' },
    },
  }),
  inbound('a text from a post', 'text', {
    text: { body: 'Tell me more' },
    referral: {
      source_url: 'https://fb.me/invented',
      source_id: '121',
      source_type: 'post',
      body: 'Fresh',
      headline: 'Post',
    },
  }),
  inbound('a text in a group', 'text', { text: { body: 'Hello all' }, group_id: group }),
  inbound(
    'a text with an identity key',
    'text',
    { text: { body: 'Hi' } },
    { contacts: [person({ identity_key_hash: 'aGFzaA==' })] },
  ),
  inbound(
    'a text with phone, user id and username',
    'text',
    { text: { body: 'Hi' }, from_user_id: USER },
    { contacts: [personOfTomorrow] },
  ),
  inbound('a text without a profile', 'text', { text: { body: 'Hi' } }, { contacts: [] }),
  inboundOfUser('a text of a user without a phone', 'text', { text: { body: 'Hi' } }),
];

const MEDIA: Shape[] = [
  inbound('an image', 'image', { image: media({ mime_type: 'image/jpeg', caption: 'This one' }) }),
  inbound('a video', 'video', { video: media({ mime_type: 'video/mp4' }) }),
  inbound('a document', 'document', {
    document: media({ mime_type: 'application/pdf', filename: 'bill.pdf', caption: 'Bill' }),
  }),
  inbound('an audio file', 'audio', { audio: media({ mime_type: 'audio/mpeg', voice: false }) }),
  inbound('a voice message', 'audio', { audio: media({ mime_type: 'audio/ogg; codecs=opus', voice: true }) }),
  inbound('a sticker', 'sticker', { sticker: media({ mime_type: 'image/webp', animated: false }) }),
  inbound('an animated sticker', 'sticker', { sticker: media({ mime_type: 'image/webp', animated: true }) }),
  inboundOfUser('an image of a user without a phone', 'image', { image: media({ mime_type: 'image/jpeg' }) }),
];

const CONTENT: Shape[] = [
  inbound('a place', 'location', {
    location: { latitude: 28.6139, longitude: 77.209, name: 'Office', address: 'Delhi', url: 'https://example.com/' },
  }),
  inbound('a pin', 'location', { location: { latitude: -0.5, longitude: 10 }, ...quoting }),
  inbound('contact cards', 'contacts', {
    contacts: [
      {
        name: { formatted_name: 'Ravi Sample', first_name: 'Ravi', last_name: 'Sample' },
        phones: [{ phone: '+91 98200 00002', wa_id: '919820000002', type: 'MOBILE' }],
        emails: [{ email: 'ravi@example.com', type: 'WORK' }],
        addresses: [{ city: 'Pune', country_code: 'in' }],
        org: { company: 'Example' },
        urls: [{ url: 'https://example.com', type: 'HOME' }],
        birthday: '1990-01-01',
      },
    ],
  }),
  inbound('a phone that was asked for', 'contacts', {
    contacts: [{ origin: 'contact_request', contacts: [{ vcard: 'BEGIN:VCARD\nVERSION:3.0\nEND:VCARD' }] }],
  }),
  inbound('a reaction', 'reaction', { reaction: { message_id: newWamid(), emoji: '👍🏽' } }),
  inbound('a reaction taken back', 'reaction', { reaction: { message_id: newWamid() } }),
  inbound('a reaction taken back with empty text', 'reaction', { reaction: { message_id: newWamid(), emoji: '' } }),
  inbound('a quick reply of a template', 'button', { button: { payload: 'YES', text: 'Yes' }, ...quoting }),
  inbound('"I did not request a code"', 'button', {
    button: { payload: 'DID_NOT_REQUEST_CODE', text: "I didn't request a code" },
    from_logical_id: '131',
    ...quoting,
  }),
  inbound('a reply button', 'interactive', {
    interactive: { type: 'button_reply', button_reply: { id: 'b1', title: 'Book' } },
    ...quoting,
  }),
  inbound('a row of a list', 'interactive', {
    interactive: { type: 'list_reply', list_reply: { id: 'r1', title: 'Tuesday', description: 'Morning' } },
    ...quoting,
  }),
  inbound('a completed flow', 'interactive', {
    interactive: {
      type: 'nfm_reply',
      nfm_reply: { name: 'flow', body: 'Sent', response_json: '{"flow_token":"t-1","rating":"5 \\u2b50"}' },
    },
    ...quoting,
  }),
  inbound('an address', 'interactive', {
    interactive: {
      type: 'nfm_reply',
      nfm_reply: { name: 'address_message', body: 'Home', response_json: '{"values":{"city":"Pune"}}' },
    },
    ...quoting,
  }),
  inbound('leave to call', 'interactive', {
    interactive: {
      type: 'call_permission_reply',
      call_permission_reply: {
        response: 'accept',
        is_permanent: false,
        expiration_timestamp: 1_900_000_000,
        response_source: 'user_action',
      },
    },
    ...quoting,
  }),
  inbound(
    'an interactive reply without its content',
    'interactive',
    {},
    { errors: [{ code: 131_051, title: 'Unsupported' }] },
  ),
  inbound('an interactive reply of tomorrow', 'interactive', {
    interactive: { type: 'hologram_reply', hologram_reply: { id: 1 } },
  }),
  inbound('an order', 'order', {
    order: {
      catalog_id: '5',
      text: '',
      product_items: [{ product_retailer_id: 'SKU-7', quantity: 2, item_price: 99.5, currency: 'INR' }],
    },
  }),
  inbound('a first opening of the chat', 'request_welcome', {}),
  inbound('an edited text', 'edit', {
    edit: { original_message_id: newWamid(), message: { type: 'text', text: { body: 'Corrected' } } },
  }),
  inbound('an edited image', 'edit', {
    edit: { original_message_id: newWamid(), message: { type: 'image', image: media({ caption: 'New' }) } },
  }),
  inbound('a revoked message', 'revoke', { revoke: { original_message_id: newWamid() } }),
  inbound('something WhatsApp does not hand on', 'unsupported', {
    unsupported: { type: 'poll' },
    errors: [
      {
        code: 131_051,
        title: 'Message type unknown',
        message: 'Message type unknown',
        error_data: { details: 'Not supported.' },
      },
    ],
  }),
  inbound('a file that is too large', 'unsupported', {
    errors: [{ code: 131_052, title: 'Too big', error_data: { details: '100MB' } }],
  }),
  inbound('a type of tomorrow', 'telepathy', { telepathy: { thought: '…' } }),
];

const SYSTEM: Shape[] = [
  inbound(
    'a new phone',
    'system',
    {
      system: {
        body: 'changed',
        type: 'user_changed_number',
        wa_id: '919820000003',
        user_id: 'IN.1',
        previous_user_id: USER,
      },
    },
    { contacts: undefined },
  ),
  inbound(
    'a new user id',
    'system',
    {
      system: { body: 'changed', type: 'user_changed_user_id', wa_id: PERSON, user_id: 'IN.2', previous_user_id: USER },
    },
    { contacts: undefined },
  ),
  inbound('a new device', 'system', {
    system: { body: 'changed', type: 'customer_identity_changed' },
    identity: { acknowledged: true, created_timestamp: '1790000000', hash: 'aGFzaA==' },
  }),
  ofNumber('errors and nothing else', 'messages', {
    errors: [
      {
        code: 130_429,
        title: 'Rate limit hit',
        message: 'Rate limit hit',
        error_data: { details: 'too many' },
        href: '/x',
      },
    ],
  }),
  ofNumber('a click on a link of a marketing message', 'messages', {
    user_actions: [
      {
        action_type: 'marketing_messages_link_click',
        timestamp: secondsAgo(9),
        marketing_messages_link_click_data: { click_id: 'c' },
      },
    ],
  }),
];

const STATUSES: Shape[] = [
  statusShape('sent, with its price', 'sent', { pricing }),
  statusShape('sent, with the conversation of older versions', 'sent', {
    pricing,
    conversation: { id: 'c1', expiration_timestamp: secondsAgo(-86_000), origin: { type: 'marketing' } },
  }),
  statusShape('sent, free from an ad', 'sent', {
    conversation: { id: 'c2', origin: { type: 'referral_conversion' } },
    pricing: { ...pricing, billable: false, type: 'free_entry_point', category: 'referral_conversion' },
  }),
  statusShape('sent, with the callback data of another app', 'sent', { biz_opaque_callback_data: 'order=42;x' }),
  statusShape('sent, with an identity key', 'sent', { recipient_identity_key_hash: 'aGFzaA==' }),
  statusShape('delivered', 'delivered', { pricing }),
  statusShape(
    'delivered to a user without a phone',
    'delivered',
    { recipient_id: undefined, recipient_user_id: USER },
    { contacts: [personOfTomorrow] },
  ),
  statusShape('read', 'read', { recipient_user_id: USER }),
  statusShape('played', 'played'),
  statusShape('deleted', 'deleted'),
  statusShape('of tomorrow', 'remembered'),
  failed(131_026, 'Message undeliverable', 'Message Undeliverable.'),
  failed(131_047, 'Re-engagement message', 'More than 24 hours have passed.'),
  failed(131_049, 'Healthy ecosystem', 'Not delivered.', { recipient_user_id: USER }),
  failed(131_050, 'Opted out', 'The user stopped marketing messages.'),
  failed(130_472, 'Experiment', "User's number is part of an experiment."),
  {
    name: 'statuses of a group, one per participant',
    body: messagesBody({
      statuses: ['919820000004', '919820000005'].map((participant) =>
        status('wamid.aGVsbG8gZ3JvdXA=', 'delivered', {
          recipient_id: group,
          recipient_type: 'group',
          recipient_participant_id: participant,
          recipient_participant_user_id: `IN.${participant}`,
        }),
      ),
    }),
  },
];

const OTHER_FIELDS: Shape[] = [
  ofNumber('a wish to get no marketing', 'user_preferences', {
    contacts: [person()],
    user_preferences: [
      {
        wa_id: PERSON,
        user_id: USER,
        detail: 'Stop',
        category: 'marketing_messages',
        value: 'stop',
        timestamp: 1_790_000_000,
      },
    ],
  }),
  ofNumber('a wish to get marketing again', 'user_preferences', {
    user_preferences: [
      { user_id: USER, detail: 'Resume', category: 'marketing_messages', value: 'resume', timestamp: 1_790_000_000 },
    ],
  }),
  ofNumber('a sign-up', 'user_preferences', {
    user_preferences: [
      { wa_id: PERSON, category: 'marketing_messages', value: 'signup', signup_id: '13', timestamp: 1_790_000_000 },
    ],
  }),
  ofNumber('a sign-up in its older form', 'in_app_signup', { in_app_signup: { wa_id: PERSON, signup_id: '13' } }),
  ...[
    'APPROVED',
    'REJECTED',
    'PAUSED',
    'DISABLED',
    'FLAGGED',
    'PENDING_DELETION',
    'LIMIT_EXCEEDED',
    'ARCHIVED',
    'SOMETHING_NEW',
  ].map((event) =>
    ofWaba(`a template of somebody else: ${event}`, 'message_template_status_update', {
      event,
      ...TEMPLATE,
      message_template_category: 'MARKETING',
      reason: event === 'REJECTED' ? 'INVALID_FORMAT' : 'NONE',
      ...(event === 'PAUSED' ? { other_info: { title: 'FIRST_PAUSE', description: '3 hours' } } : {}),
      ...(event === 'DISABLED' ? { disable_info: { disable_date: 1_790_000_000 } } : {}),
      ...(event === 'REJECTED' ? { rejection_info: { reason: 'x', recommendation: 'y' } } : {}),
    }),
  ),
  ofWaba('the quality of a template', 'message_template_quality_update', {
    ...TEMPLATE,
    previous_quality_score: 'GREEN',
    new_quality_score: 'YELLOW',
  }),
  ofWaba('the components of a template', 'message_template_components_update', {
    ...TEMPLATE,
    message_template_title: 'T',
    message_template_element: 'B {{1}}',
    message_template_footer: 'F',
    message_template_buttons: [
      {
        message_template_button_type: 'URL',
        message_template_button_text: 'Go',
        message_template_button_url: 'https://example.com/',
      },
    ],
  }),
  ofWaba('a category that is going to change', 'template_category_update', {
    ...TEMPLATE,
    new_category: 'UTILITY',
    correct_category: 'MARKETING',
    category_update_timestamp: 1_790_000_000,
  }),
  ofWaba('a category that changed', 'template_category_update', {
    ...TEMPLATE,
    previous_category: 'UTILITY',
    new_category: 'MARKETING',
  }),
  ofWaba('a wrong category', 'template_correct_category_detection', {
    ...TEMPLATE,
    category: 'UTILITY',
    correct_category: 'MARKETING',
  }),
  ofWaba('the throughput of a number', 'phone_number_quality_update', {
    display_phone_number: BUSINESS_PHONE,
    event: 'THROUGHPUT_UPGRADE',
    max_daily_conversations_per_business: 'TIER_UNLIMITED',
  }),
  ofWaba('the name of a number', 'phone_number_name_update', {
    display_phone_number: BUSINESS_PHONE,
    decision: 'REJECTED',
    requested_verified_name: 'Example',
    rejection_reason: 'NAME_EMPLOYEE_ISSUE',
  }),
  ofWaba('a ban', 'account_update', {
    phone_number: BUSINESS_PHONE,
    event: 'DISABLED_UPDATE',
    ban_info: { waba_ban_state: 'SCHEDULE_FOR_DISABLE', waba_ban_date: 'December 1, 2026' },
  }),
  ofWaba('a restriction', 'account_update', {
    event: 'ACCOUNT_RESTRICTION',
    restriction_info: [{ restriction_type: 'RESTRICTED_BIZ_INITIATED_MESSAGING', expiration: 1_900_000_000 }],
  }),
  ofWaba('a violation', 'account_update', { event: 'ACCOUNT_VIOLATION', violation_info: { violation_type: 'SPAM' } }),
  {
    name: 'a partner, under the id of its portfolio',
    body: envelope(
      [
        {
          field: 'account_update',
          value: { event: 'PARTNER_ADDED', waba_info: { waba_id: WABA_ID, owner_business_id: '41' } },
        },
      ],
      '49',
    ),
  },
  ofWaba('an alert', 'account_alerts', {
    entity_type: 'WABA',
    entity_id: WABA_ID,
    alert_info: {
      alert_severity: 'INFORMATIONAL',
      alert_status: 'NONE',
      alert_type: 'OBA_APPROVED',
      alert_description: 'd',
    },
  }),
  ofWaba('a review', 'account_review_update', { decision: 'APPROVED' }),
  ofWaba('settings', 'account_settings_update', {
    timestamp: '1790000000',
    type: 'phone_number_settings',
    phone_number_settings: { phone_number_id: '3' },
  }),
  ofWaba('capabilities in words', 'business_capability_update', {
    max_daily_conversations_per_business: 'TIER_2K',
    max_phone_numbers_per_business: 20,
  }),
  ofWaba('capabilities in numbers', 'business_capability_update', {
    max_daily_conversation_per_phone: 1000,
    max_phone_numbers_per_waba: 25,
  }),
  ofWaba('a change of the PIN', 'security', {
    display_phone_number: BUSINESS_PHONE,
    event: 'PIN_CHANGED',
    requester: '61',
  }),
  ofWaba('a payment configuration', 'payment_configuration_update', {
    configuration_name: 'c',
    provider_name: 'p',
    status: 'Needs Testing',
  }),
  ofWaba('a partner solution', 'partner_solutions', {
    event: 'SOLUTION_CREATED',
    solution_id: '17',
    solution_status: 'INITIATED',
  }),
  ofWaba('a username of the business', 'business_username_update', {
    display_phone_number: BUSINESS_PHONE,
    username: 'example_plants',
    status: 'approved',
  }),
  ofWaba('a flow that was published', 'flows', {
    event: 'FLOW_STATUS_CHANGE',
    message: 'm',
    flow_id: '66',
    old_status: 'DRAFT',
    new_status: 'PUBLISHED',
  }),
  ofWaba('a flow that is slow', 'flows', {
    event: 'ENDPOINT_LATENCY',
    flow_id: '66',
    p90_latency: 8000,
    p50_latency: 500,
    requests_count: 34,
    threshold: 7000,
    alert_state: 'ACTIVATED',
  }),
  ofNumber('a purchase', 'automatic_events', {
    automatic_events: [
      {
        id: newWamid(),
        event_name: 'Purchase',
        timestamp: 1_790_000_000,
        custom_data: { currency: 'INR', value: 250 },
      },
    ],
  }),
  ofNumber('a call that comes in', 'calls', {
    contacts: [person()],
    calls: [
      {
        id: 'wacid.x1',
        from: PERSON,
        to: BUSINESS_PHONE,
        event: 'connect',
        timestamp: '1790000000',
        direction: 'USER_INITIATED',
        session: { sdp: 'v=0', sdp_type: 'offer' },
      },
    ],
  }),
  ofNumber('a call that rings', 'calls', {
    statuses: [{ id: 'wacid.x2', timestamp: '1790000000', type: 'call', status: 'RINGING', recipient_id: PERSON }],
  }),
  ofNumber('a call that ended', 'calls', {
    calls: [{ id: 'wacid.x1', event: 'terminate', status: 'COMPLETED', duration: 12 }],
  }),
  ofNumber('a group', 'group_lifecycle_update', {
    groups: [
      {
        timestamp: '1790000000',
        group_id: group,
        type: 'group_create',
        request_id: 'r',
        subject: 's',
        invite_link: 'https://example.com',
      },
    ],
  }),
  ofNumber('a participant', 'group_participants_update', {
    groups: [
      {
        group_id: group,
        type: 'group_participants_add',
        reason: 'invite_link',
        added_participants: [{ wa_id: PERSON }],
      },
    ],
  }),
  ofNumber('settings of a group', 'group_settings_update', {
    groups: [
      {
        group_id: group,
        type: 'group_settings_update',
        group_subject: { text: 's', update_successful: false, errors: [{ code: 131_207 }] },
      },
    ],
  }),
  ofNumber('a suspended group', 'group_status_update', { groups: [{ group_id: group, type: 'group_suspend' }] }),
  ofNumber('history', 'history', {
    history: [
      {
        metadata: { phase: 0, chunk_order: 1, progress: 55 },
        threads: [
          {
            id: PERSON,
            messages: [
              {
                from: BUSINESS_PHONE,
                id: newWamid(),
                timestamp: '1789000000',
                type: 'text',
                text: { body: 'old' },
                history_context: { status: 'READ' },
              },
            ],
          },
        ],
      },
    ],
  }),
  ofNumber('history that is not shared', 'history', {
    history: [{ errors: [{ code: 2_593_109, title: 'declined', message: 'declined' }] }],
  }),
  ofNumber('media of the history', 'history', {
    messages: [
      {
        from: PERSON,
        id: newWamid(),
        timestamp: '1789000000',
        type: 'image',
        image: media({ mime_type: 'image/jpeg' }),
      },
    ],
  }),
  ofNumber('an echo from the phone app', 'smb_message_echoes', {
    message_echoes: [
      {
        from: BUSINESS_PHONE,
        to: PERSON,
        id: newWamid(),
        timestamp: secondsAgo(3),
        type: 'text',
        text: { body: 'From the phone' },
      },
    ],
  }),
  ofNumber('the address book of the phone app', 'smb_app_state_sync', {
    state_sync: [
      {
        type: 'contact',
        contact: { full_name: 'Asha Rao', phone_number: PERSON },
        action: 'add',
        metadata: { timestamp: '1790000000' },
      },
    ],
  }),
  ofNumber('a copy for who only listens', 'standby', {
    standby: {
      contacts: [person()],
      messages: [{ from: PERSON, id: newWamid(), timestamp: secondsAgo(3), type: 'text', text: { body: 'x' } }],
    },
  }),
  {
    name: 'a thread that was handed over',
    body: envelope([
      {
        field: 'messaging_handovers',
        value: {
          messaging_product: 'whatsapp',
          type: 'control_passed',
          sender: { phone_number: PERSON },
          recipient: { phone_number_id: '3' },
          timestamp: '1790000000',
          control_passed: { metadata: 'm' },
        },
      },
    ]),
  },
  ofNumber('a user id that changed', 'user_id_update', {
    user_id_update: [{ wa_id: PERSON, user_id: { previous: USER, current: 'IN.3' }, timestamp: '1790000000' }],
  }),
  ofWaba('a field of tomorrow', 'some_future_field', { anything: { goes: [true, null, 1.5] } }),
  ofWaba('a field named like a property of every object', 'constructor', { anything: 1 }),
  ofWaba('another of those', '__proto__', { anything: 1 }),
];

/** Every family of shapes that Meta documents, and some that it may think of. */
export const SHAPES: readonly Shape[] = [...TEXTS, ...MEDIA, ...CONTENT, ...SYSTEM, ...STATUSES, ...OTHER_FIELDS];

/** Fills a database with people, conversations and messages as an inbox has them: set-based, the same on every run. */

const FIRST_NAMES =
  'Priya Rahul Anjali Amit Neha Vikram Pooja Suresh Kavya Arjun Divya Rohan Meera Sanjay Lakshmi Karthik Fatima Imran Ayesha ' +
  'Omar Maria José Ana Carlos Sofia Lucas Chloé Zoë Björn Jürgen Émile Wanjiru Kwame Chidi Amara Siti Budi Dewi Linh Minh ' +
  'राम सीता प्रिया अमित 美玲 伟 محمد فاطمة';
const LAST_NAMES =
  'Kumar Sharma Singh Patel Reddy Nair Iyer Gupta Khan Das Mehta Joshi Rao Bose Pillai Silva Santos García Müller Okafor Mensah ' +
  'Wijaya Nguyen Tan कुमार शर्मा سالم';

/** The commonest words of a shop's inbox; behind them stand made-up ones, each rarer than the one before. */
const WORDS =
  'the order please thank you is my when will delivery payment ok yes no hello price size available today tomorrow address call ' +
  'received refund exchange color invoice return shipping coupon नमस्ते धन्यवाद शुक्रिया कीमत شكرا السعر طلب gracias precio envío';
const SYLLABLES =
  'ba be bi bo bu da de di do ka ke ki ko ku la le li lo ma me mi mo na ne ni no pa pe pi po ra re ri ro sa se si so ta te';
const VOCABULARY = 4_000;
const SENTENCES = 50_000;

/** A word that stands in nearly every message, one in a few hundred, and one in seven of all. */
export const COMMON_WORD = 'order';
export const MIDDLE_WORD = 'coupon';
export const RARE_WORD = 'xylograph';
export const COMMON_NAME = 'Kumar';
export const RARE_NAME = 'Quillfeather';

/** @param accountIds the first gets nearly everything, the second a hundredth */
export async function fillInbox(client, conversations, accountIds) {
  const messages = conversations * 10;
  await client.query(`select setseed(0.42)`);
  await client.query(`create temp table bench_sentences (n int primary key, body text)`);
  const sentences = makeSentences();
  await client.query('insert into bench_sentences select * from unnest($1::int[], $2::text[])', [
    sentences.map((_, index) => index),
    sentences,
  ]);
  await client.query(`insert into labels (name, color) values ('VIP', 'amber'), ('Lead', 'sky'), ('Complaint', 'red')`);
  await client.query(
    `insert into contacts (identity_key, phone, name)
     select 'phone:+91' || (9000000000 + n * 37), '+91' || (9000000000 + n * 37),
       case when n % 50000 = 777 then $2 || ' ' || n
         else ($3::text[])[1 + floor(power(random(), 1.5) * cardinality($3::text[]))] || ' ' ||
           ($4::text[])[1 + floor(power(random(), 1.5) * cardinality($4::text[]))] end
     from generate_series(1, $1) n`,
    [conversations, RARE_NAME, FIRST_NAMES.split(' '), LAST_NAMES.split(' ')],
  );
  await client.query(
    `insert into contact_identities (contact_id, kind, scope, value) select id, 'phone', '', phone from contacts
     union all select id, 'username', 'bench', 'user.' || id from contacts where id % 10 = 0`,
  );
  await client.query(
    `insert into conversations (account_id, contact_id, is_resolved, label_id, assigned_to, created_at)
     select case when id % 100 = 99 then $2::bigint else $1::bigint end, id, random() < 0.9,
       case when random() < 0.02 then 1 when random() < 0.1 then 2 when random() < 0.001 then 3 end,
       case when random() < 0.3 then 'agent' || floor(random() * 20) || '@example.com' end, now() - interval '3 years'
     from contacts`,
    accountIds.slice(0, 2),
  );
  await client.query(
    `insert into contact_accounts (account_id, contact_id) select account_id, contact_id from conversations`,
  );
  // The newest message has the highest id; some conversations are long, most are short.
  await client.query(
    `insert into messages (account_id, conversation_id, contact_id, direction, message_type, message_body, status, message_id,
       timestamp, sent_at, delivered_at, content)
     select c.account_id, c.id, c.contact_id, m.direction, m.type, m.body, m.status, 'wamid.bench' || m.n, m.at, m.at, m.at,
       jsonb_build_object('type', m.type, m.type, jsonb_build_object('body', m.body))
     from (
       select g.n, 1 + floor(power(random(), 2) * $1::bigint)::bigint as conversation,
         case when random() < 0.5 then 'inbound' else 'outbound' end as direction,
         case when random() < 0.03 then 'image' when random() < 0.02 then 'reaction' else 'text' end as type,
         case when random() < 0.9 then 'read' when random() < 0.9 then 'delivered' else 'failed' end as status,
         s.body || case when g.n % 3 = 0 then ' ORD-' || g.n else '' end
           || case when g.n % ($2::bigint / 7) = 11 then ' ${RARE_WORD}' else '' end as body,
         date_trunc('milliseconds', now() - make_interval(secs => ($2::bigint - g.n) * 30 + random() * 20)) as at
       from (select n, floor(random() * ${SENTENCES})::int as sentence from generate_series(1, $2::bigint) n offset 0) g
       join bench_sentences s on s.n = g.sentence
     ) m
     join conversations c on c.id = 1 + (m.conversation * 7919) % $1::bigint
     order by m.n`,
    [conversations, messages],
  );
  await client.query(
    `update conversations c set last_message_id = m.id, last_message_at = m.timestamp, last_inbound_at = m.inbound_at,
       unread_count = case when c.id % 200 = 0 then 3 else 0 end
     from (select distinct on (conversation_id) conversation_id, id, timestamp,
             max(timestamp) filter (where direction = 'inbound') over (partition by conversation_id) as inbound_at
           from messages order by conversation_id, timestamp desc, id desc) m
     where m.conversation_id = c.id`,
  );
  for (const table of ['contacts', 'contact_identities', 'conversations', 'messages', 'labels']) {
    await client.query(`vacuum (analyze) ${table}`);
  }
  return { conversations, messages };
}

/** Words by rank: the one at rank r is as common as 1/r. */
function makeSentences() {
  const random = seeded(7);
  const words = WORDS.split(' ');
  const syllables = SYLLABLES.split(' ');
  const pick = (list) => list[Math.floor(random() * list.length)];
  while (words.length < VOCABULARY) {
    words.push(pick(syllables) + pick(syllables) + pick(syllables));
  }
  const word = () => words[Math.floor(VOCABULARY ** random()) - 1] ?? words[0];
  return Array.from({ length: SENTENCES }, () => {
    const text = Array.from({ length: 3 + Math.floor(random() * 15) }, word).join(' ');
    return text[0].toUpperCase() + text.slice(1) + pick(['.', '!', '?', ' 🙏', '']);
  });
}

function seeded(seed) {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

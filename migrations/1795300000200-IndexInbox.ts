import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What the lists and searches of the inbox walk along. */
export class IndexInbox1795300000200 implements MigrationInterface {
  name = 'IndexInbox1795300000200';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [CONVERSATIONS, SEARCH]) {
      await runner.query(statement);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop index contacts_words_idx, messages_words_idx, messages_recent_idx;
      drop function search_words;
      drop index conversations_recent_idx, conversations_label_idx, conversations_unread_idx, conversations_resolved_idx,
        conversations_assigned_idx;
      alter table conversations drop column activity_at;
      create index conversations_recent_idx on conversations (account_id, last_message_at desc, id desc)
        where last_message_at is not null;
      create index conversations_label_id_idx on conversations (label_id) where label_id is not null;
    `);
  }
}

const CONVERSATIONS = `
-- Where a conversation stands in the list: a chat whose first send failed has a place too. Nothing that is deleted moves it
-- back, so a reader who pages from the newest to the oldest meets no conversation twice.
drop index conversations_recent_idx, conversations_label_id_idx;
alter table conversations
  add column activity_at timestamptz(3) not null generated always as (coalesce(last_message_at, created_at)) stored;
create index conversations_recent_idx on conversations (account_id, activity_at desc, id desc);
-- One for each filter: whatever few conversations it leaves are found without walking past the others.
create index conversations_label_idx on conversations (label_id, account_id, activity_at desc, id desc) where label_id is not null;
create index conversations_unread_idx on conversations (account_id, activity_at desc, id desc) where unread_count > 0;
create index conversations_resolved_idx on conversations (account_id, is_resolved, activity_at desc, id desc);
create index conversations_assigned_idx on conversations (account_id, assigned_to, activity_at desc, id desc);
`;

const SEARCH = String.raw`
-- The words of a text, for searches in any script. PostgreSQL's own parser would keep "ORD-123" as "ord" and "-123" and, where
-- LC_CTYPE is C (as in our own databases), glue "।", "”" and emoji to the words beside them; so everything that is no letter,
-- digit or mark becomes a space first. Scripts that are written without spaces are taken character by character.
-- Not strict: a strict function cannot be inlined. The classes stand in src/inbox/search-words.ts once more.
create function search_words(body text) returns tsvector language sql immutable parallel safe as $fn$
  select to_tsvector('simple'::regconfig, regexp_replace(
    regexp_replace(lower(left(body, 10000)),
      '[\u0021-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00a9\u00ab-\u00b4\u00b6-\u00b9\u00bb-\u00bf\u060c\u061b\u061f\u06d4\u0964\u0965\u2000-\u206f\u20a0-\u20cf\u2190-\u2bff\u3000-\u3004\u3008-\u3020\ufe00-\ufe0f\uff00-\uff0f\uff1a-\uff20\uff5b-\uff65\U0001f000-\U0001faff]',
      ' ', 'g'),
    '([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff])', ' \1 ', 'g'))
$fn$;
-- Without what campaigns sent: a thousand equal texts are nothing anybody looks for, and would be most of both indexes.
-- Appended to a list first and merged in bulk; a short list, so that neither a search nor the insert that merges it waits long.
create index messages_words_idx on messages using gin (search_words(message_body)) with (gin_pending_list_limit = 1024)
  where campaign_id is null;
create index messages_recent_idx on messages (account_id, timestamp desc, id desc) where campaign_id is null;
create index contacts_words_idx on contacts using gin (search_words(name)) with (gin_pending_list_limit = 256);
`;

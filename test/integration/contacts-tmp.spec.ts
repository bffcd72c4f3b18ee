import { createDocument } from '../../src/http/document.js';
import { startTestApp } from '../support/app.js';
it('doc and perf', async () => {
  const api = await startTestApp();
  const doc = createDocument(api.app);
  process.stdout.write(Object.keys(doc.components?.schemas ?? {}).join(' ') + '\n' + JSON.stringify(doc.components?.schemas?.CreateContact).slice(0, 1500) + '\n' + JSON.stringify(doc.components?.schemas?.Template).slice(0, 1500) + '\n' + Object.keys(doc.paths).join(' ') + '\n');
  await api.db.query(`insert into accounts (name, phone_number_id, verify_token, access_token) select 'A' || i, i::text, 'x' || i, 'x' from generate_series(1, 3) i`);
  await api.db.query(`insert into contacts (identity_key, phone, name, email, opted_out) select 'phone:+91' || (9000000000 + i), '+91' || (9000000000 + i), md5(i::text), md5(i::text || 'x') || '@example.com', i % 50 = 0 from generate_series(1, 300000) i`);
  await api.db.query(`insert into contact_identities (contact_id, kind, value) select id, 'phone', phone from contacts`);
  await api.db.query(`insert into contact_accounts select 1 + (id % 1000 = 7)::int, id from contacts`);
  await api.db.query(`insert into labels (name) values ('Few'), ('Many')`);
  await api.db.query(`insert into contact_labels select id, 1 from contacts where id % 10000 = 0 union all select id, 2 from contacts where id % 2 = 0`);
  await api.db.query('analyze');
  const { ContactsRepository } = await import('../../src/contacts/contacts.repository.js');
  const repo = new ContactsRepository();
  for (const filter of [{}, { q: 'abcdef' }, { q: 'ab' }, { q: '90001234' }, { q: 'zzzzz' }, { label: 'Few' }, { label: 'Many' }, { label: 'none' }, { optedOut: true }, { accountIds: [2] }, { accountIds: [1] }, { accountIds: [1, 2] }, { accountIds: [3] }, { accountIds: [2], q: 'abc' }, {beforeId: 150000}]) {
    const t0 = performance.now();
    const rows = await repo.list(api.db, { accountIds: [], beforeId: null, ...filter }, 'p', 51);
    process.stdout.write(JSON.stringify(filter) + ' ' + rows.length + ' ' + (performance.now() - t0).toFixed(1) + 'ms\n');
  }
  await api.close();
}, 120000);

import { DataSource } from 'typeorm';
import { PeopleRepository } from '../../src/contacts/people.repository.js';
import { PeopleService } from '../../src/contacts/people.service.js';
import { Database } from '../../src/database/database.js';
import { dataSourceOptions } from '../../src/database/options.js';
import { createTestDatabase } from '../support/database.js';
import type { PhoneNumber } from '../../src/common/phone-number.js';
it('stress', async () => {
  const t = await createTestDatabase();
  const ds = await new DataSource(dataSourceOptions({ url: t.url, applicationName: 'x', poolSize: 20 })).initialize();
  const db = new Database(ds);
  const [a] = await db.query<{id:number}>(`insert into accounts (name, phone_number_id, verify_token) values ('A','1','a') returning id`);
  const people = new PeopleService(new PeopleRepository());
  const account = { id: a!.id, portfolio: 'p' };
  let attempts = 0; const t0 = Date.now(); let errors: string[] = [];
  for (let wave = 0; wave < 10; wave++) {
    const crowd = Array.from({ length: 200 }, (_, i) => ({ phone: `+9199${wave}${String(i).padStart(6, '0')}` as PhoneNumber, userId: `IN.${wave}${1000 + ((i * 37) % 200)}` }));
    await Promise.all(Array.from({ length: 40 }, () => {
      const batch = crowd.filter(() => Math.random() < 0.5).map((p) => { const r = Math.random(); return { phone: r < 0.2 ? null : p.phone, userId: r > 0.8 ? null : p.userId, name: Math.random() < 0.5 ? 'N' : null, username: Math.random() < 0.3 ? 'u' + p.userId : null }; }).sort(() => Math.random() - 0.5);
      return db.transaction((tx) => { attempts++; return people.ensure(tx, account, batch); }).catch((e: Error) => { errors.push(e.message); });
    }));
  }
  const [n] = await db.query<{n:number; orphans: number}>(`select count(*)::int n, count(*) filter (where not exists (select 1 from contact_identities i where i.contact_id=c.id))::int orphans from contacts c`);
  await new Promise((r) => setTimeout(r, 1500));
  const [d] = await db.query(`select deadlocks from pg_stat_database where datname = current_database()`);
  process.stdout.write(JSON.stringify({ n, attempts, d, ms: Date.now() - t0, errors: errors.slice(0, 5), nerr: errors.length }) + '\n');
  await ds.destroy(); await t.drop();
}, 120000);

import { Injectable } from '@nestjs/common';
import type { AccountScope } from '../contacts/person.js';
import type { Queryable } from '../database/database.js';

/** Accounts as an import needs them: `AccountsService` leaves out those without a readable token, whose threads come in too. */
@Injectable()
export class DjangoAccountsRepository {
  /** By the ids over there; deleted ones are left out. */
  async findImported(q: Queryable, importId: number): Promise<Map<number, AccountScope>> {
    const rows = await q.query<{ source_id: number } & AccountScope>(
      `select r.source_id, a.id, coalesce(a.portfolio_id, a.waba_id, a.phone_number_id) as portfolio
       from imported_rows r join accounts a on a.id = r.target_id and a.deleted_at is null
       where r.import_id = $1 and r.model = 'account' order by r.source_id`,
      [importId],
    );
    return new Map(rows.map(({ source_id: sourceId, ...account }) => [sourceId, account]));
  }

  async find(q: Queryable, id: number): Promise<AccountScope | null> {
    const [row] = await q.query<AccountScope>(
      `select id, coalesce(portfolio_id, waba_id, phone_number_id) as portfolio from accounts
       where id = $1 and deleted_at is null`,
      [id],
    );
    return row ?? null;
  }

  /**
   * Who has what names no account over there. Such rows are of the number in Django's settings: that is the account of the
   * environment here, if there is one; else the first active one that was brought in; else the only one that is here.
   */
  async findDefault(q: Queryable, importId: number): Promise<AccountScope | null> {
    const [row] = await q.query<AccountScope>(
      `select a.id, coalesce(a.portfolio_id, a.waba_id, a.phone_number_id) as portfolio
       from accounts a
       left join (select target_id, min(source_id) as source_id from imported_rows
                  where import_id = $1 and model = 'account' group by target_id) r on r.target_id = a.id
       where a.deleted_at is null
         and (a.managed_by = 'environment' or r.source_id is not null
           or (select count(*) from accounts where deleted_at is null) = 1)
       order by a.managed_by = 'environment' desc, a.is_active desc, r.source_id nulls last, a.id
       limit 1`,
      [importId],
    );
    return row ?? null;
  }

  /** Gives the default account the imported contacts that no account knows. @returns how many, up to the limit */
  async linkStrays(
    q: Queryable,
    importId: number,
    accountId: number,
    afterId: number,
    limit: number,
  ): Promise<{ linked: number; lastId: number | null }> {
    const [row] = await q.query<{ linked: number; lastId: number | null }>(
      `with next as materialized (
         select distinct r.target_id from imported_rows r
         where r.import_id = $1 and r.model = 'contact' and r.target_id > $3
         order by r.target_id limit $4
       ), linked as (
         insert into contact_accounts (account_id, contact_id)
         select $2, c.id from next join contacts c on c.id = next.target_id
         where not exists (select from contact_accounts a where a.contact_id = c.id)
         order by c.id on conflict do nothing returning contact_id
       )
       select (select count(*)::int from linked) as linked, (select max(target_id) from next) as "lastId"`,
      [importId, accountId, afterId, limit],
    );
    return row as { linked: number; lastId: number | null };
  }
}

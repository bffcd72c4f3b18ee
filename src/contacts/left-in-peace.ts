/**
 * Who is left in peace by an account's campaigns, and why: a query to embed, with `contact_id` (each once) and `reason`.
 * @param account the parameter with the account's id, with its type
 */
export function leftInPeace(account: string): string {
  return `
    select c.id as contact_id, 'opted_out' as reason from contacts c where c.opted_out
    union all
    select b.contact_id, 'blocked' from contact_accounts b
    where b.account_id = ${account} and b.is_blocked
      and not exists (select 1 from contacts c where c.id = b.contact_id and c.opted_out)`;
}

/**
 * Every phone of those people, under whatever identity they are known, so that an audience of a million is cleaned by one
 * statement: `phone` (each once) and `reason`.
 */
export function phonesLeftInPeace(account: string): string {
  return `
    select i.value as phone, l.reason
    from (${leftInPeace(account)}) l join contact_identities i on i.contact_id = l.contact_id and i.kind = 'phone'`;
}

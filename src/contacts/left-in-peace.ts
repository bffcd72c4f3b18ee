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
 * Every phone and user id of those people, as campaigns know their recipients (`phone:+91…`, `user:IN.1349…`), so that an
 * audience of a million is cleaned by one statement: `identity` (each once) and `reason`.
 * @param portfolio the parameter with the account's portfolio: to others its user ids say nothing
 */
export function identitiesLeftInPeace(account: string, portfolio: string): string {
  return `
    select case i.kind when 'phone' then 'phone:' else 'user:' end || i.value as identity, l.reason
    from (${leftInPeace(account)}) l join contact_identities i on i.contact_id = l.contact_id
    where i.kind = 'phone' or (i.kind in ('user_id', 'parent_user_id') and i.scope = ${portfolio})`;
}

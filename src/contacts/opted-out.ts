/**
 * Every phone of people who opted out of marketing, under whatever identity they are known: a query to embed, so that an
 * audience of a million is cleaned by one statement.
 */
export const OPTED_OUT_PHONES = `
  select i.value as phone
  from contacts c join contact_identities i on i.contact_id = c.id and i.kind = 'phone'
  where c.opted_out`;

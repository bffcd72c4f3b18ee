import type { AccountResolver } from '../../accounts/account-resolver.js';
import type { ParleyRequest } from '../../http/principal.js';
import type { EndpointView } from './endpoint.js';

/** Whether the request names an account; none stands in for it. */
export function namesAccount({ headers, body, query }: ParleyRequest): boolean {
  return (
    headers['x-account-id'] !== undefined ||
    [body, query].some((part) => (part as { account_id?: unknown } | null | undefined)?.account_id !== undefined)
  );
}

/**
 * Which endpoints the request sees: those of the account it names, else of all that the key may use.
 * @throws `404 account_not_found`
 */
export async function viewOf(request: ParleyRequest, accounts: AccountResolver): Promise<EndpointView> {
  if (namesAccount(request)) {
    return [(await accounts.current()).id];
  }
  const { accountIds } = accounts.principal;
  return accountIds.length === 0 ? null : accountIds;
}

import ipaddr from 'ipaddr.js';

/** Global unicast, the only part of IPv6 that is given out to networks. Source: IANA, IPv6 address space. */
const GLOBAL_V6 = ipaddr.parseCIDR('2000::/3') as [ipaddr.IPv6, number];

/**
 * Does an address, as a resolver answers it, lead into the public internet? Everything else is refused: loopback, private
 * and link-local networks (where clouds keep their credentials), and whatever carries another address in itself.
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) {
    return false;
  }
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== 'unicast') {
    return false;
  }
  return parsed instanceof ipaddr.IPv4 || parsed.match(...GLOBAL_V6);
}

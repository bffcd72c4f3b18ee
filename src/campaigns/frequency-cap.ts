/** Conditions to embed. */
export interface CapConditions {
  /** When the cap's hours began. */
  since: string;
  /**
   * Of a recipient `r`: it got its message within the hours, or may have: it is on its way, or its outcome was lost then, even
   * if nobody waits for it any more.
   */
  isReached: string;
  /** Of a message `m`: the same, of a campaign that was deleted and its recipients with it. */
  isOfDeleted: string;
}

/** What counts towards a frequency cap; sending and preflight ask the same. @param hours the parameter with the cap's hours */
export function capConditions(hours: string): CapConditions {
  const since = `now() - make_interval(hours => ${hours}::int)`;
  return {
    since,
    isReached: `(r.phase = 1 or (r.phase = 2 and r.sent_at > ${since}) or r.unknown_at > ${since})`,
    isOfDeleted: `(m.campaign_id is not null and m.timestamp > ${since}
      and m.status in ('sent', 'delivered', 'read', 'unknown')
      and not exists (select 1 from campaigns c where c.id = m.campaign_id))`,
  };
}

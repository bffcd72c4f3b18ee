/** The header `webhook-id`: the same for all attempts, and for all endpoints that are told of the event. */
export function messageIdOf(seq: number): string {
  return `evt_${seq}`;
}

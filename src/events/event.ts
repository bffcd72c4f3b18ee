/** An event with its place in the order in which all readers see events. */
export interface NumberedEvent {
  /** Ascending, with gaps; the id on the wire. */
  seq: number;
  type: string;
  accountId: number | null;
  createdAt: Date;
  payload: Record<string, unknown>;
}

/** An event on the wire: `data` of a frame, and an element of a page. */
export interface EventBody {
  id: string;
  type: string;
  timestamp: string;
  account_id: number | null;
  data: Record<string, unknown>;
}

export function toEventBody(event: NumberedEvent): EventBody {
  return {
    id: String(event.seq),
    type: event.type,
    timestamp: event.createdAt.toISOString(),
    account_id: event.accountId,
    data: event.payload,
  };
}

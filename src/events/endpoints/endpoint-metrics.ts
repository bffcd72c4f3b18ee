import { counter, histogram } from '../../common/metrics.js';

export const deliveriesTotal = counter(
  'parley_webhook_deliveries_total',
  'Attempts to tell webhook endpoints of events, by what became of the delivery',
  ['outcome'],
);
export const deliverySeconds = histogram(
  'parley_webhook_delivery_seconds',
  'Time that webhook endpoints took to answer',
  [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15],
);
export const deliveryLag = histogram(
  'parley_webhook_delivery_lag_seconds',
  'Time from an event to its first attempt at a webhook endpoint',
  [0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60, 300, 3_600],
);
export const endpointsDisabled = counter(
  'parley_webhook_endpoints_disabled_total',
  'Webhook endpoints that were disabled because of how they answer',
  ['reason'],
);
export const eventsHandedOut = counter(
  'parley_webhook_events_handed_out_total',
  'Events that were matched with webhook endpoints',
);

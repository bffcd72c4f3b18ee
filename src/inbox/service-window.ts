/** Free-form messages may follow a customer's message for this long. Source: Meta's customer service windows page. */
export const SERVICE_WINDOW_HOURS = 24;

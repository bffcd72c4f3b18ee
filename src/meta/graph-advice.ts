/**
 * What a caller can do about a refusal of Meta's, by its subcode or code: one sentence or two, where Meta's own words do not
 * say it. Source of each: Meta's error tables and the page of the area.
 */
export const GRAPH_ADVICE: Readonly<Record<number, string>> = {};

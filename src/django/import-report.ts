/** What is brought in, in the order in which one needs the other. */
export const KINDS = [
  'accounts',
  'labels',
  'api_keys',
  'templates',
  'signups',
  'contacts',
  'media',
  'conversations',
  'messages',
  'campaigns',
  'recipients',
  'products',
  'blocked',
  'block_flags',
  'flows',
  'flow_responses',
] as const;
export type KindName = (typeof KINDS)[number];

/** How often something was the case, and the first ids over there. */
export interface Reason {
  count: number;
  source_ids: number[];
}

/** `read = created + updated + unchanged + merged + kept + skipped`. */
export interface KindReport {
  read: number;
  created: number;
  /** Changed there since the last import, and not here. */
  updated: number;
  unchanged: number;
  /** Became part of something that was here, or that another row became before. */
  merged: number;
  /** Changed there, but changed or deleted here too: what is here stays. */
  kept: number;
  skipped: number;
  /** Why rows were skipped. */
  skipped_because: Record<string, Reason>;
  /** What was put right in rows that are in, or left out of them. */
  cleaned: Record<string, Reason>;
  /** With what rows were merged, where that is worth telling. */
  merged_because: Record<string, Reason>;
}

export interface ImportReport {
  /** By what the database is known again. */
  source: string;
  dry_run: boolean;
  /** Account here that has what names none over there; null: such rows are skipped. */
  default_account_id: number | null;
  kinds: Partial<Record<KindName, KindReport>>;
  /** Contacts whom no account knew, given to the default account. */
  contacts_linked: number;
  /** Rows over there that are not brought in. */
  not_imported: Record<string, number>;
  /** Of this source, all runs together. */
  rows_known: number;
}

const EXAMPLES = 5;

/** Counts what becomes of the rows of a batch; thrown away when the batch is. */
export class Tally {
  readonly report: KindReport = emptyReport();

  created(): void {
    this.report.created += 1;
  }

  updated(): void {
    this.report.updated += 1;
  }

  unchanged(): void {
    this.report.unchanged += 1;
  }

  kept(): void {
    this.report.kept += 1;
  }

  merged(sourceId: number, reason?: string): void {
    this.report.merged += 1;
    if (reason) {
      note(this.report.merged_because, reason, sourceId);
    }
  }

  skipped(sourceId: number, reason: string): void {
    this.report.skipped += 1;
    note(this.report.skipped_because, reason, sourceId);
  }

  cleaned(sourceId: number, reason: string): void {
    note(this.report.cleaned, reason, sourceId);
  }
}

export function emptyReport(): KindReport {
  return {
    read: 0,
    created: 0,
    updated: 0,
    unchanged: 0,
    merged: 0,
    kept: 0,
    skipped: 0,
    skipped_because: {},
    cleaned: {},
    merged_because: {},
  };
}

/** Adds what one batch came to. */
export function addReport(sum: KindReport, more: KindReport): void {
  for (const field of ['read', 'created', 'updated', 'unchanged', 'merged', 'kept', 'skipped'] as const) {
    sum[field] += more[field];
  }
  for (const field of ['skipped_because', 'cleaned', 'merged_because'] as const) {
    for (const [reason, { count, source_ids: ids }] of Object.entries(more[field])) {
      const known = (sum[field][reason] ??= { count: 0, source_ids: [] });
      known.count += count;
      known.source_ids = [...known.source_ids, ...ids].slice(0, EXAMPLES);
    }
  }
}

function note(reasons: Record<string, Reason>, reason: string, sourceId: number): void {
  const known = (reasons[reason] ??= { count: 0, source_ids: [] });
  known.count += 1;
  if (known.source_ids.length < EXAMPLES) {
    known.source_ids.push(sourceId);
  }
}

import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import type { PhoneNumber } from '../../common/phone-number.js';
import { LOGGER } from '../../config/logger.module.js';
import { Database, type Tx } from '../../database/database.js';
import { ConsentService } from '../consent.service.js';
import { LabelsService } from '../labels.service.js';
import { PeopleService } from '../people.service.js';
import type { EnsuredPerson } from '../person.js';
import type { ContactLine } from './contact-file.js';
import { ImportedPeopleRepository, type LockedPerson } from './imported-people.repository.js';
import { ImportsRepository, type ClaimedImport } from './imports.repository.js';

/** Lines per transaction. */
export const IMPORT_BATCH = 5_000;
/** Whoever has not ended a batch by then is dead, and the next may go on. */
const DEAD_AFTER_S = 3;
const MAX_ATTEMPTS = 10;
const RETRY_AFTER_S = 3;
const SOURCE = 'import';

/** `busy`: somebody else works on it; `failed`: the batch is tried again later. */
export type Step = 'more' | 'done' | 'busy' | 'failed';

/** What the lines of a batch say of one person together. */
interface Imported {
  person: EnsuredPerson;
  name: string;
  email: string;
  notes: string;
  labels: string[];
  optedOut: boolean;
}

/** Makes contacts of lines that wait. Whoever runs it, and however often it is killed: each line counts once. */
@Injectable()
export class ImportRunner {
  constructor(
    private readonly database: Database,
    private readonly imports: ImportsRepository,
    private readonly repository: ImportedPeopleRepository,
    private readonly people: PeopleService,
    private readonly labels: LabelsService,
    private readonly consent: ConsentService,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Works on one batch: its effects and its counts are one transaction. */
  async step(id: number): Promise<Step> {
    try {
      return await this.database.transaction((tx) => this.take(tx, id));
    } catch (error) {
      this.logger.error({ context: 'ImportRunner', import: id, err: error }, 'a batch of an import failed');
      await this.imports.postpone(this.database, id, MAX_ATTEMPTS, RETRY_AFTER_S);
      return 'failed';
    }
  }

  private async take(tx: Tx, id: number): Promise<Step> {
    const claimed = await this.imports.claim(tx, id);
    if (!claimed) {
      return 'busy';
    }
    const lines = await this.imports.takeLines(tx, id, IMPORT_BATCH);
    const created = lines.length > 0 ? await this.apply(tx, claimed, lines) : 0;
    const isLast = lines.length < IMPORT_BATCH;
    const done = { upToLine: lines.at(-1)?.line ?? 0, lines: lines.length, created, isLast };
    await this.imports.advance(tx, id, done, DEAD_AFTER_S);
    return isLast ? 'done' : 'more';
  }

  /** @returns how many people are new */
  private async apply(tx: Tx, claimed: ClaimedImport, lines: readonly ContactLine[]): Promise<number> {
    const account = { id: claimed.accountId, portfolio: claimed.portfolio };
    const people = await this.people.ensure(
      tx,
      account,
      // Names are written below, where later lines win and what is known may be replaced.
      lines.map((line) => ({ phone: line.phone as PhoneNumber | null, userId: line.userId })),
    );
    const imported = foldByPerson(people, lines);
    const others = claimed.accountIds.filter((accountId) => accountId !== claimed.accountId);
    const locked = await this.repository.lock(tx, [...imported.keys()], others);
    await this.write(tx, claimed, imported, locked);
    await this.label(tx, imported);
    await this.optOut(tx, claimed, imported, locked);
    return [...imported.values()].filter(({ person }) => person.isNew).length;
  }

  /** Of people whom only other accounts know, what is empty is filled; they could not be seen, so nothing was meant. */
  private async write(
    tx: Tx,
    { accountIds }: ClaimedImport,
    imported: ReadonlyMap<number, Imported>,
    locked: readonly LockedPerson[],
  ): Promise<void> {
    const news = locked.flatMap(({ id, is_known: isKnown }) => {
      const { person, name, email, notes } = imported.get(id) as Imported;
      const replaces = person.isNew || person.wasLinked || isKnown || accountIds.length === 0;
      return name || email || notes ? [{ contactId: id, name, email, notes, replaces }] : [];
    });
    if (news.length > 0) {
      await this.repository.write(tx, news);
    }
  }

  private async label(tx: Tx, imported: ReadonlyMap<number, Imported>): Promise<void> {
    const labels = [...imported].flatMap(([contactId, { labels: names }]) =>
      names.map((name) => ({ contactId, name })),
    );
    if (labels.length > 0) {
      await this.labels.resolve(tx, [...new Set(labels.map(({ name }) => name))]);
      await this.repository.addLabels(tx, labels);
    }
  }

  /** A file opts people out and never in. Who is out already stays so since they said it. */
  private async optOut(
    tx: Tx,
    { accountId, createdAt }: ClaimedImport,
    imported: ReadonlyMap<number, Imported>,
    locked: readonly LockedPerson[],
  ): Promise<void> {
    await this.consent.apply(
      tx,
      locked.flatMap(({ id, opted_out: isOptedOut }) =>
        imported.get(id)?.optedOut && !isOptedOut
          ? [{ contactId: id, accountId, optedOut: true, at: createdAt, source: SOURCE }]
          : [],
      ),
    );
  }
}

/** Later lines win where they say something; labels and opt-outs add up. */
function foldByPerson(people: readonly EnsuredPerson[], lines: readonly ContactLine[]): Map<number, Imported> {
  const imported = new Map<number, Imported>();
  for (const [index, line] of lines.entries()) {
    const person = people[index] as EnsuredPerson;
    const before = imported.get(person.contactId);
    imported.set(person.contactId, {
      person,
      name: line.name || (before?.name ?? ''),
      email: line.email || (before?.email ?? ''),
      notes: line.notes || (before?.notes ?? ''),
      labels: [...(before?.labels ?? []), ...line.labels],
      optedOut: line.optedOut || (before?.optedOut ?? false),
    });
  }
  return imported;
}

import { Injectable } from '@nestjs/common';
import { AppError, invalidFields, type FieldError } from '../common/app-error.js';
import { decodeCursor, toPage, type Page } from '../common/page.js';
import { Database, type Queryable, type Tx } from '../database/database.js';
import { violatedUniqueKey } from '../database/pg-error.js';
import { LabelsRepository, type LabelFilter, type LabelRow } from './labels.repository.js';

/** As in JSON bodies: a number is an id, a string a name. */
export type LabelReference = number | string;

export const MAX_LABEL_NAME = 50;
const LIST = 'labels';
const DEFAULT_COLOR = 'gray';

/** Tags for contacts and conversations, shared by the whole installation. */
@Injectable()
export class LabelsService {
  constructor(
    private readonly database: Database,
    private readonly repository: LabelsRepository,
  ) {}

  /** @param accountIds accounts the key is tied to: whose contacts and conversations count; empty: all */
  async list(
    accountIds: readonly number[],
    query: Pick<LabelFilter, 'q'> & { limit: number; cursor?: string | undefined },
  ): Promise<Page<LabelRow>> {
    const { q, limit, cursor } = query;
    const rows = await this.repository.list(this.database, { accountIds, q, after: readCursor(cursor) }, limit + 1);
    return toPage(LIST, rows, limit, (row) => [row.sort_key, row.id]);
  }

  /** @throws `label_exists` */
  async create(accountIds: readonly number[], input: { name: string; color?: string }): Promise<LabelRow> {
    const id = await this.repository.create(this.database, requireName(input.name), input.color ?? DEFAULT_COLOR);
    if (id === null) {
      throw labelExists();
    }
    return this.read(accountIds, id);
  }

  /** @throws `not_found`, `label_exists` */
  async update(accountIds: readonly number[], id: number, input: { name?: string; color?: string }): Promise<LabelRow> {
    const name = input.name === undefined ? null : requireName(input.name);
    try {
      if (!(await this.repository.update(this.database, id, { name, color: input.color ?? null }))) {
        throw noSuchLabel();
      }
    } catch (error) {
      throw violatedUniqueKey(error) === null ? error : labelExists();
    }
    return this.read(accountIds, id);
  }

  /**
   * Takes the label from every contact and conversation.
   * @throws `not_found`; `label_in_use` when the key is tied to accounts and others use the label
   */
  async remove(accountIds: readonly number[], id: number): Promise<void> {
    await this.database.transaction(async (tx) => {
      if (!(await this.repository.lock(tx, id))) {
        throw noSuchLabel();
      }
      if (accountIds.length > 0 && (await this.repository.isUsedBeyond(tx, id, accountIds))) {
        throw new AppError('label_in_use', 'The label is in use elsewhere in this installation.');
      }
      await this.repository.remove(tx, id);
    });
  }

  /**
   * Ids of the labels meant. A name that no label has becomes one; of an id there must be one.
   * @param field how the request calls the list, for errors
   * @throws `400 validation_failed` naming each id that no label has
   */
  async resolve(tx: Tx, references: readonly LabelReference[], field = 'labels'): Promise<number[]> {
    const found = await this.find(tx, references);
    refuse(
      references.flatMap((reference, index) =>
        typeof reference === 'number' && !found.includes(reference) ? [noLabel(`${field}.${index}`, reference)] : [],
      ),
    );
    return found;
  }

  /**
   * The id of the label meant, as in JSON: a number is an id, a string a name, which becomes a label when none has it.
   * @param field how the request calls it, for errors
   * @throws `400 validation_failed` naming the field: no label has the id, or the name cannot be one
   */
  async resolveOne(tx: Tx, reference: LabelReference, field: string): Promise<number> {
    const given = typeof reference === 'string' ? reference.trim() : reference;
    if (!isReference(given)) {
      throw invalidFields([invalidLabel(field)]);
    }
    const [id] = await this.find(tx, [given]);
    if (id === undefined) {
      throw invalidFields([noLabel(field, given)]);
    }
    return id;
  }

  /** The id of the label meant, as in a query: digits are an id first, then a name. Null: there is none. */
  async findByQuery(q: Queryable, text: string): Promise<number | null> {
    const name = text.trim();
    return this.repository.findByQuery(q, /^\d{1,15}$/.test(name) ? Number(name) : null, name);
  }

  /** Gives the contact exactly these labels. */
  async replace(tx: Tx, contactId: number, references: readonly LabelReference[]): Promise<void> {
    const ids = await this.resolve(tx, references);
    await this.repository.removeOthersFromContact(tx, contactId, ids);
    await this.repository.addToContact(tx, contactId, ids);
  }

  /** Gives the contact these labels beside those it has. */
  async add(tx: Tx, contactId: number, references: readonly LabelReference[]): Promise<void> {
    await this.repository.addToContact(tx, contactId, await this.resolve(tx, references));
  }

  private async find(tx: Tx, references: readonly LabelReference[]): Promise<number[]> {
    const ids = references.filter((reference) => typeof reference === 'number');
    const names = references.filter((reference) => typeof reference === 'string');
    if (names.length > 0) {
      await this.repository.createMissing(tx, names);
    }
    return references.length > 0 ? this.repository.hold(tx, ids, names) : [];
  }

  private async read(accountIds: readonly number[], id: number): Promise<LabelRow> {
    const label = await this.repository.find(this.database, id, accountIds);
    if (!label) {
      throw noSuchLabel();
    }
    return label;
  }
}

/** Reads a list of labels of a JSON body. @throws `400 validation_failed` naming each item that is neither id nor name */
export function readLabelReferences(value: unknown, maxItems: number, field = 'labels'): LabelReference[] {
  if (!Array.isArray(value) || value.length > maxItems) {
    throw invalidFields([fieldError(field, 'not_array', `must be a list of at most ${maxItems} ids or names`)]);
  }
  const references = value.map((item: unknown) => (typeof item === 'string' ? item.trim() : item));
  refuse(references.flatMap((item, index) => (isReference(item) ? [] : [invalidLabel(`${field}.${index}`)])));
  return references as LabelReference[];
}

/** Can this be the name of a label? It is trimmed by whoever reads it. */
export function isLabelName(name: string): boolean {
  return name.length > 0 && name.length <= MAX_LABEL_NAME && !/[\u0000\p{Surrogate}]/u.test(name);
}

function isReference(item: unknown): item is LabelReference {
  return typeof item === 'string'
    ? isLabelName(item)
    : typeof item === 'number' && Number.isSafeInteger(item) && item > 0;
}

function requireName(given: string): string {
  const name = given.trim();
  if (!isLabelName(name)) {
    throw invalidFields([
      fieldError('name', 'invalid_label', `must have 1 to ${MAX_LABEL_NAME} characters that are not all spaces`),
    ]);
  }
  return name;
}

function readCursor(cursor: string | undefined): LabelFilter['after'] {
  if (cursor === undefined) {
    return null;
  }
  const [sortKey, id] = decodeCursor(LIST, cursor, 2);
  if (typeof sortKey !== 'string' || typeof id !== 'number' || /[\u0000\p{Surrogate}]/u.test(sortKey)) {
    throw new AppError('bad_cursor', 'Take the cursor from next_cursor of the previous page, unchanged.');
  }
  return { sortKey, id };
}

function noSuchLabel(): AppError {
  return new AppError('not_found', 'There is no such label.');
}

function labelExists(): AppError {
  return new AppError('label_exists', 'There is a label with this name.');
}

function noLabel(field: string, reference: LabelReference): FieldError {
  return fieldError(field, 'not_found', `is not a label: there is no label ${reference}`);
}

function invalidLabel(field: string): FieldError {
  return fieldError(field, 'invalid_label', `must be an id or a name of at most ${MAX_LABEL_NAME} characters`);
}

function fieldError(field: string, code: string, message: string): FieldError {
  return { field, code, message: `${field} ${message}` };
}

function refuse(errors: FieldError[]): void {
  if (errors.length > 0) {
    throw invalidFields(errors);
  }
}

import { Injectable } from '@nestjs/common';
import { invalidFields, type FieldError } from '../common/app-error.js';
import type { Tx } from '../database/database.js';
import { LabelsRepository } from './labels.repository.js';

/** As in JSON bodies: a number is an id, a string a name. */
export type LabelReference = number | string;

const MAX_NAME = 50;

@Injectable()
export class LabelsService {
  constructor(private readonly repository: LabelsRepository) {}

  /**
   * Ids of the labels meant. A name that no label has becomes one; of an id there must be one.
   * @param field how the request calls the list, for errors
   * @throws `400 validation_failed` naming each id that no label has
   */
  async resolve(tx: Tx, references: readonly LabelReference[], field = 'labels'): Promise<number[]> {
    const ids = references.filter((reference) => typeof reference === 'number');
    const names = references.filter((reference) => typeof reference === 'string');
    if (names.length > 0) {
      await this.repository.createMissing(tx, names);
    }
    const found = references.length > 0 ? await this.repository.find(tx, ids, names) : [];
    const errors = references.flatMap((reference, index) =>
      typeof reference === 'number' && !found.includes(reference)
        ? [fieldError(`${field}.${index}`, 'not_found', `there is no label ${reference}`)]
        : [],
    );
    refuse(errors);
    return found;
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
}

/** Reads a list of labels of a JSON body. @throws `400 validation_failed` naming each item that is neither id nor name */
export function readLabelReferences(value: unknown, maxItems: number, field = 'labels'): LabelReference[] {
  if (!Array.isArray(value) || value.length > maxItems) {
    throw invalidFields([fieldError(field, 'not_array', `must be a list of at most ${maxItems} ids or names`)]);
  }
  const references = value.map((item: unknown) => (typeof item === 'string' ? item.trim() : item));
  refuse(
    references.flatMap((item, index) =>
      isReference(item)
        ? []
        : [
            fieldError(
              `${field}.${index}`,
              'invalid_label',
              `must be an id or a name of at most ${MAX_NAME} characters`,
            ),
          ],
    ),
  );
  return references as LabelReference[];
}

function isReference(item: unknown): item is LabelReference {
  return typeof item === 'string'
    ? item.length > 0 && item.length <= MAX_NAME && !/[\u0000\p{Surrogate}]/u.test(item)
    : typeof item === 'number' && Number.isSafeInteger(item) && item > 0;
}

function fieldError(field: string, code: string, message: string): FieldError {
  return { field, code, message: `${field} ${message}` };
}

function refuse(errors: FieldError[]): void {
  if (errors.length > 0) {
    throw invalidFields(errors);
  }
}

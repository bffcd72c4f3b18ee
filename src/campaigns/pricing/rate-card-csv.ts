import type { Readable } from 'node:stream';
import { invalidField, invalidFields, type FieldError } from '../../common/app-error.js';
import { openCsv } from '../../common/csv.js';
import { COUNTRY_CODES } from './rate-input.js';
import { MICROS, RATE_CATEGORIES, REST_OF_WORLD, type Rate, type RateCategory } from './rate-table.js';

const COUNTRY_COLUMNS = ['country', 'market'];
const REST = ['*', 'other', 'rest of world', 'rest of the world'];
/** Cells of a rate card where Meta has no price. */
const NO_PRICE = ['', '-', '–', 'n/a', 'na'];
const PRICE = /^[^\d.,-]{0,4}(\d{1,6}(?:[.,]\d{1,10})?)$/;
const MAX_RATES = 2_000;
const SHOWN_ERRORS = 20;
const SHOWN_LENGTH = 60;

/** A rate card as a file has it. */
export interface RateCard {
  /** Of the file's currency column; null when it has none. */
  currency: string | null;
  rates: Rate[];
}

/** Where the columns of a file are: a price of one category each, or one price and the category that it is of. */
interface Columns {
  country: number;
  currency: number;
  category: number;
  price: number;
  byCategory: { at: number; category: RateCategory }[];
}

/**
 * Reads a rate card: `country,category,price`, or a line for each country with a column for each category, as Meta's own
 * cards have (`Market,Currency,Marketing,Utility,…`). A country is an ISO code or its English name.
 * @throws `400 validation_failed` naming the lines that cannot be read
 */
export async function readRateCard(file: Readable): Promise<RateCard> {
  const csv = await openCsv(file);
  if (!csv) {
    throw invalidField('file', 'empty', 'The file is empty.');
  }
  const columns = readHeader(csv.header);
  if (!columns) {
    await csv.close();
    throw invalidField(
      'file',
      'wrong_columns',
      `The file needs the columns country, category and price, or country and ${RATE_CATEGORIES.slice(0, 5).join(', ')}.`,
    );
  }
  const rates = new Map<string, Rate>();
  const currencies = new Set<string>();
  const errors: FieldError[] = [];
  for await (const { line, cells } of csv.records(null)) {
    const fail = (code: string, message: string): void => {
      errors.push({ field: 'file', code, message: `Line ${line}: ${message}` });
    };
    const cell = (at: number): string => cells[at]?.trim() ?? '';
    const country = countryOf(cell(columns.country));
    if (country === null) {
      fail('unknown_country', `"${cell(columns.country).slice(0, SHOWN_LENGTH)}" is no country`);
    }
    if (cell(columns.currency) !== '') {
      currencies.add(
        cell(columns.currency)
          .replace(/^\$?([A-Za-z]{3})$/, '$1')
          .toUpperCase(),
      );
    }
    for (const { category, text } of pricesOf(columns, cell)) {
      const priceMicros = microsOf(text);
      if (category === null) {
        fail('unknown_category', `"${cell(columns.category).slice(0, SHOWN_LENGTH)}" is no category`);
      } else if (priceMicros === null) {
        fail('not_a_number', `"${text.slice(0, SHOWN_LENGTH)}" is no price`);
      } else if (country !== null && rates.has(`${country} ${category}`)) {
        fail('duplicate', `a second price for ${category} in ${country}`);
      } else if (country !== null) {
        rates.set(`${country} ${category}`, { country, category, priceMicros });
      }
    }
    if (errors.length >= SHOWN_ERRORS || rates.size > MAX_RATES) {
      break;
    }
  }
  const wrong = wholeFileError(rates.size, currencies);
  if (errors.length > 0 || wrong) {
    throw invalidFields([...errors, ...(wrong ? [wrong] : [])]);
  }
  return { currency: [...currencies][0] ?? null, rates: [...rates.values()] };
}

function wholeFileError(count: number, currencies: ReadonlySet<string>): FieldError | null {
  if (count > MAX_RATES) {
    return { field: 'file', code: 'too_many', message: `A rate table has at most ${MAX_RATES} prices.` };
  }
  if (currencies.size > 1 || [...currencies].some((currency) => !/^[A-Z]{3}$/.test(currency))) {
    const message = `The file must be in one currency, not in ${[...currencies].join(', ').slice(0, SHOWN_LENGTH)}.`;
    return { field: 'file', code: 'wrong_currency', message };
  }
  return null;
}

function readHeader(header: readonly string[]): Columns | null {
  const names = header.map((name) => name.trim().toLowerCase());
  const byCategory = names.flatMap((name, at) => {
    const category = categoryOf(name);
    return category === null ? [] : [{ at, category }];
  });
  const columns = {
    country: names.findIndex((name) => COUNTRY_COLUMNS.includes(name)),
    currency: names.indexOf('currency'),
    category: names.indexOf('category'),
    price: names.indexOf('price'),
    byCategory,
  };
  const hasPrices = byCategory.length > 0 || (columns.category >= 0 && columns.price >= 0);
  return columns.country >= 0 && hasPrices ? columns : null;
}

function pricesOf(columns: Columns, cell: (at: number) => string): { category: RateCategory | null; text: string }[] {
  const prices =
    columns.byCategory.length > 0
      ? columns.byCategory.map(({ at, category }) => ({ category, text: cell(at) }))
      : [{ category: categoryOf(cell(columns.category)), text: cell(columns.price) }];
  return prices.filter(({ text }) => !NO_PRICE.includes(text.toLowerCase()));
}

function categoryOf(text: string): RateCategory | null {
  const name = text.trim().toLowerCase().replace(/\s+/g, ' ');
  return RATE_CATEGORIES.find((category) => category === name || spelledOut(category) === spelledOut(name)) ?? null;
}

function spelledOut(name: string): string {
  return name.replace(/[-_ ]+/g, ' ');
}

function microsOf(text: string): number | null {
  const number = PRICE.exec(text.replace(/\s/g, ''))?.[1];
  return number === undefined ? null : Math.round(Number(number.replace(',', '.')) * MICROS);
}

const byName = new Map<string, string>();

function countryOf(text: string): string | null {
  if (REST.includes(text.toLowerCase())) {
    return REST_OF_WORLD;
  }
  if (COUNTRY_CODES.has(text.toUpperCase())) {
    return text.toUpperCase();
  }
  if (byName.size === 0) {
    const names = new Intl.DisplayNames(['en'], { type: 'region' });
    COUNTRY_CODES.forEach((code) => byName.set(plain(names.of(code) ?? code), code));
  }
  return byName.get(plain(text)) ?? null;
}

/** Côte d’Ivoire and Cote d'Ivoire are one. */
function plain(name: string): string {
  return name
    .normalize('NFD')
    .replace(/\p{Mn}/gu, '')
    .toLowerCase()
    .replace(/&/g, 'and')
    .replace(/[^a-z]+/g, ' ')
    .trim();
}

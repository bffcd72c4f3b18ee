import { containing, escapeLike } from '../common/like.js';
import { parsePhoneNumber, type PhoneNumber } from '../common/phone-number.js';

/** Words to find in texts. */
export interface WordSearch {
  /** For `to_tsquery`, before it is made lower case. */
  tsquery: string;
  /** LIKE patterns that every text with the words fits: much cheaper to check than words. */
  patterns: string[];
  /** Those of characters that have to stand side by side, which the index of words does not know. */
  runs: string[];
}

/** What a person typed into the search of the inbox, by where it is looked for; null: it is nothing that could be there. */
export interface InboxSearch {
  texts: WordSearch;
  names: WordSearch;
  /** LIKE pattern for a part of a name, where the index of trigrams knows it. */
  part: string | null;
  /** LIKE pattern. */
  username: string | null;
  /** LIKE pattern for some digits of a phone. */
  digits: string | null;
  /** A whole phone number, in whatever spelling. */
  phone: PhoneNumber | null;
}

/**
 * What is no letter, digit or mark, and separates words. It and {@link UNSPACED} are the classes of the function
 * `search_words` in the database: words are cut here exactly as they were cut when the index was written.
 */
const SEPARATORS =
  /[\s\u0000-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00a9\u00ab-\u00b4\u00b6-\u00b9\u00bb-\u00bf\u060c\u061b\u061f\u06d4\u0964\u0965\u2000-\u206f\u20a0-\u20cf\u2190-\u2bff\u3000-\u3004\u3008-\u3020\ufe00-\ufe0f\uff00-\uff0f\uff1a-\uff20\uff5b-\uff65\u{1f000}-\u{1faff}]+/u;

/** Scripts that are written without spaces: Thai, Lao, Burmese, Khmer, Japanese, Chinese, Korean. Each character is a word. */
const UNSPACED =
  /[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]+|[^\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]+/gu;
const IS_UNSPACED = /^[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]/u;

/** Fewer letters or digits than this, and trigrams do not narrow anything. */
const MIN_PART = 3;
const PART = /^[\x20-\x7e]*[a-z0-9]{3}[\x20-\x7e]*$/i;
const USERNAME = /^@?([a-z0-9._]+)$/i;
const PHONE_PART = /^[+0-9()\-./\s]+$/;

/**
 * Reads `q`: every word must be there, the last one may be a beginning.
 * @returns null when there is no letter and no digit in it: nothing is found by anything else
 */
export function readSearch(q: string, defaultCountry: string | null): InboxSearch | null {
  const text = q.normalize('NFC').trim();
  const runs = text
    .split(SEPARATORS)
    .filter((token) => token !== '')
    .flatMap((token) => token.match(UNSPACED) ?? []);
  const words = runs.flatMap((run) => (IS_UNSPACED.test(run) ? [...run] : [run]));
  const last = words.at(-1);
  if (last === undefined) {
    return null;
  }
  // Nearly every text has a word that begins with a given letter; a name that does is worth showing.
  const isBeginning = [...last].length > 1 || IS_UNSPACED.test(last);
  const all = words.join(' & ');
  const patterns = { patterns: runs.map(containing), runs: runs.filter(isRun).map(containing) };
  return {
    texts: { tsquery: isBeginning ? `${all}:*` : all, ...patterns },
    names: { tsquery: `${all}:*`, ...patterns },
    part: PART.test(text) ? containing(text) : null,
    username: usernamePattern(text),
    digits: digitsPattern(text),
    phone: parsePhoneNumber(text, defaultCountry),
  };
}

function isRun(run: string): boolean {
  return IS_UNSPACED.test(run) && [...run].length > 1;
}

function usernamePattern(text: string): string | null {
  const name = USERNAME.exec(text)?.[1];
  if (name === undefined) {
    return null;
  }
  return name.length < MIN_PART ? `${escapeLike(name)}%` : containing(name);
}

/** Phones stand with their country code, so a leading zero of any kind is left out. */
function digitsPattern(text: string): string | null {
  if (!PHONE_PART.test(text)) {
    return null;
  }
  const digits = text.replace(/[^0-9]/g, '').replace(/^0+/, '');
  return digits.length < MIN_PART ? null : containing(digits);
}

import { randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const BRAND = 'wak_live_';
const ID_LENGTH = 10;
/** 43 characters of 62 are 256 bits. */
const SECRET_LENGTH = 43;
const CHECKSUM_LENGTH = 6;

const OUR_PREFIX = new RegExp(`^${BRAND}[0-9A-Za-z]{${ID_LENGTH}}$`);

/**
 * What every key looks like that Parley makes: for scanners that look for leaked secrets. The last six characters are the
 * checksum, so a scanner that computes it is never wrong.
 */
export const KEY_PATTERN = new RegExp(
  `^${BRAND}[0-9A-Za-z]{${ID_LENGTH}}_[0-9A-Za-z]{${SECRET_LENGTH + CHECKSUM_LENGTH}}$`,
);

/**
 * Makes a key: `wak_live_<10-character id>_<43-character secret><6-character CRC-32>`. The beginning lets scanners of
 * leaked secrets recognise it, the checksum lets anyone tell a typing error without asking us.
 * @param prefix of the key that this one replaces: both then look the same in lists and logs
 */
export function generateKey(prefix?: string): string {
  const beginning = prefix !== undefined && OUR_PREFIX.test(prefix) ? prefix : BRAND + randomText(ID_LENGTH);
  const body = `${beginning}_${randomText(SECRET_LENGTH)}`;
  return body + checksum(body);
}

/** How a key is shown. Of a key that somebody else made up, so little that it gives nothing away. */
export function prefixOf(key: string): string {
  const prefix = key.slice(0, BRAND.length + ID_LENGTH);
  return OUR_PREFIX.test(prefix) && hasChecksum(key) ? prefix : `${key.slice(0, 4)}…`;
}

/** Does the key end in its checksum? */
export function hasChecksum(key: string): boolean {
  const body = key.slice(0, -CHECKSUM_LENGTH);
  return key.length > CHECKSUM_LENGTH && key === body + checksum(body);
}

function checksum(body: string): string {
  let rest = crc32(body);
  let text = '';
  for (let i = 0; i < CHECKSUM_LENGTH; i += 1) {
    text = ALPHABET.charAt(rest % ALPHABET.length) + text;
    rest = Math.floor(rest / ALPHABET.length);
  }
  return text;
}

function randomText(length: number): string {
  return Array.from({ length }, () => ALPHABET.charAt(randomInt(ALPHABET.length))).join('');
}

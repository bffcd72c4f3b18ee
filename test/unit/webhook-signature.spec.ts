import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { Secret } from '../../src/common/secret.js';
import { findSigningSecret } from '../../src/meta/webhook-signature.js';

const A = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';
const B = 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb';

function find(body: Buffer | string, header: string | undefined, ...secrets: string[]): number {
  return findSigningSecret(
    Buffer.from(body),
    header,
    secrets.map((secret) => new Secret(secret)),
  );
}

function sign(body: Buffer | string, secret: string, algorithm = 'sha256'): string {
  return `${algorithm}=${createHmac(algorithm, secret).update(body).digest('hex')}`;
}

describe('the signature of a webhook', () => {
  // Vectors made by another program: printf '%s' BODY | openssl dgst -sha256 -hmac aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
  it.each([
    [
      'plain ASCII',
      '{"object":"whatsapp_business_account"}',
      '6c9ad50c83e663f453530b1e5ff75d6230374b5537279cac9db107a3af5b870a',
    ],
    ['an empty body', '', 'a5c44c366680c9ae1d4986d2499755aac34c67ab95dd1214e4f3c2de516db03f'],
    [
      'escaped characters, as Meta writes them',
      '{"text":"\\u00e4\\/\\ud83d\\ude00"}',
      'ebfd2f58f40594f167e4dfa823f3e11fc38bfe4d47601b42d92a47fa2386e9c1',
    ],
  ])('is the HMAC-SHA256 of the bytes: %s', (_what, body, hmac) => {
    expect(find(body, `sha256=${hmac}`, A)).toBe(0);
    expect(find(body, `sha256=${hmac}`, B)).toBe(-1);
  });

  it('tells which of several secrets it was made with', () => {
    expect(find('{}', sign('{}', B), A, B)).toBe(1);
    expect(find('{}', sign('{}', A), A, B)).toBe(0);
    expect(find('{}', sign('{}', 'c'), A, B)).toBe(-1);
  });

  it('is the first one when two accounts share a secret', () => {
    expect(find('{}', sign('{}', A), A, A)).toBe(0);
  });

  it('is no signature when nobody has a secret', () => {
    expect(find('{}', sign('{}', ''))).toBe(-1);
  });

  it('is over the bytes: the same JSON written otherwise has another one', () => {
    const wire = '{"name":"J\\u00f6rg \\/ Z\\u00fcrich"}';
    expect(find(wire, sign(wire, A), A)).toBe(0);
    expect(find(JSON.stringify(JSON.parse(wire)), sign(wire, A), A)).toBe(-1);
    expect(find(`${wire} `, sign(wire, A), A)).toBe(-1);
  });

  const hex = sign('{}', A).slice('sha256='.length);
  it.each<[string, string | undefined]>([
    ['missing', undefined],
    ['empty', ''],
    ['without its prefix', hex],
    ['of SHA-1', sign('{}', A, 'sha1')],
    ['SHA-1 in name only', `sha1=${hex}`],
    ['in upper case', `sha256=${hex.toUpperCase()}`],
    ['with an upper-case prefix', `SHA256=${hex}`],
    ['cut short', `sha256=${hex.slice(0, 63)}`],
    ['too long', `sha256=${hex}0`],
    ['followed by a space', `sha256=${hex} `],
    ['followed by a line', `sha256=${hex}\n`],
    ['preceded by another', `sha256=${'0'.repeat(64)}, sha256=${hex}`],
    ['in base64', `sha256=${Buffer.from(hex, 'hex').toString('base64')}`],
    ['no hexadecimal', `sha256=${'z'.repeat(64)}`],
  ])('is refused when it is %s', (_how, header) => {
    expect(find('{}', header, A)).toBe(-1);
  });

  it('matches no body in which a single byte is another, whatever body it was', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 2_000 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (bytes, position, change) => {
          const mutated = Buffer.from(bytes);
          const index = position % mutated.length;
          mutated[index] = (mutated[index] as number) ^ change;
          const signature = sign(Buffer.from(bytes), A);
          expect(find(Buffer.from(bytes), signature, B, A)).toBe(1);
          expect(find(mutated, signature, B, A)).toBe(-1);
        },
      ),
    );
  });

  it('is no other signature in which a single digit is another', () => {
    fc.assert(
      fc.property(fc.nat(63), fc.integer({ min: 1, max: 15 }), (position, change) => {
        const digits = [...hex];
        digits[position] = (parseInt(digits[position] as string, 16) ^ change).toString(16);
        expect(find('{}', `sha256=${digits.join('')}`, A)).toBe(-1);
      }),
    );
  });
});

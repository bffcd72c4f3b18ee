import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { Keyring, Secret } from '../../src/common/secret.js';

const key = (id: string): string => `${id}:${randomBytes(32).toString('base64')}`;

describe('a secret', () => {
  it('prints as nothing but [secret]', () => {
    const secret = new Secret('hush');
    expect([String(secret), JSON.stringify({ secret }), inspect({ secret }), `${secret}`].join()).not.toContain('hush');
    expect(secret.reveal()).toBe('hush');
  });

  it('at rest is read with any key of the ring, and written with the newest', () => {
    const [old, fresh] = [key('k1'), key('k2')];
    const stored = new Keyring(old).encrypt(new Secret('hush'), 'row 1');
    const ring = new Keyring(`${fresh},${old}`);
    expect(ring.decrypt(stored, 'row 1').reveal()).toBe('hush');
    expect(ring.encrypt(new Secret('hush'), 'row 1')).toMatch(/^v1:k2:/);
  });

  it('at rest is of no use in another row, without its key, or when it was changed', () => {
    const ring = new Keyring(key('k1'));
    const stored = ring.encrypt(new Secret('hush'), 'row 1');
    expect(() => ring.decrypt(stored, 'row 2')).toThrow();
    expect(() => new Keyring(key('k1')).decrypt(stored, 'row 1')).toThrow();
    expect(() => new Keyring(key('k9')).decrypt(stored, 'row 1')).toThrow();
    expect(() => ring.decrypt(`${stored.slice(0, -4)}AAA=`, 'row 1')).toThrow();
    expect(() => ring.decrypt('hush', 'row 1')).toThrow();
  });
});
